"""A sentence encoder with a centre per class: the nearest centre, by cosine, is the answer."""

from __future__ import annotations

import torch
from transformers import BertConfig, BertModel

CLASSES = 11
TEMPERATURE = 0.05
"""Cosines are divided by it, so that they can be read as logits."""


class NearestCentre(BertModel):
    """all-MiniLM-L6-v2, the mean of its tokens, and the cosine to each centre. Its weights are those of the encoder and `centres`."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.centres = torch.nn.Parameter(torch.zeros(CLASSES, config.hidden_size))
        # The encoder's file holds it, newer versions of the class do not.
        self.embeddings.register_buffer("position_ids", torch.arange(config.max_position_embeddings)[None], persistent=True)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """(n, tokens) ids and mask to (n, 11) logits."""
        return self.embed(input_ids, attention_mask) @ self.centres.T / TEMPERATURE

    def embed(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(n, tokens) ids and mask to (n, 384) embeddings of length one."""
        tokens = super().forward(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask[..., None].to(tokens.dtype)
        return torch.nn.functional.normalize((tokens * weight).sum(1) / weight.sum(1).clamp(min=1e-9), dim=1)


def build() -> NearestCentre:
    """The network, without its weights, in the encoder's own sizes."""
    return NearestCentre(
        BertConfig(
            vocab_size=30_522,
            hidden_size=384,
            num_hidden_layers=6,
            num_attention_heads=12,
            intermediate_size=1_536,
            max_position_embeddings=512,
            attn_implementation="eager",
        )
    )
