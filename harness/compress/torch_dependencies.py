"""Which channels of a network depend on which, as torch-pruning finds out. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from harness.compress.torch_tensor_layers import TENSOR_LAYERS
from harness.errors import MissingDependencyError

Inputs = Mapping[str, torch.Tensor] | tuple[torch.Tensor, ...]


def dependencies(module: torch.nn.Module, example: Inputs) -> Any:
    """torch-pruning's graph of which channels depend on which."""
    library, given = torch_pruning(), dict(example) if isinstance(example, Mapping) else example
    with torch.enable_grad(), in_one_piece(module):
        return library.DependencyGraph().build_dependency(module, example_inputs=given, customized_pruners=untouched(library))


def torch_pruning() -> Any:
    """The library, or what to install."""
    try:
        import torch_pruning as library  # noqa: PLC0415  # only pruning needs it
    except ImportError as error:
        raise MissingDependencyError("torch-pruning", "torch", "pruning channels and heads") from error
    return library


def untouched(library: Any) -> dict[type[torch.nn.Module], Any]:
    """How torch-pruning is to treat the layers that read their axes as tensors: channels go neither in nor out alone."""
    return {kind: library.ops.DummyPruner() for kind in TENSOR_LAYERS}


def tensor_layers(module: torch.nn.Module) -> list[torch.nn.Module]:
    """Those layers."""
    return [layer for layer in module.modules() if isinstance(layer, TENSOR_LAYERS)]


@contextmanager
def in_one_piece(module: torch.nn.Module) -> Iterator[None]:
    """While inside, such a layer is one operation to whoever traces the module, which could not follow its reshaping."""
    layers = tensor_layers(module)
    for layer in layers:
        layer.forward = _Piece(layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _Piece:
    def __init__(self, forward: Any) -> None:
        self._forward = forward

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = _Whole.apply(x, self._forward)  # type: ignore[no-untyped-call]  # torch ships it untyped
        return answer


class _Whole(torch.autograd.Function):
    """Any function of one tensor as a single node of the autograd graph; it is traced, and never gone back through."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, function: Any) -> torch.Tensor:  # noqa: ARG004  # torch gives it
        """See `torch.autograd.Function.forward`."""
        answer: torch.Tensor = function(x)
        return answer
