"""Sentences from SciPy's own documentation, and the part of SciPy that each is about.

The docstrings of what SciPy makes public are cut into sentences, and those that stand in two parts are left out, as they have no right
answer. A sentence's split is drawn from a hash of its text: it never changes when other sentences come or go.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import warnings
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pyarrow as pa

PARTS = ("fft", "integrate", "interpolate", "linalg", "ndimage", "optimize", "signal", "sparse", "spatial", "special", "stats")
"""Class i of the network is the i-th of these."""

TEST_SHARE = 0.60
LENGTHS = (25, 250)
"""Fewest and most characters of a sentence."""

_MODULES = (*PARTS, "sparse.csgraph", "sparse.linalg", "spatial.distance", "stats.mstats")
_LONGEST = 6
"""Paragraphs looked at in each docstring: what comes later is about details and examples."""

_HEADING = re.compile(r"^(Parameters|Returns|Yields|Raises|Examples|Notes|See Also|References|Attributes|Methods|\.\.)|>>>|----")
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def test() -> pa.Table:
    """Rows of the test split."""
    return _split(test=True)


def train() -> pa.Table:
    """Rows the class centres are the means of."""
    return _split(test=False)


def _split(*, test: bool) -> pa.Table:
    return pa.Table.from_pylist([row for row in _rows() if _is_test(row["sentence"]) == test])


def _is_test(sentence: str) -> bool:
    return int.from_bytes(_digest(sentence)[:8]) / 2**64 < TEST_SHARE


def _digest(sentence: str) -> bytes:
    return hashlib.sha256(sentence.encode()).digest()


def _rows() -> Iterator[dict[str, str]]:
    """One row per sentence, in the order of their texts; `kind` is what is documented."""
    found: dict[str, dict[str, str]] = {}
    parts: dict[str, set[str]] = {}
    for name in _MODULES:
        part = name.partition(".")[0]
        for kind, docstring in _docstrings(import_module(f"scipy.{name}")):
            for sentence in _sentences(docstring):
                found.setdefault(sentence, {"sentence": sentence, "part": part, "kind": kind})
                parts.setdefault(sentence, set()).add(part)
    for sentence in sorted(found):
        if len(parts[sentence]) == 1:
            yield {"id": _digest(sentence).hex()[:12], **found[sentence]}


def _docstrings(module: ModuleType) -> Iterator[tuple[str, str]]:
    """(what it documents, docstring) of everything public."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that will go
        members = [getattr(module, name, None) for name in getattr(module, "__all__", ())]
    for member in members:
        if not callable(member):
            continue
        kind = "class" if inspect.isclass(member) else "function"
        yield kind, inspect.getdoc(member) or ""
        if kind == "class":
            methods = [value for name, value in vars(member).items() if callable(value) and not name.startswith("_")]
            yield from (("method", inspect.getdoc(method) or "") for method in methods)


def _sentences(docstring: str) -> Iterator[str]:
    for paragraph in docstring.split("\n\n")[:_LONGEST]:
        text = " ".join(paragraph.split())
        if text[:1].isupper() and not _HEADING.search(text):
            yield from (sentence for sentence in _END.split(text)[:3] if LENGTHS[0] <= len(sentence) < LENGTHS[1])
