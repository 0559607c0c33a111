"""Every kind a suite may name: the built-in ones and those of installed packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from harness.catalogue import Kind, Kinds
from harness.checks.builtin import CHECKS
from harness.compress.builtin import TECHNIQUES
from harness.data.builtin import SOURCES
from harness.errors import UsageError
from harness.metrics.builtin import METRICS
from harness.models.builtin import MODELS
from harness.spec import Registers


@cache
def registers() -> Registers:
    """The registers, made once. An entry point must be a `Kind`; anything else is a `UsageError` that names its package."""
    return Registers(
        models=_register("model kind", "harness.models", MODELS),
        sources=_register("data source", "harness.sources", SOURCES),
        metrics=_register("metric", "harness.metrics", METRICS),
        checks=_register("check", "harness.checks", CHECKS),
        techniques=_register("technique", "harness.techniques", TECHNIQUES),
    )


def _register(sort: str, group: str, builtin: tuple[Kind[Any], ...]) -> Kinds[Any]:
    kinds: Kinds[Any] = Kinds(sort)
    for kind in builtin:
        kinds.register(kind)
    for point in entry_points(group=group):
        found = point.load()
        if not isinstance(found, Kind):
            package = point.dist.name if point.dist else point.value
            raise UsageError(
                f"the entry point {point.name!r} of {package} in group {group} is not a harness.catalogue.Kind; "
                f"update or uninstall {package}"
            )
        kinds.register(found)
    return kinds
