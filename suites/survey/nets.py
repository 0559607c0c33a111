"""A small multilayer perceptron over eight answers of a questionnaire."""

from __future__ import annotations

import torch
from torch import nn


class AnswerNet(nn.Module):
    """Standardises the answers with the training set's mean and scale, then two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("scale", torch.ones(8))
        self.layers = nn.Sequential(
            nn.Linear(8, 96), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(96, 96), nn.ReLU(), nn.Dropout(0.2),
            nn.Linear(96, 2),
        )  # fmt: skip

    def forward(self, answers: torch.Tensor) -> torch.Tensor:
        """(n, 8) answers to (n, 2) logits: no, yes."""
        return self.layers((answers - self.mean) * self.scale)


def build() -> nn.Module:
    """The untrained network."""
    return AnswerNet()
