"""Where an exported model's answers part from the network's: the first layer whose values differ. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from harness.compress.runtime import session

Values = Mapping[str, NDArray[Any]]
"""Inner values of an exported graph by the name of the node that made them."""


def first_difference(
    module: torch.nn.Module, call: Callable[[], object], graph: torch.fx.Graph, values: Values, tolerance: float, prefix: str = ""
) -> str:
    """In words, where the values of an exported graph begin to differ from those of the module's own layers.

    `call` runs the module on the rows the values are of; `graph` is that of the exported program. `prefix` stands before
    the layers' names only because the module is wrapped. Layers that are used several times, or whose value was fused
    away, are not looked at; "" when no layer that was looked at differs.
    """
    with _watched(module) as seen:
        call()
    with _watched(module) as again:
        call()
    for name, expected in seen.items():
        if not _close(again[name], expected, tolerance):
            said = _said(module, name, prefix)
            return f"; the layer {said} answers differently each time it is asked, so that something random is on in evaluation mode"
    made_by = _outputs(graph)
    for name, expected in seen.items():
        found = values.get(made_by.get(name, ""))
        if found is not None and not _close(found, expected, tolerance):
            return f"; the first layer that differs is {_said(module, name, prefix)}"
    return ""


def onnx_values(path: Path, graph: torch.fx.Graph, inputs: Values) -> dict[str, NDArray[Any]]:
    """The inner values of an ONNX file on these inputs that have the name of a node of the exported graph."""
    import onnx  # noqa: PLC0415
    from onnx import helper  # noqa: PLC0415

    model = onnx.load(path)
    wanted = {node.name for node in graph.nodes}
    names = list(dict.fromkeys(name for node in model.graph.node for name in node.output if name in wanted))
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    watched = path.with_name(f"{path.name}.watched")
    try:
        onnx.save(model, watched)
        running = session(watched)
        return dict(zip(names, running.run(names, dict(inputs)), strict=True)) if names else {}
    finally:
        watched.unlink(missing_ok=True)


def program_values(made: torch.fx.GraphModule, inputs: tuple[Any, ...] | Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The inner values of the module of an exported program on these inputs."""
    found: dict[str, NDArray[Any]] = {}

    class Watching(torch.fx.Interpreter):
        def run_node(self, n: torch.fx.Node) -> Any:
            value = super().run_node(n)
            if isinstance(value, torch.Tensor):
                found[n.name] = _array(value)
            return value

    flat = list(inputs.values() if isinstance(inputs, Mapping) else inputs)
    with torch.inference_mode():
        Watching(made).run(*flat, enable_io_processing=False)
    return found


@contextmanager
def _watched(module: torch.nn.Module) -> Iterator[dict[str, NDArray[Any]]]:
    """What each innermost layer answers while inside, in the order of the answers; not those asked several times."""
    seen: dict[str, NDArray[Any]] = {}
    often: set[str] = set()

    def watch(name: str) -> Callable[..., None]:
        def hook(_module: torch.nn.Module, _inputs: object, answer: object) -> None:
            if isinstance(answer, torch.Tensor):
                (often.add(name) if name in seen else seen.update({name: _array(answer)}))

        return hook

    handles = [layer.register_forward_hook(watch(name)) for name, layer in module.named_modules() if name and not [*layer.children()]]
    try:
        with torch.inference_mode():
            yield seen
        for name in often:
            del seen[name]
    finally:
        for handle in handles:
            handle.remove()


def _outputs(graph: torch.fx.Graph) -> dict[str, str]:
    """The name of the last node of each layer, which makes its answer, by the layer's name."""
    found: dict[str, str] = {}
    for node in graph.nodes:
        stack = node.meta.get("nn_module_stack")
        if stack:
            found[next(reversed(stack.values()))[0]] = node.name
    return found


def _said(module: torch.nn.Module, name: str, prefix: str) -> str:
    return f"{name.removeprefix(prefix)!r} ({type(module.get_submodule(name)).__name__})"


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    plain = tensor.detach().cpu()
    return np.array(plain.float().numpy() if plain.dtype.is_floating_point else plain.numpy())


def _close(found: NDArray[Any], expected: NDArray[Any], tolerance: float) -> bool:
    if found.shape != expected.shape:
        return False
    same = (found == expected) | (np.isnan(found) & np.isnan(expected)) if found.dtype.kind == "f" else found == expected
    difference = float(np.max(np.where(same, 0, np.abs(found.astype(np.float64) - expected)), initial=0))
    return difference <= tolerance * max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0)))
