"""Changes of a network's structure as plain values, and how each is carried out. Imports torch.

=========  ============================================================================================
prune      ``history``: which channels went where, as torch-pruning tells it
resize     ``shapes``: of the weights of linear layers, (outputs, inputs) by path; ``set``: attributes of modules
begin      ``counts``: how many channels, heads or blocks each place had when a schedule began; changes nothing
keep       ``path`` of a list of blocks, and the ``kept`` ones
replace    ``path`` of a module, and ``parts``: what stands there now, in order
factory    ``reference`` and ``kwargs``: another network altogether
=========  ============================================================================================

Weights are not part of an edit: they are loaded afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from harness.catalogue.entrypoints import load_function
from harness.compress.torch_dependencies import Inputs, dependencies
from harness.compress.torch_tensor_layers import FromTerms, Kronecker, ToTerms
from harness.errors import ModelError

Edit = Mapping[str, Any]

_PARTS: dict[str, Callable[..., torch.nn.Module]] = {
    "Linear": torch.nn.Linear,
    "Conv1d": torch.nn.Conv1d,
    "Conv2d": torch.nn.Conv2d,
    "Conv3d": torch.nn.Conv3d,
    "Embedding": torch.nn.Embedding,
    "Kronecker": Kronecker,
    "ToTerms": ToTerms,
    "FromTerms": FromTerms,
}


def carry_out(edit: Edit, module: torch.nn.Module, example: Inputs, root: Path) -> torch.nn.Module:
    """The module after the edit: the same object, but for `factory`."""
    match edit["edit"]:
        case "prune":
            _prune(edit, module, example)
        case "resize":
            _resize(edit, module)
        case "keep":
            _keep(edit, module)
        case "replace":
            _replace(edit, module)
        case "begin":
            pass
        case "factory":
            return _factory(edit, root)
        case other:
            raise ModelError(f"there is no edit {other!r}; the folder was written by another version, remove it and run again")
    return module


def parent_of(module: torch.nn.Module, path: str) -> tuple[torch.nn.Module, str]:
    """The module that holds `path`, and the name it has there."""
    above, _, name = path.rpartition(".")
    return module.get_submodule(above), name


def put(module: torch.nn.Module, path: str, new: torch.nn.Module) -> None:
    """Put `new` where `path` was."""
    parent, name = parent_of(module, path)
    setattr(parent, name, new)


def _prune(edit: Edit, module: torch.nn.Module, example: Inputs) -> None:
    dependencies(module, example).load_pruning_history([(name, out, list(indices)) for name, out, indices in edit["history"]])


def _resize(edit: Edit, module: torch.nn.Module) -> None:
    for path, (outputs, inputs) in edit["shapes"].items():
        old = dict(module.get_submodule(path).named_parameters())
        put(module, path, torch.nn.Linear(inputs, outputs, bias="bias" in old, dtype=old["weight"].dtype))
    for path, attributes in edit["set"].items():
        for name, value in attributes.items():
            setattr(module.get_submodule(path), name, value)


def _keep(edit: Edit, module: torch.nn.Module) -> None:
    blocks = module.get_submodule(edit["path"])
    if not isinstance(blocks, (torch.nn.ModuleList, torch.nn.Sequential)):
        raise ModelError(f"{edit['path']!r} is no list of blocks")
    put(module, edit["path"], type(blocks)(*_listed(blocks, edit["kept"])))


def _listed(blocks: torch.nn.ModuleList | torch.nn.Sequential, kept: list[int]) -> tuple[Any, ...]:
    chosen = [blocks[index] for index in kept]
    return (chosen,) if isinstance(blocks, torch.nn.ModuleList) else tuple(chosen)


def part_of(spec: Mapping[str, Any]) -> torch.nn.Module:
    """One of the `parts` of the edit `replace`, untrained."""
    return _PARTS[spec["type"]](**spec["kwargs"])


def _replace(edit: Edit, module: torch.nn.Module) -> None:
    stood = module.get_submodule(edit["path"]).parameters()
    dtype = next((value.dtype for value in stood if value.is_floating_point()), torch.get_default_dtype())
    parts = [part_of(spec).to(dtype) for spec in edit["parts"]]
    put(module, edit["path"], torch.nn.Sequential(*parts) if len(parts) > 1 else parts[0])


def _factory(edit: Edit, root: Path) -> torch.nn.Module:
    made = load_function(edit["reference"], root)(**edit["kwargs"])
    if not isinstance(made, torch.nn.Module):
        raise ModelError(f"factory {edit['reference']!r} returned {type(made).__name__}; it must return a torch.nn.Module")
    return made
