"""Calling a torch module with named arrays, and picking the one answer that is judged. Imports torch."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.ports.compress import Batch


class OneAnswer(torch.nn.Module):
    """Calls a module with named inputs in a fixed order and returns the one answer that is judged."""

    def __init__(self, module: torch.nn.Module, names: Sequence[str], answer: str | None) -> None:
        super().__init__()
        self.module = module
        self._names = tuple(names)
        self._answer = answer

    def forward(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The judged answer to one batch; `inputs` in the order of the names."""
        if self._names:
            return one_answer(self.module(**dict(zip(self._names, inputs, strict=True))), self._answer)
        return one_answer(self.module(*inputs), self._answer)


def one_answer(returned: Any, name: str | None) -> torch.Tensor:
    """The tensor called `name` of what a module returned, or the only one; `ModelError` when that is not clear."""
    if isinstance(returned, torch.Tensor):
        return returned
    if isinstance(returned, (tuple, list)):
        named = {f"output_{place}": value for place, value in enumerate(returned)}
    else:
        named = dict(returned.items()) if hasattr(returned, "items") else vars(returned)
    tensors = {str(key): value for key, value in named.items() if isinstance(value, torch.Tensor)}
    if name in tensors:
        return tensors[name]
    if len(tensors) == 1 and name is None:
        return next(iter(tensors.values()))
    raise ModelError(f"the model returns {', '.join(tensors) or 'no tensor'}; say under output: which of them counts, with name:")


def by_name(module: torch.nn.Module, names: Sequence[str]) -> tuple[str, ...]:
    """The names, when `forward` takes them; () to pass the tensors in order, as a model with one input allows."""
    parameters = inspect.signature(module.forward).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    if all(name in parameters or anything for name in names):
        return tuple(names)
    if len(names) == 1:
        return ()
    unknown = next(name for name in names if name not in parameters)
    raise ModelError(f"forward has no parameter {unknown!r}; name the inputs after its parameters: {', '.join(parameters)}")


def tensor_of(module: torch.nn.Module, array: NDArray[Any]) -> torch.Tensor:
    """The array as a tensor; floating ones in the type of the module's parameters, as data columns are mostly float64."""
    tensor = torch.from_numpy(np.array(array))
    floating = next((p.dtype for p in module.parameters() if p.dtype.is_floating_point), None)
    return tensor.to(floating) if floating is not None and tensor.dtype.is_floating_point else tensor


def at_least_two(batch: Batch) -> Batch:
    """Tracers take a size of one for a constant, so an example has two rows or more."""
    return {name: np.concatenate([array, array]) if len(array) == 1 else array for name, array in batch.items()}
