"""A small multilayer perceptron over five numbers and six categories."""

from __future__ import annotations

import torch
from torch import nn

NUMBERS = 5
UNITS = 37


class IncomeNet(nn.Module):
    """Standardises the numbers with the training set's mean and scale, puts the categories beside them, two hidden layers."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(NUMBERS))
        self.register_buffer("scale", torch.ones(NUMBERS))
        self.first = nn.Linear(NUMBERS + UNITS, 64)
        self.second = nn.Linear(64, 64)
        self.head = nn.Linear(64, 2)

    def forward(self, numbers: torch.Tensor, units: torch.Tensor) -> torch.Tensor:
        """(n, 5) numbers and (n, 37) units to (n, 2) logits: <=50K, >50K."""
        known = torch.cat([(numbers - self.mean) * self.scale, units], dim=1)
        logits: torch.Tensor = self.head(torch.relu(self.second(torch.relu(self.first(known)))))
        return logits


def build() -> IncomeNet:
    """The untrained network."""
    return IncomeNet()
