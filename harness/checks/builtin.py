"""The checks that come with the harness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from harness.catalogue import Kind, Kinds
from harness.catalogue.refs import MetricRef
from harness.checks.agreement import AgreementCheck, AgreementParameters
from harness.checks.check import Check
from harness.checks.drift import DriftCheck, DriftParameters
from harness.checks.footprint import FootprintCheck, FootprintParameters
from harness.checks.quality import QualityCheck, QualityParameters
from harness.core.suite import CheckSpec
from harness.errors import UsageError
from harness.metrics.metric import Metric


class CheckFactory(Protocol):
    """Makes a check from its parameters. Third parties register one by the entry point group `harness.checks`."""

    def __call__(self, name: str, parameters: Any, metric: Callable[[MetricRef], Metric], others: Mapping[str, CheckSpec]) -> Check:
        """The check; `metric` makes metrics, `others` are all checks of the suite."""


def _quality(name: str, parameters: Any, metric: Callable[[MetricRef], Metric], others: Mapping[str, CheckSpec]) -> Check:
    return QualityCheck(name, parameters, metric(parameters.metric))


def _agreement(name: str, parameters: Any, metric: Callable[[MetricRef], Metric], others: Mapping[str, CheckSpec]) -> Check:
    return AgreementCheck(name, parameters)


def _footprint(name: str, parameters: Any, metric: Callable[[MetricRef], Metric], others: Mapping[str, CheckSpec]) -> Check:
    return FootprintCheck(name, parameters)


def _drift(name: str, parameters: DriftParameters, metric: Callable[[MetricRef], Metric], others: Mapping[str, CheckSpec]) -> Check:
    followed = others.get(parameters.check)
    if followed is None or followed.kind != "quality":
        known = ", ".join(other for other, spec in others.items() if spec.kind == "quality") or "none"
        raise UsageError(f"drift follows a quality check, and {parameters.check!r} is not one; quality checks of this suite: {known}")
    return DriftCheck(name, parameters, QualityCheck(followed.name, _as_quality(followed), metric(_as_quality(followed).metric)))


def _as_quality(spec: CheckSpec) -> QualityParameters:
    assert isinstance(spec.parameters, QualityParameters)
    return spec.parameters


CHECKS: tuple[Kind[CheckFactory], ...] = (
    Kind("quality", QualityParameters, _quality),
    Kind("agreement", AgreementParameters, _agreement),
    Kind("footprint", FootprintParameters, _footprint),
    Kind("drift", DriftParameters, _drift),
)


def make_check(spec: CheckSpec, kinds: Kinds[CheckFactory], metric: Callable[[MetricRef, Path], Metric], root: Path, others: Mapping[str, CheckSpec]) -> Check:
    """The check that `spec` describes; `UsageError` when its parameters do not fit its metric."""
    return kinds.get(spec.kind).implementation(spec.name, spec.parameters, lambda reference: metric(reference, root), others)
