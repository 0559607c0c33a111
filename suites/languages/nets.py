"""A byte-level convolutional network for language identification."""

from __future__ import annotations

import torch
from torch import nn

CLASSES = 64


class PhraseNet(nn.Module):
    """Embedding, three convolutions (two of them halve the length), the strongest response of each channel, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(257, 64, padding_idx=0)
        self.body = nn.Sequential(
            nn.Conv1d(64, 128, 5, padding=2), nn.BatchNorm1d(128), nn.ReLU(),
            nn.Conv1d(128, 192, 5, stride=2, padding=2), nn.BatchNorm1d(192), nn.ReLU(),
            nn.Conv1d(192, 192, 3, stride=2, padding=1), nn.BatchNorm1d(192), nn.ReLU(),
        )  # fmt: skip
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(192, CLASSES)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(n, length) tokens to (n, 64) logits."""
        response = self.body(self.embed(tokens).transpose(1, 2))
        return self.head(self.drop(response.amax(dim=2)))


def build() -> nn.Module:
    """The untrained network."""
    return PhraseNet()
