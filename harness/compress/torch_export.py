"""Exports a torch module to ONNX and proves on real rows that the file answers like the module.

Imports torch: import this module only when there is something to export.
"""

from __future__ import annotations

import contextlib
import inspect
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
from harness.compress.runtime import session
from harness.core.models import ModelSpec
from harness.errors import MissingDependencyError, ModelError

Batch = Mapping[str, NDArray[Any]]

TOLERANCE = 1e-3
"""Largest difference, as a share of the largest answer or of one: float32 sums in another order stay far below."""


class _OneAnswer(torch.nn.Module):
    """Calls a module with named inputs in a fixed order and returns the one answer that is judged."""

    def __init__(self, module: torch.nn.Module, names: Sequence[str], answer: str | None) -> None:
        super().__init__()
        self.module = module
        self._names = tuple(names)
        self._answer = answer

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        if self._names:
            return self._one(self.module(**dict(zip(self._names, inputs, strict=True))))
        return self._one(self.module(*inputs))

    def _one(self, returned: Any) -> torch.Tensor:
        if isinstance(returned, torch.Tensor):
            return returned
        if isinstance(returned, (tuple, list)):
            named = {f"output_{place}": value for place, value in enumerate(returned)}
        else:
            named = dict(returned.items()) if hasattr(returned, "items") else vars(returned)
        tensors = {str(name): value for name, value in named.items() if isinstance(value, torch.Tensor)}
        if self._answer in tensors:
            return tensors[self._answer]
        if len(tensors) == 1 and self._answer is None:
            return next(iter(tensors.values()))
        raise ModelError(f"the model returns {', '.join(tensors) or 'no tensor'}; say under output: which of them counts, with name:")


def export(source: ModelSpec, module: torch.nn.Module, batches: Sequence[Batch], target: Path) -> tuple[str, ...]:
    """Write `module` to `target` with a free batch size, and every other axis free that real batches or a tokenizer leave free.

    Returns notes; `ModelError` when torch cannot export it or the file answers otherwise than the module.
    """
    batches = [batch for batch in batches if batch and len(next(iter(batch.values())))]
    if not batches:
        raise ModelError(f"{source.name}: the data gave no rows to export the model with")
    example = _at_least_two(max(batches, key=lambda batch: sum(array.size for array in batch.values())))
    names = tuple(example)
    wrapped = _OneAnswer(module.cpu().eval(), _by_name(module, names), source.output.name if source.output else None)
    free = _free_axes(source, batches)
    answer = (source.output.name if source.output else None) or "output"
    try:
        with _quiet():
            program = torch.onnx.export(
                wrapped,
                (tuple(_tensor(wrapped, example[name]) for name in names),),
                dynamo=True,
                input_names=list(names),
                output_names=[answer],
                dynamic_shapes={"inputs": tuple(free[name] for name in names)},
                verbose=False,
            )
    except ImportError as error:
        raise MissingDependencyError("onnxscript", "torch", "exporting a torch model to ONNX") from error
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{source.name}: torch cannot export the model to ONNX: {_first_line(error)}") from error
    assert program is not None
    model = _own_names(graph.tidy(program.model_proto))
    graph.write(model, target)
    rows, difference = _verify(source.name, wrapped, target, batches, names)
    axes = sorted({axis for dims in free.values() for axis in dims.values()})
    return (f"exported by torch {torch.__version__}, free: {', '.join(axes)}", f"largest difference on {rows} rows: {difference:.1e}")


def _own_names(model: graph.ModelProto) -> graph.ModelProto:
    """Weights under the names they have in the module, without the wrapper's prefix."""
    names = {tensor.name: tensor.name.removeprefix("module.") for tensor in model.graph.initializer}
    if len(set(names.values())) == len(names):
        for tensor in model.graph.initializer:
            tensor.name = names[tensor.name]
        for node in model.graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
    return model


def _by_name(module: torch.nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    """The names, when `forward` takes them; () to pass the tensors in order, as a model with one input allows."""
    parameters = inspect.signature(module.forward).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if all(name in parameters or anything for name in names):
        return tuple(names)
    if len(names) == 1:
        return ()
    unknown = next(name for name in names if name not in parameters)
    raise ModelError(f"forward has no parameter {unknown!r}; name the inputs after its parameters: {', '.join(parameters)}")


def _free_axes(source: ModelSpec, batches: Sequence[Batch]) -> dict[str, dict[int, str]]:
    """Names of the free axes of each tensor: the batch, what a tokenizer pads, and what differs between batches."""
    padded = {spec.tensor for spec in source.inputs if spec.tokenizer}
    free = {}
    for name in batches[0]:
        shapes = {batch[name].shape[1:] for batch in batches}
        axes = {axis for axis in range(1, batches[0][name].ndim) if len({shape[axis - 1] for shape in shapes}) > 1}
        if padded and batches[0][name].ndim > 1 and batches[0][name].dtype.kind in "iu":
            axes.add(1)
        free[name] = {0: "batch", **{axis: "length" if axis == 1 else f"{name}_{axis}" for axis in sorted(axes)}}
    return free


def _at_least_two(batch: Batch) -> Batch:
    """Torch takes a size of one for a constant, so an example has two rows or more."""
    return {name: np.concatenate([array, array]) if len(array) == 1 else array for name, array in batch.items()}


def _tensor(module: torch.nn.Module, array: NDArray[Any]) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(array))
    floating = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), None)
    return tensor.to(floating) if floating is not None and tensor.dtype.is_floating_point else tensor


def _verify(name: str, module: _OneAnswer, target: Path, batches: Sequence[Batch], names: Sequence[str]) -> tuple[int, float]:
    """(rows compared, largest difference); one batch of a single row is among them."""
    try:
        exported = session(target)
    except Exception as error:
        raise ModelError(f"{name}: ONNX Runtime refuses the exported model: {_first_line(error)}") from error
    wanted = {entry.name for entry in exported.get_inputs()}
    rows, largest = 0, 0.0
    for batch in [{key: array[:1] for key, array in batches[0].items()}, *batches]:
        tensors = tuple(_tensor(module, batch[key]) for key in names)
        with torch.inference_mode():
            expected = module(tensors).float().numpy()
        try:
            (found,) = exported.run(None, {key: tensor.numpy() for key, tensor in zip(names, tensors, strict=True) if key in wanted})
        except Exception as error:
            raise ModelError(f"{name}: the exported model fails on a batch of shape {expected.shape}: {_first_line(error)}") from error
        if found.shape != expected.shape:
            raise ModelError(f"{name}: the exported model answers in shape {found.shape}, torch in {expected.shape}")
        same = (found == expected) | (np.isnan(found) & np.isnan(expected))
        difference = float(np.max(np.where(same, 0, np.abs(found - expected)), initial=0))
        if not difference <= TOLERANCE * max(1.0, float(np.max(np.abs(expected), initial=0))):
            raise ModelError(f"{name}: the exported model's answers differ from torch's by up to {difference:.2g} on the same rows")
        rows, largest = rows + len(expected), max(largest, difference)
    return rows - 1, largest


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    text = str(cause).strip()
    return f"{type(cause).__name__}: {text.splitlines()[0][:300] if text else 'no message'}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter reports its progress and its own deprecations; neither concerns the user."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
