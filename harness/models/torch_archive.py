"""Whether the archive of an exported program (.pt2) holds anything that runs when it is loaded.

`torch.export.load` unpickles whatever an archive holds as a pickle, and evaluates the text of shapes and guards. A program
made by `torch.export.save` from ordinary tensors holds no pickle that could run code and only arithmetic on sizes.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from harness.errors import ModelError
from harness.models.torch_texts import evaluated_texts

# What `torch.export.save` writes for a program of ordinary tensors; extra files are never interpreted.
_KNOWN = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|extra/.+|models/[^/]+\.json"
    r"|data/weights/(weight_\d+|[^/]+_weights_config\.json)"
    r"|data/constants/(tensor_\d+|[^/]+_constants_config\.json)"
    r"|data/sample_inputs/[^/]+\.pt"
)


def refuse_code(path: Path) -> None:
    """`ModelError` when loading the archive at `path` would run pickled, compiled or written code, or when it is no archive."""
    try:
        names = _names(path)
        reader = torch._C.PyTorchFileReader(str(path))  # what torch.export.load reads with: no second opinion of what lies where
    except (zipfile.BadZipFile, RuntimeError):
        raise ModelError(f"{path} is not an exported program (.pt2), or is truncated; save it with torch.export.save") from None
    if "archive_version" not in names:
        raise ModelError(f"{path} is no exported program of this PyTorch generation; save it again with torch.export.save")
    for name in names:
        if (reason := _suspicious(name, reader)) is not None:
            raise ModelError(f"{path} holds {reason} ({name}), which is not loaded; export the program again without it")


def _names(path: Path) -> list[str]:
    """Names of the members, without the folder that holds them all; each may stand there once.

    The loader does not tell upper from lower case, and of two members of one name it takes one of its own choice.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    twice = [name for name, count in Counter(name.casefold() for name in members).items() if count > 1]
    if twice:
        raise ModelError(
            f"{path} holds {twice[0]} more than once, and what is read may not be what was looked at; export the program again"
        )
    root = members[0].partition("/")[0] if members else ""
    outside = [name for name in members if not name.startswith(f"{root}/")]
    if outside or root in ("", ".data"):
        raise ModelError(f"{path} is no exported program of this PyTorch generation; save it again with torch.export.save")
    return [name.removeprefix(f"{root}/") for name in members]


def _suspicious(name: str, reader: Any) -> str | None:
    if name.startswith("data/aotinductor/"):
        return "compiled code"
    if not _KNOWN.fullmatch(name):
        return "a pickled object" if name.startswith("data/") else "something that torch.export.save does not write"
    if name.endswith(("_weights_config.json", "_constants_config.json")):
        return _payloads(_json(reader, name), "weight_" if name.startswith("data/weights/") else "tensor_")
    if name.startswith("models/"):
        return next(evaluated_texts(_json(reader, name)), None)
    if name.startswith("data/sample_inputs/") and (content := reader.get_record(name)):
        try:
            torch.load(io.BytesIO(content), weights_only=True)
        except Exception:  # whatever weights_only refuses, torch.export would unpickle after all
            return "pickled example inputs"
    return None


def _payloads(document: Any, prefix: str) -> str | None:
    """A payload is the bare numbers of a tensor; what is not is unpickled, by its own flag or by its name."""
    entries = document.get("config") if isinstance(document, dict) else None
    if not isinstance(entries, dict):
        return "a list of weights that cannot be read"
    return "pickled weights" if any(not _bare(entry, prefix) for entry in entries.values()) else None


def _bare(entry: Any, prefix: str) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("use_pickle") is False
        and isinstance(place := entry.get("path_name"), str)
        and re.fullmatch(rf"{prefix}\d+", place) is not None
    )


def _json(reader: Any, name: str) -> Any:
    try:
        return json.loads(reader.get_record(name), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        return None


def _each_once(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found
