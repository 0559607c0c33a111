"""Kinds of other packages come in by entry points."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from harness.catalogue import Kind, Parameters
from harness.errors import UsageError


class Nothing(Parameters):
    """No parameters."""


GOOD: Kind[Any] = Kind("third-party", Nothing, object())
TAKEN: Kind[Any] = Kind("onnx", Nothing, object())
BAD = "not a kind"


def offered(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    def points(group: str) -> list[EntryPoint]:
        return [EntryPoint("x", f"{__name__}:{name}", group)] if group == "harness.models" else []

    module = import_module("harness.wiring.registers")
    monkeypatch.setattr(module, "entry_points", points)
    return module.registers.__wrapped__()


def test_a_kind_of_another_package_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = offered(monkeypatch, "GOOD").models
    assert {"third-party", "onnx"} <= set(found.names())


@pytest.mark.parametrize(("name", "words"), [("TAKEN", "two model kinds are called 'onnx'"), ("BAD", "is not a harness.catalogue.Kind")])
def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        offered(monkeypatch, name)
