"""A data set in memory, small real models, and short ways to let them answer."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.catalogue import Kinds
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.models.builtin import MODELS
from harness.models.observer import ModelObserver
from harness.models.parameters import OnnxParameters, OutputsParameters, PythonParameters, TorchParameters
from harness.ports.model import ModelAdapter

LOGITS3 = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits", labels=("a", "b", "c"))


class MemoryDataset:
    """The Dataset port over a table in memory."""

    name = "test"
    fingerprint = "memory"

    def __init__(self, table: pa.Table | Mapping[str, Any], id_column: str | None = "id", target: str | None = "y") -> None:
        self.table = table if isinstance(table, pa.Table) else pa.table(dict(table))
        self.id_column = id_column
        self.target = target

    @property
    def target_column(self) -> str | None:
        return self.target

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.table.schema.names)

    def __len__(self) -> int:
        return self.table.num_rows

    def ids(self) -> pa.Array:
        if self.id_column is None:
            return pa.array([f"row-{row + 1}" for row in range(len(self))])
        return self.table.column(self.id_column).cast(pa.string()).combine_chunks()

    def column(self, name: str) -> pa.ChunkedArray:
        return self.table.column(name)

    def targets(self, output: OutputSpec) -> Targets:
        assert self.target is not None
        values = self.table.column(self.target).to_pylist()
        if output.task is Task.TOKENS:
            offsets = np.concatenate([[0], np.cumsum([len(row) for row in values])])
            return Targets(Task.TOKENS, np.concatenate([np.asarray(row, np.int32) for row in values]), offsets=offsets)
        labels = output.labels or tuple(sorted({str(value) for value in values}, key=lambda label: (label == output.positive, label)))
        return Targets(output.task, np.array([labels.index(str(value)) for value in values], np.int32), labels)

    def segmentations(self) -> tuple[Any, ...]:
        return ()

    def clusters(self) -> None:
        return None

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.RecordBatch]:
        for low in range(start, len(self), size):
            yield self.table.select(list(columns)).slice(low, size).combine_chunks().to_batches()[0]

    def take(self, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
        return self.table.select(list(columns)).take(rows).to_pylist()


def kinds() -> Kinds[ModelAdapter]:
    found: Kinds[ModelAdapter] = Kinds("model kind")
    for kind in MODELS:
        found.register(kind)
    return found


def observer(said: list[str] | None = None) -> ModelObserver:
    return ModelObserver(kinds(), (said if said is not None else []).append)


def gathered(
    model: ModelSpec, root: Path, dataset: MemoryDataset, said: list[str] | None = None, start: int = 0, batch_size: int | None = None
) -> Outputs:
    """All answers from `start` on, joined as the store joins them."""
    seen = observer(said)
    spec = seen.output(model, root, dataset)
    chunks = list(seen.observe(model, root, dataset, start, batch_size))
    row = start
    for chunk in chunks:
        assert chunk.start == row
        row += len(chunk.status)
    assert row == len(dataset)
    return Outputs(
        spec=spec,
        values=np.concatenate([chunk.values for chunk in chunks]),
        status=np.concatenate([chunk.status for chunk in chunks]),
        labels=spec.labels,
        offsets=None
        if chunks[0].offsets is None
        else np.concatenate([[0], np.cumsum(np.concatenate([np.diff(c.offsets) for c in chunks if c.offsets is not None]))]),
        token_log_probs=None
        if chunks[0].token_log_probs is None
        else np.concatenate([c.token_log_probs for c in chunks if c.token_log_probs is not None]),
        messages={row: text for chunk in chunks for row, text in chunk.messages.items()},
    )


def onnx_spec(
    path: Path | str, inputs: tuple[InputSpec, ...], output: OutputSpec | None = LOGITS3, name: str = "m", **more: Any
) -> ModelSpec:
    spec = {key: more.pop(key) for key in ("timeout", "batch_size") if key in more}
    return ModelSpec(name, "onnx", OnnxParameters(path=Path(path), **more), inputs, output, **spec)


def python_spec(function: str, output: OutputSpec | None = LOGITS3, inputs: tuple[InputSpec, ...] = (), **more: Any) -> ModelSpec:
    spec = {key: more.pop(key) for key in ("timeout", "batch_size") if key in more}
    return ModelSpec("m", "python", PythonParameters(function=function, **more), inputs, output, **spec)


def torch_spec(inputs: tuple[InputSpec, ...], output: OutputSpec = LOGITS3, **parameters: Any) -> ModelSpec:
    return ModelSpec("m", "torch", TorchParameters(**parameters), inputs, output)


def outputs_spec(output: OutputSpec | None = None, **parameters: Any) -> ModelSpec:
    return ModelSpec("m", "outputs", OutputsParameters(**parameters), (), output)


def module(folder: Path, name: str, source: str) -> None:
    """A module of the suite's own tree."""
    (folder / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")


WEIGHTS = np.array([[1, 0, -1], [0.5, 2, 0]], np.float32)
BIAS = np.array([0.25, 0, -0.5], np.float32)


def linear_onnx(path: Path, *, batch: int | None = None, opset: int = 21, external: bool = False, dtype: int = TensorProto.FLOAT) -> None:
    """`logits = x @ WEIGHTS + BIAS` for x (batch, 2)."""
    size: int | str = "batch" if batch is None else batch
    numpy = helper.tensor_dtype_to_np_dtype(dtype)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Add", ["h", "b"], ["logits"])],
        "linear",
        [helper.make_tensor_value_info("x", dtype, [size, 2])],
        [helper.make_tensor_value_info("logits", dtype, [size, 3])],
        [numpy_helper.from_array(WEIGHTS.astype(numpy), "w"), numpy_helper.from_array(BIAS.astype(numpy), "b")],
    )
    save(graph, path, opset=opset, external=external)


def save(graph: onnx.GraphProto, path: Path, *, opset: int = 21, external: bool = False, domains: Sequence[str] = ()) -> None:
    """Write a graph as a model."""
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    if external:
        onnx.save_model(model, str(path), save_as_external_data=True, location=path.name + ".data", size_threshold=0)
    else:
        onnx.save_model(model, str(path))


def expected_linear(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What `linear_onnx` computes, by numpy."""
    return np.asarray(x, np.float32) @ WEIGHTS + BIAS
