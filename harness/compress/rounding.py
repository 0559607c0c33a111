"""Symmetric rounding of weights to few levels, in numpy alone.

A weight w becomes level · scale. With 3 bits or more, level = round(w / scale) in [−L, L], L = 2^(bits − 1) − 1, and
scale = max |w| / L over everything that shares the scale. Zero stays exactly zero.

With 2 bits, levels are −1, 0 and 1, and the largest weight would be a bad scale: most others would round to zero. The scale
is the mean of the |w| that do not round to zero, found by alternation from the start that Li and Liu give (ternary weight
networks, 2016, arXiv:1605.04711): those above 0.7 · mean |w|. With 1 bit, level is the sign, zero counting as positive, and
the scale is mean |w| (Rastegari and others, XNOR-Net, 2016, arXiv:1603.05279): the nearest two values there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TERNARY_START = 0.7
_ALTERNATIONS = 10

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rounded:
    """Levels and scales of one weight, in the form of ONNX `DequantizeLinear`.

    `levels` has the weight's shape. `scale` is () for one scale; (channels,) with `axis` set; or, with `block` set too,
    of the weight's shape with `axis` shortened to ceil(length / block).
    """

    levels: NDArray[np.int8]
    scale: NDArray[np.floating]
    axis: int | None = None
    block: int | None = None


def largest_level(bits: int) -> int:
    """7 for 4 bits, 1 for 2 bits and for 1."""
    return max(1, int(2 ** (bits - 1) - 1))


def number_of_levels(bits: int) -> int:
    """15 for 4 bits, 3 for 2 bits, 2 for 1 bit."""
    return 2 if bits == 1 else 2 * largest_level(bits) + 1


def round_weight(weight: NDArray[np.floating], bits: int, axis: int | None = None, block: int | None = None) -> Rounded:
    """Round to few levels; one scale for all, per slice along `axis`, or per `block` neighbours along `axis`.

    The scale has the weight's own dtype, and levels are taken against the scale as stored, so that a narrow dtype does
    not add an error of its own.
    """
    top = largest_level(bits)
    exact = weight.astype(np.float64)
    scale = np.asarray(_scale(np.abs(exact), bits, axis, block).astype(weight.dtype))
    if bits == 1:
        return Rounded(np.where(exact < 0, -1, 1).astype(np.int8), scale, axis, block)
    scale = np.where(scale == 0, np.ones_like(scale), scale)
    levels = np.rint(exact / _spread(scale.astype(np.float64), weight.shape, axis, block))
    return Rounded(np.clip(levels, -top, top).astype(np.int8), np.asarray(scale, weight.dtype), axis, block)


def restore(rounded: Rounded) -> NDArray[np.floating]:
    """The weight a runtime sees: level · scale."""
    spread = _spread(rounded.scale, rounded.levels.shape, rounded.axis, rounded.block)
    return np.asarray(rounded.levels.astype(rounded.scale.dtype) * spread)


def _scale(size: Floats, bits: int, axis: int | None, block: int | None) -> Floats:
    if bits > 2:
        return _reduced(np.maximum, size, axis, block) / largest_level(bits)
    ones = np.ones_like(size)
    scale = _reduced(np.add, size, axis, block) / _reduced(np.add, ones, axis, block)
    if bits == 1:
        return scale
    threshold = _TERNARY_START * scale
    for _ in range(_ALTERNATIONS):
        kept = size > _spread(threshold, size.shape, axis, block)
        count = np.maximum(_reduced(np.add, kept * ones, axis, block), 1)
        scale = _reduced(np.add, np.where(kept, size, 0), axis, block) / count
        threshold = scale / 2
    return scale


def _reduced(operation: np.ufunc, size: Floats, axis: int | None, block: int | None) -> Floats:
    """`operation` over everything that shares a scale."""
    reduce: Callable[..., Floats] = operation.reduce
    if axis is None:
        return np.asarray(reduce(size, axis=None))
    if block is None:
        return np.asarray(reduce(size, axis=tuple(number for number in range(size.ndim) if number != axis)))
    return np.asarray(operation.reduceat(size, np.arange(0, size.shape[axis], block), axis=axis))


def _spread(scale: NDArray[np.floating], shape: tuple[int, ...], axis: int | None, block: int | None) -> NDArray[np.floating]:
    if axis is None:
        return scale
    if block is None:
        return scale.reshape([-1 if number == axis else 1 for number in range(len(shape))])
    return np.repeat(scale, block, axis=axis).take(np.arange(shape[axis]), axis=axis)
