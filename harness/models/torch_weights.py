"""Counting the parameters of a torch module or exported program.

Parameters are what `named_parameters` lists, and buffers of 8-bit or narrower integers with two axes or more, in which
quantised layers keep their weights. Running statistics, scales and zero points are not parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from harness.arrays.footprint import Weights

_NARROW = (torch.int8, torch.uint8, torch.qint8, torch.quint8)


def count_weights(model: Any) -> Weights:
    """Counts over `model`, which has `named_parameters` and `named_buffers`."""
    counts = [_count(tensor) for tensor in _weights(model)]
    total = sum(elements for elements, _, _ in counts)
    return Weights(
        parameters=total,
        non_zero=sum(non_zero for _, non_zero, _ in counts),
        low_precision=sum(elements for elements, _, bits in counts if bits < 16),
        bits=sum(elements * bits for elements, _, bits in counts) / total if total else 0.0,
    )


def _weights(model: Any) -> Iterator[torch.Tensor]:
    for _, parameter in model.named_parameters():
        yield parameter.detach()
    for _, buffer in model.named_buffers():
        if buffer.dtype in _NARROW and buffer.ndim >= 2:
            yield buffer


def _count(tensor: torch.Tensor) -> tuple[int, int, float]:
    """Elements, those that are not zero, and bits each."""
    elements = tensor.numel()
    if tensor.is_quantized:
        return elements, int(torch.count_nonzero(tensor.dequantize())), tensor.element_size() * 8
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        return elements, int(torch.count_nonzero(tensor)), tensor.element_size() * 8
    # A subclass that wraps packed data, as torchao's: the largest inner tensor is the data, the others describe it.
    inner = max((getattr(tensor, name) for name in flatten()[0]), key=lambda part: part.numel() * part.element_size())
    bits = 8 * inner.numel() * inner.element_size() / elements
    return elements, int(torch.count_nonzero(tensor.dequantize())), bits
