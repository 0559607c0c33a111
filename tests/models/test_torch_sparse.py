"""Sparse products for the pattern 2:4: what a machine without them says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.arrays.two_of_four import has_pattern
from harness.errors import ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_model import TorchAdapter
from harness.models.torch_sparse import sparse_layers


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        ([[1.0, 0, 0, 2], [0, 0, 3, 0]], True),
        ([[1.0, 2, 3, 0]], False),
        ([[0, 0, 1.0, 2, 0, 0, 0, 0]], True),
        ([[0, 1.0, 2, 3, 0, 0, 0, 0]], False),  # two of eight would do, but four follow each other
        ([[1.0, 0, 0]], False),
        ([[[1.0, 0, 0, 0]]], False),
        (np.zeros((0, 4)), False),
    ],
)
def test_the_pattern(weight: object, expected: bool) -> None:
    assert has_pattern(np.array(weight)) is expected


def test_a_processor_has_none() -> None:
    with pytest.raises(ModelError, match=r"^semi_structured: sparse products .* and this model runs on cpu; write device: cuda, or leave"):
        sparse_layers(torch.nn.Linear(8, 8), torch.device("cpu"))


def test_the_option_is_part_of_what_a_model_is() -> None:
    """Evidence of dense products is not taken for that of sparse ones; a model without the option stays what it was."""
    plain, sparse = (
        TorchAdapter().identity(TorchParameters(factory="nets:build", weights=Path("w.safetensors"), device="cuda", **more))
        for more in ({}, {"semi_structured": True})
    )
    assert "semi_structured" not in plain
    assert sparse == {**plain, "semi_structured": "true"}
