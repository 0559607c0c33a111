"""Exports a torch module to ONNX and proves on real rows that the file answers like the module.

Imports torch: import this module only when there is something to export.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.compress import graph
from harness.compress.export_parameters import TOLERANCE
from harness.compress.network import Network
from harness.compress.runtime import session
from harness.compress.torch_call import OneAnswer, by_name, tensor_of
from harness.compress.torch_difference import first_difference, onnx_values
from harness.errors import MissingDependencyError, ModelError
from harness.ports.compress import Batch


def export(network: Network, target: Path, opset: int | None = None, tolerance: float = TOLERANCE) -> tuple[str, ...]:
    """Write the network to `target` with a free batch size, and every other axis free that real batches or a tokenizer leave free.

    Returns notes; `ModelError` when torch cannot export it or the file answers otherwise than the module.
    """
    return write_onnx(network, wrapped_module(network), target, opset, tolerance)


def write_onnx(
    network: Network, wrapped: torch.nn.Module, target: Path, opset: int | None = None, tolerance: float = TOLERANCE, *, fused: bool = True
) -> tuple[str, ...]:
    """The same for a module that stands for the network: called with a tuple of tensors, giving the judged answer.

    Not `fused`, the file is proved operator by operator: what it says, not what a processor's integer arithmetic makes of it.
    """
    name, example, free = network.source.name, network.example, free_axes(network)
    names = tuple(example)
    try:
        with quiet():
            program = torch.onnx.export(
                wrapped,
                (tuple(tensor_of(wrapped, example[each]) for each in names),),
                dynamo=True,
                input_names=list(names),
                output_names=[network.answer_name or "output"],
                dynamic_shapes={"inputs": tuple(free[each] for each in names)},
                opset_version=opset,
                verbose=False,
            )
    except ImportError as error:
        raise MissingDependencyError("onnxscript", "torch", "exporting a torch model to ONNX") from error
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: torch cannot export the model to ONNX: {first_cause(error)}") from error
    assert program is not None
    graph.write(_own_names(graph.tidy(program.model_proto), wrapped), target)
    graph_of = None if program.exported_program is None else program.exported_program.graph
    rows, difference = verify(name, wrapped, target, network.rows, names, tolerance, graph_of, fused=fused)
    return (f"exported by torch {torch.__version__}, {told_axes(free)}", f"largest difference on {rows} rows: {difference:.1e}")


def wrapped_module(network: Network) -> OneAnswer:
    """The module in evaluation mode, called with a tuple of tensors, giving the judged answer alone."""
    module = network.module.cpu().eval()
    return OneAnswer(module, by_name(module, tuple(network.example)), network.answer_name)


def told_axes(free: Mapping[str, Mapping[int, str]]) -> str:
    """Which axes are free, in words."""
    return f"free: {', '.join(sorted({axis for axes in free.values() for axis in axes.values()}))}"


def _own_names(model: graph.ModelProto, wrapped: torch.nn.Module) -> graph.ModelProto:
    """Weights under the names they have in the module, without the wrapper's prefix; matrices that the exporter transposed too."""
    parameters = {name.removeprefix("module."): value for name, value in wrapped.named_parameters() if value.ndim == 2}
    taken = {tensor.name.removeprefix("module.") for tensor in model.graph.initializer}
    transposed = {_digest(value.detach().numpy().T): name for name, value in parameters.items() if name not in taken}
    names = {}
    for tensor in model.graph.initializer:
        found = transposed.pop(_digest(graph.array_of(tensor)), None) if len(tensor.dims) == 2 else None
        names[tensor.name] = found or tensor.name.removeprefix("module.")
    if len(set(names.values())) == len(names):
        for tensor in model.graph.initializer:
            tensor.name = names[tensor.name]
        for node in model.graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
    return model


def _digest(array: NDArray[Any]) -> str:
    return f"{array.shape} {array.dtype} {hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()}"


def free_axes(network: Network) -> dict[str, dict[int, str]]:
    """Names of the free axes of each tensor: the batch, what a tokenizer pads, and what differs between batches."""
    batches = network.rows
    padded = {spec.tensor for spec in network.source.inputs if spec.tokenizer}
    free = {}
    for name in batches[0]:
        shapes = {batch[name].shape[1:] for batch in batches}
        axes = {axis for axis in range(1, batches[0][name].ndim) if len({shape[axis - 1] for shape in shapes}) > 1}
        if padded and batches[0][name].ndim > 1 and batches[0][name].dtype.kind in "iu":
            axes.add(1)
        free[name] = {0: "batch", **{axis: "length" if axis == 1 else f"{name}_{axis}" for axis in sorted(axes)}}
    return free


def verify(
    name: str,
    module: torch.nn.Module,
    target: Path,
    batches: Sequence[Batch],
    names: Sequence[str],
    tolerance: float,
    exported_graph: torch.fx.Graph | None = None,
    *,
    fused: bool = True,
) -> tuple[int, float]:
    """(rows compared, largest difference); one batch of a single row is among them.

    `ModelError` when the answers differ by more than `tolerance`; with the graph the file was made of, it names the first
    layer that does.
    """
    try:
        exported = session(target, fused=fused)
    except Exception as error:
        raise ModelError(f"{name}: ONNX Runtime refuses the exported model: {first_cause(error)}") from error
    wanted = {entry.name for entry in exported.get_inputs()}
    rows, largest = 0, 0.0
    for batch in [{key: array[:1] for key, array in batches[0].items()}, *batches]:
        tensors = tuple(tensor_of(module, batch[key]) for key in names)
        with torch.inference_mode():
            expected = module(tensors).float().numpy()
        given = {key: tensor.numpy() for key, tensor in zip(names, tensors, strict=True) if key in wanted}
        try:
            (found,) = exported.run(None, given)
        except Exception as error:
            raise ModelError(f"{name}: the exported model fails on a batch of shape {expected.shape}: {first_cause(error)}") from error
        if found.shape != expected.shape:
            raise ModelError(f"{name}: the exported model answers in shape {found.shape}, torch in {expected.shape}")
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        difference = float(np.max(np.where(same, 0, np.abs(found - expected)), initial=0))
        if not difference <= tolerance * max(1.0, float(np.max(np.abs(expected), initial=0))):
            where = "" if exported_graph is None else _where(module, tensors, target, exported_graph, given, tolerance)
            raise ModelError(f"{name}: the exported model's answers differ from torch's by up to {difference:.2g} on the same rows{where}")
        rows, largest = rows + len(expected), max(largest, difference)
    return rows - 1, largest


def _where(
    module: torch.nn.Module,
    tensors: tuple[torch.Tensor, ...],
    target: Path,
    exported_graph: torch.fx.Graph,
    given: Mapping[str, Any],
    tolerance: float,
) -> str:
    values = onnx_values(target, exported_graph, given)
    return first_difference(module, lambda: module(tensors), exported_graph, values, tolerance, prefix="module.")


def first_cause(error: BaseException) -> str:
    """The first line of what lies behind a library's error."""
    cause = error.__cause__ or error
    text = str(cause).strip()
    return f"{type(cause).__name__}: {text.splitlines()[0][:300] if text else 'no message'}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """The exporter reports its progress and its own deprecations; neither concerns the user."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
