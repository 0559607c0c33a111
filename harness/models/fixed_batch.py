"""Models whose batch dimension is fixed get batches of exactly that size; the padding is dropped again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.ports.model import Tensor

Arrays = Mapping[str, NDArray[Any]]


def fixed_size(tensors: tuple[Tensor, ...]) -> int | None:
    """The batch size that all inputs insist on, None when it is free."""
    sizes = {tensor.shape[0] for tensor in tensors if tensor.shape}
    fixed = {size for size in sizes if size is not None}
    if len(fixed) > 1:
        raise ModelError(f"the inputs of the model are fixed to different batch sizes: {', '.join(map(str, sorted(fixed)))}")
    return fixed.pop() if fixed else None


def run_in_batches(inputs: Arrays, size: int, run: Callable[[Arrays], Arrays]) -> Arrays:
    """`run` on slices of exactly `size` examples, the last one filled by repeating its last example."""
    rows = len(next(iter(inputs.values())))
    pieces: list[Arrays] = []
    for start in range(0, rows, size):
        count = min(size, rows - start)
        last = {name: array[start : start + count] for name, array in inputs.items()}
        outputs = run({name: _filled(array, size) for name, array in last.items()})
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != size:
                raise ModelError(f"output {name!r} has shape {array.shape} for a fixed batch of {size}; its first axis must be the batch")
        pieces.append({name: array[:count] for name, array in outputs.items()})
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def _filled(array: NDArray[Any], size: int) -> NDArray[Any]:
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array
