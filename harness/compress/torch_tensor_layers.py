"""Layers whose matrix is never put together: it is made of small factors, applied one after the other. Imports torch.

The last axis of the input, of size a·b, is read as a × b (row by row), and the output is written alike.

Kronecker:  (F₁ ⊗ F₂) x, what stands on either side of the core of a Tucker decomposition.
ToTerms:    (B₁ ⊙ B₂)ᵀ x, what each term of a CP decomposition takes from the input (⊙ is the Khatri-Rao product).
FromTerms:  (A₁ ⊙ A₂) h, the sum of what the terms give.

Kolda and Bader 2009, doi:10.1137/07070111X, sections 2.6 and 3 to 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import Linear


class Kronecker(torch.nn.Module):
    """(…, a·b) to (…, c·d): y[k, l] = Σ F₁[k, i] F₂[l, j] x[i, j] + bias[k, l].

    `in_shape` is (a, b), `out_shape` is (c, d). An axis that keeps its size has no factor.
    """

    def __init__(self, in_shape: Sequence[int], out_shape: Sequence[int], bias: bool = False) -> None:
        super().__init__()
        (a, b), (c, d) = in_shape, out_shape
        self.in_shape, self.out_shape = (a, b), (c, d)
        self.first = Linear(a, c, bias=False) if a != c else None
        self.second = Linear(b, d, bias=False) if b != d else None
        self.bias = torch.nn.Parameter(torch.zeros(c * d)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """One factor, then the other: a·b·d + a·d·c multiplications per row in place of a·b·c·d."""
        y = x.reshape(*x.shape[:-1], *self.in_shape)
        if self.second is not None:
            y = self.second(y)
        if self.first is not None:
            y = self.first(y.transpose(-1, -2)).transpose(-1, -2)
        y = y.flatten(-2)
        return y if self.bias is None else y + self.bias

    @property
    def multiplications(self) -> int:
        """Per row of the input."""
        (a, b), (c, d) = self.in_shape, self.out_shape
        return (a * b * d if b != d else 0) + (a * d * c if a != c else 0)


class ToTerms(torch.nn.Module):
    """(…, a·b) to (…, rank): h[r] = Σ B₁[i, r] B₂[j, r] x[i, j]."""

    def __init__(self, in_shape: Sequence[int], rank: int) -> None:
        super().__init__()
        a, b = in_shape
        self.in_shape, self.rank = (a, b), rank
        self.first = torch.nn.Parameter(torch.zeros(a, rank))
        self.second = Linear(b, rank, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Along the second axis by a product, along the first by a weighted sum per term."""
        y: torch.Tensor = self.second(x.reshape(*x.shape[:-1], *self.in_shape))
        return (y * self.first).sum(-2)

    @property
    def multiplications(self) -> int:
        """Per row of the input."""
        a, b = self.in_shape
        return a * b * self.rank + a * self.rank


class FromTerms(torch.nn.Module):
    """(…, rank) to (…, c·d): y[k, l] = Σ A₁[k, r] A₂[l, r] h[r] + bias[k, l]."""

    def __init__(self, rank: int, out_shape: Sequence[int], bias: bool = False) -> None:
        super().__init__()
        c, d = out_shape
        self.rank, self.out_shape = rank, (c, d)
        self.first = torch.nn.Parameter(torch.zeros(c, rank))
        self.second = Linear(rank, d, bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(c * d)) if bias else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Every term once per first index, then a product along the second axis."""
        y: torch.Tensor = self.second(x.unsqueeze(-2) * self.first).flatten(-2)
        return y if self.bias is None else y + self.bias

    @property
    def multiplications(self) -> int:
        """Per row of the input."""
        c, d = self.out_shape
        return c * self.rank + c * self.rank * d


TENSOR_LAYERS = (Kronecker, ToTerms, FromTerms)
"""Layers whose axes hang together, so that no channel can be taken away alone."""
