"""Single weights of an ONNX graph set to zero: those of least magnitude."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.choice import axes, reason_to_leave, refuse_integers, refuse_nothing_done
from harness.compress.facts import sparsity
from harness.compress.graph import ModelProto, Weight
from harness.errors import ModelError
from harness.ports.compress import Layer, StepReport

_OPERATORS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
_SEMI_STRUCTURED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_CHUNK = 1 << 20

Arrays = dict[str, NDArray[Any]]


class Stage(Protocol):
    """What is read of a `PruneStage`."""

    @property
    def unit(self) -> str:
        """weight or 2:4."""

    @property
    def scope(self) -> str:
        """layer or global."""

    @property
    def share(self) -> float:
        """The share of the weights that is gone afterwards."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Names of nodes or weights to leave alone."""


def prune(source: Path, target: Path, stage: Stage) -> StepReport:
    """Write the model with zeros; shapes and file size stay as they are.

    `ModelError` for weights that are NaN, integers already or pruned further already, and when nothing would change.
    """
    model = graph.tidy(graph.read(source))
    refuse_integers(model, "prune")
    graph.refuse_not_finite(model, "prune")
    excluded = graph.excluded_nodes(model, stage.exclude)
    tensors = graph.initializers(model)
    weights = graph.weights(model)
    reasons = {weight.name: _reason_to_leave(weight, excluded, stage) for weight in weights}
    before = {weight.name: graph.array_of(tensors[weight.name]) for weight in weights if not reasons[weight.name]}
    layers = [Layer(weight.name, weight.shape, reason=reasons[weight.name]) for weight in weights]
    if not before:
        refuse_nothing_done(layers, "prune", "pruned")
    after = _two_of_four(before, weights) if stage.unit == "2:4" else _smallest(before, stage)
    if all(np.array_equal(before[name], after[name]) for name in before):
        raise ModelError("prune: every weight that would be set to zero is zero already, so nothing would change; ask for a larger share")
    for name, array in after.items():
        _put(tensors[name], array)
    graph.write(model, target)
    layers = [_layer(layer, after, stage) for layer in layers]
    return StepReport(tuple(layers), (*_notes(source, target, after), *_emptied(after)))


def two_of_four(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """Of [rows, inputs]: True where a weight stays, the two largest of every four neighbours; a rest of fewer than four stays.

    >>> two_of_four(np.array([[4.0, -3.0, 2.0, 1.0, 0.5]])).tolist()
    [[True, True, False, False, True]]
    """
    whole = rows.shape[1] - rows.shape[1] % 4
    mask = np.ones(rows.shape, bool)
    groups = np.abs(rows[:, :whole]).reshape(len(rows), -1, 4)
    smallest = np.argsort(groups, axis=2, kind="stable")[:, :, :2]
    kept = np.ones(groups.shape, bool)
    np.put_along_axis(kept, smallest, values=False, axis=2)
    mask[:, :whole] = kept.reshape(len(rows), whole)
    return mask


def _smallest(before: Arrays, stage: Stage) -> Arrays:
    """Zeros for the smallest weights, of each or of all; equal ones go in the order of the file."""
    if stage.scope == "layer":
        return {name: _without(array, np.abs(array).reshape(-1), stage.share) for name, array in before.items()}
    sizes = np.concatenate([np.abs(array).reshape(-1).astype(np.float32) for array in before.values()])
    joined = np.ones(sizes.size, bool)
    joined[np.argsort(sizes, kind="stable")[: round(stage.share * sizes.size)]] = False
    ends = np.cumsum([array.size for array in before.values()])
    parts = np.split(joined, ends[:-1])
    return {name: np.where(part.reshape(array.shape), array, 0) for part, (name, array) in zip(parts, before.items(), strict=True)}


def _without(array: NDArray[Any], sizes: NDArray[Any], share: float) -> NDArray[Any]:
    made = array.reshape(-1).copy()
    made[np.argsort(sizes, kind="stable")[: round(share * sizes.size)]] = 0
    return made.reshape(array.shape)


def _two_of_four(before: Arrays, weights: Iterable[Weight]) -> Arrays:
    made = {}
    for weight in weights:
        if weight.name not in before:
            continue
        array = before[weight.name]
        _, inputs = axes(weight.uses[0], array.ndim)
        # Of a convolution each place of the kernel has fours of its own, as sparse kernels have it.
        last = np.moveaxis(array, inputs, -1)
        rows = last.reshape(-1, last.shape[-1])
        kept = np.where(two_of_four(rows), rows, 0)
        _verify(weight.name, kept)
        made[weight.name] = np.ascontiguousarray(np.moveaxis(kept.reshape(last.shape), -1, inputs))
    return made


def _verify(name: str, rows: NDArray[Any]) -> None:
    whole = rows.shape[1] - rows.shape[1] % 4
    if (np.count_nonzero(rows[:, :whole].reshape(len(rows), -1, 4), axis=2) > 2).any():
        raise ModelError(f"prune: weight {name!r} does not hold the pattern 2:4 after it was made; this is a fault of the harness")


def _reason_to_leave(weight: Weight, excluded: frozenset[str], stage: Stage) -> str:
    if stage.unit != "2:4":
        return reason_to_leave(weight, excluded, _OPERATORS)
    reason = reason_to_leave(weight, excluded, _SEMI_STRUCTURED)
    if reason:
        return reason
    found = {axes(use, len(weight.shape)) for use in weight.uses}
    if len(found) > 1:
        return "used in several ways: four inputs of one would be no four inputs of the other"
    return "fewer than four inputs" if weight.shape[next(iter(found))[1]] < 4 else ""


def _layer(layer: Layer, after: Mapping[str, NDArray[Any]], stage: Stage) -> Layer:
    if layer.name not in after:
        return layer
    zeros = sparsity(after[layer.name])
    pattern = ", two of every four along the inputs" if stage.unit == "2:4" else ""
    return replace(layer, done=f"{zeros:.1%} of the weights are zero{pattern}", facts={"sparsity": round(zeros, 6)})


def _notes(source: Path, target: Path, after: Arrays) -> tuple[str, ...]:
    zeros = sum(int(array.size - np.count_nonzero(array)) for array in after.values())
    total = sum(array.size for array in after.values())
    before, now = _zipped(source), _zipped(target)
    return (
        f"{zeros:,} of {total:,} weights are zero; on disk a zero takes as much room as any other number, and the runtime multiplies by it "
        f"all the same: the file has {target.stat().st_size:,} bytes as before, compressed by gzip {now:,} instead of {before:,}",
    )


def _emptied(after: Arrays) -> tuple[str, ...]:
    empty = [name for name, array in after.items() if not array.any()]
    return (f"nothing is left of {', '.join(empty)}",) if empty else ()


def _zipped(path: Path) -> int:
    """Bytes of the file, and of what lies beside it, after gzip."""
    total = 0
    for part in (path, path.with_name(f"{path.name}.data")):
        if part.is_file():
            packer = zlib.compressobj(wbits=31)
            with part.open("rb") as stream:
                while chunk := stream.read(_CHUNK):
                    total += len(packer.compress(chunk))
            total += len(packer.flush())
    return total


def _put(tensor: ModelProto, array: NDArray[Any]) -> None:
    from onnx import numpy_helper  # noqa: PLC0415  # only a process that makes a model needs it

    tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
