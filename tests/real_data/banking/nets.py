"""A bag of hashed n-grams with one linear layer."""

from __future__ import annotations

import torch
from torch import nn

BUCKETS = 4096
INTENTS = 77


class QueryNet(nn.Module):
    """The sum of the features' embeddings over the square root of their number, rectified, and one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(BUCKETS + 1, 64, padding_idx=0)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(64, INTENTS)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(n, length) features to (n, 77) logits."""
        count = (features > 0).sum(dim=1, keepdim=True).clamp(min=1)
        bag = self.embed(features).sum(dim=1) / count.to(torch.float32).sqrt()
        logits: torch.Tensor = self.head(self.drop(torch.relu(bag)))
        return logits


def build() -> QueryNet:
    """The untrained network."""
    return QueryNet()
