"""Symmetric rounding of weights to few levels, in numpy alone.

A weight w becomes level · scale, with level = round(w / scale) in [−L, L], L = 2^(bits − 1) − 1 and
scale = max |w| / L over everything that shares the scale. Zero stays exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    """7 for 4 bits, 1 for 2 bits."""
    return int(2 ** (bits - 1) - 1)


def round_weight(weight: NDArray[np.floating], bits: int, axis: int | None = None, block: int | None = None) -> Rounded:
    """Round to 2·L + 1 levels; one scale for all, per slice along `axis`, or per `block` neighbours along `axis`.

    The scale has the weight's own dtype, and levels are taken against the scale as stored, so that a narrow dtype does
    not add an error of its own.
    """
    top = largest_level(bits)
    size = _largest(np.abs(weight.astype(np.float64)), axis, block)
    scale = (size / top).astype(weight.dtype)
    scale = np.where(scale == 0, np.ones_like(scale), scale)
    levels = np.rint(weight.astype(np.float64) / _spread(scale.astype(np.float64), weight.shape, axis, block))
    return Rounded(np.clip(levels, -top, top).astype(np.int8), np.asarray(scale, weight.dtype), axis, block)


def restore(rounded: Rounded) -> NDArray[np.floating]:
    """The weight a runtime sees: level · scale."""
    spread = _spread(rounded.scale, rounded.levels.shape, rounded.axis, rounded.block)
    return np.asarray(rounded.levels.astype(rounded.scale.dtype) * spread)


def _largest(size: NDArray[np.float64], axis: int | None, block: int | None) -> NDArray[np.float64]:
    if axis is None:
        return np.asarray(size.max())
    if block is None:
        others = tuple(number for number in range(size.ndim) if number != axis)
        return np.asarray(size.max(axis=others))
    starts = np.arange(0, size.shape[axis], block)
    return np.asarray(np.maximum.reduceat(size, starts, axis=axis))


def _spread(scale: NDArray[np.floating], shape: tuple[int, ...], axis: int | None, block: int | None) -> NDArray[np.floating]:
    if axis is None:
        return scale
    if block is None:
        return scale.reshape([-1 if number == axis else 1 for number in range(len(shape))])
    return np.repeat(scale, block, axis=axis).take(np.arange(shape[axis]), axis=axis)
