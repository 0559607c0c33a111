"""The checks that come with the harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from harness.catalogue import Kind, Kinds
from harness.catalogue.refs import MetricRef
from harness.checks.agreement import AgreementCheck, AgreementParameters
from harness.checks.check import Check
from harness.checks.drift import DriftCheck, DriftParameters
from harness.checks.footprint import FootprintCheck, FootprintParameters
from harness.checks.latency import LatencyCheck
from harness.checks.latency_parameters import LatencyParameters
from harness.checks.quality import QualityCheck, QualityParameters
from harness.core.suite import CheckSpec
from harness.errors import UsageError
from harness.metrics.metric import Metric


@dataclass(frozen=True)
class CheckContext:
    """What a check may be made from beside its own parameters: a maker of metrics, and all checks of the suite."""

    metric: Callable[[MetricRef], Metric]
    checks: Mapping[str, CheckSpec]


class CheckFactory(Protocol):
    """Makes a check from its name and parameters. Third parties register one by the entry point group `harness.checks`."""

    def __call__(self, name: str, parameters: Any, context: CheckContext, /) -> Check:
        """The check; `UsageError` when the parameters make no sense together."""


def _quality(name: str, parameters: Any, context: CheckContext) -> Check:
    return QualityCheck(name, parameters, context.metric(parameters.metric))


def _agreement(name: str, parameters: Any, _context: CheckContext) -> Check:
    return AgreementCheck(name, parameters)


def _footprint(name: str, parameters: Any, _context: CheckContext) -> Check:
    return FootprintCheck(name, parameters)


def _latency(name: str, parameters: Any, _context: CheckContext) -> Check:
    return LatencyCheck(name, parameters)


def _drift(name: str, parameters: DriftParameters, context: CheckContext) -> Check:
    followed = context.checks.get(parameters.check)
    if followed is None or followed.kind != "quality":
        known = ", ".join(other for other, spec in context.checks.items() if spec.kind == "quality") or "none"
        raise UsageError(f"drift follows a quality check, and {parameters.check!r} is not one; quality checks of this suite: {known}")
    quality = _as_quality(followed)
    return DriftCheck(name, parameters, QualityCheck(followed.name, quality, context.metric(quality.metric)))


def _as_quality(spec: CheckSpec) -> QualityParameters:
    assert isinstance(spec.parameters, QualityParameters)
    return spec.parameters


CHECKS: tuple[Kind[CheckFactory], ...] = (
    Kind("quality", QualityParameters, _quality),
    Kind("agreement", AgreementParameters, _agreement),
    Kind("footprint", FootprintParameters, _footprint),
    Kind("latency", LatencyParameters, _latency),
    Kind("drift", DriftParameters, _drift),
)


def make_check(spec: CheckSpec, kinds: Kinds[CheckFactory], context: CheckContext) -> Check:
    """The check that `spec` describes; `UsageError` when its parameters do not fit its metric."""
    return kinds.get(spec.kind).implementation(spec.name, spec.parameters, context)
