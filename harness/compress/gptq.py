"""GPTQ: rounding that lets later weights make up for the error of earlier ones.

Frantar, Ashkboos, Hoefler and Alistarh, 2022, arXiv:2210.17323. Written here because the one that comes with ONNX Runtime
1.31 (and with Neural Compressor before it) reads the wrong triangle of its Cholesky factor: no error is passed on, and what
comes out is plain rounding to the last bit.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from harness.compress.calibration import Batch
from harness.compress.graph import ModelProto

_DAMPING = 0.01
"""Share of the mean diagonal that is added to the diagonal, as in the paper."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """A matrix [K, N] as (level - zero) · scale: levels [K, N]; scale and zero [ceil(K / block), N]."""

    levels: NDArray[np.uint8]
    scale: Floats
    zero: NDArray[np.uint8]


def gptq(weight: Floats, hessian: Floats, bits: int, block: int) -> Blocks:
    """Round row after row; each row's error is taken off the rows below, as the inverse Hessian of the layer's squared error says.

    hessian: XᵀX [K, K] of the layer's inputs X
    """
    weight = weight.astype(np.float64)
    with threadpool_limits(1):
        upper = _upper_factor(hessian)
        levels, scales, zeros = np.zeros(weight.shape, np.uint8), [], []
        for start in range(0, len(weight), block):
            end = min(start + block, len(weight))
            scale, zero = _range(weight[start:end], bits)
            errors = np.zeros((end - start, weight.shape[1]))
            for row in range(start, end):
                level = np.clip(np.rint(weight[row] / scale) + zero, 0, 2**bits - 1)
                errors[row - start] = (weight[row] - (level - zero) * scale) / upper[row, row]
                weight[row + 1 : end] -= np.outer(upper[row, row + 1 : end], errors[row - start])
                levels[row] = level
            weight[end:] -= upper[start:end, end:].T @ errors
            scales.append(scale)
            zeros.append(zero.astype(np.uint8))
    return Blocks(levels, np.stack(scales), np.stack(zeros))


def hessians(model: ModelProto, inputs: Sequence[str], batches: Sequence[Batch]) -> dict[str, Floats]:
    """XᵀX of each named tensor over all calibration rows, the last axis being the one that a matrix product sums over."""
    import onnx
    import onnxruntime

    part = type(model)()
    part.CopyFrom(model)
    known = {entry.name for entry in part.graph.output}
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inputs if name not in known)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])
    sums: dict[str, Any] = dict.fromkeys(inputs, 0.0)
    with threadpool_limits(1):
        for batch in batches:
            for name, value in zip(inputs, session.run(list(inputs), dict(batch)), strict=True):
                rows = value.reshape(-1, value.shape[-1]).astype(np.float64)
                sums[name] = sums[name] + rows.T @ rows
    return sums


def _upper_factor(hessian: Floats) -> Floats:
    """U with UᵀU = (H + damping)⁻¹: its rows are the inverse's of the weights that are not yet rounded."""
    diagonal = np.diag(hessian)
    used = diagonal.mean() if diagonal.any() else 1.0
    damped = hessian + np.diag(np.where(diagonal == 0, used, 0) + _DAMPING * used)
    return np.asarray(np.linalg.cholesky(np.linalg.inv(damped)).T)


def _range(rows: Floats, bits: int) -> tuple[Floats, Floats]:
    """Scale and zero point per column, from the smallest and the largest weight and zero."""
    low, high = np.minimum(rows.min(axis=0), 0), np.maximum(rows.max(axis=0), 0)
    scale = (high - low) / (2**bits - 1)
    scale = np.where(scale == 0, 1.0, scale).astype(np.float32).astype(np.float64)
    return scale, np.rint(-low / scale)
