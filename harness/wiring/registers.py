"""Every kind a suite may name: the built-in ones and those of installed packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
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
        kinds.register(_kind(point))
    return kinds


def _kind(point: EntryPoint) -> Kind[Any]:
    """What an installed package offers; whatever its import does wrong is said of the package."""
    package = point.dist.name if point.dist else point.value
    where = f"the entry point {point.name!r} of {package} in group {point.group}"
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{where} cannot be imported ({what}); repair, update or uninstall {package}") from error
    if not isinstance(found, Kind):
        raise UsageError(f"{where} is not a harness.catalogue.Kind; update or uninstall {package}")
    return found
