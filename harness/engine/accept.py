"""Accepting a baseline: a person says that this state is the one to compare with from now on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from harness.arrays.baseline import Acceptance, Baseline, Outcomes, Side
from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.checks.check import Check
from harness.checks.drift import ANEW, GONE, DriftCheck
from harness.checks.quality import QualityCheck
from harness.core.models import OutputType
from harness.core.outcome import Outcome, worst
from harness.core.segment import OTHER, ByBins
from harness.core.verdict import Verdict
from harness.engine.session import Session
from harness.errors import BaselineError, HarnessError, MeasurementError
from harness.metrics.metric import MeanMetric, WholeMetric


@dataclass(frozen=True)
class Request:
    """Who accepts, when (ISO 8601), with what note. `override` names the spent budget when a verdict blocks."""

    who: str
    when: str
    note: str = ""
    override: str = ""
    golden: bool = False


def accept(session: Session, candidate: str, request: Request) -> Baseline:
    """The new baseline of a candidate, from verdicts and evidence of this session; not yet written.

    Raises `BaselineError` when a verdict blocks (or drift against golden is not PASS) and there is no override, and when
    golden outcomes cannot be compared with today's any more, unless they are pinned anew.
    """
    standing = session.baseline(candidate)
    data = {spec.name: session.dataset(spec.data).fingerprint for spec in session.suite.checks}
    measures = _measures(session, candidate)
    broken = {} if standing is None else broken_ground(standing, data, measures)
    if broken and not request.golden:
        raise BaselineError(f"{candidate}: {next(iter(broken.values()))}")
    verdicts = {name: session.verdicts(candidate, name) for name in session.checks if not _drifts_from(session.checks[name], broken)}
    _require_clean(candidate, verdicts, standing, session, request)
    acceptance = Acceptance(
        who=request.who,
        when=request.when,
        note=request.note,
        model=session.gatherer.fingerprints.get(candidate, ""),
        drops={v.item_name: v.comparison.drop.value for found in verdicts.values() for v in found if v.comparison is not None},
        outcomes={v.item_name: str(v.outcome) for found in verdicts.values() for v in found},
        overridden=request.override,
    )
    pinned = standing if standing is not None and not request.golden else None
    golden = {} if pinned is None else {key: found for key, found in (pinned.outcomes or {}).items() if key[0] == "golden"}
    edges = _edges(session)
    return Baseline(
        suite=session.suite.name,
        candidate=candidate,
        original_model=session.gatherer.fingerprints.get("original", ""),
        data=_of_golden(golden, pinned.data) | data if pinned is not None else data,
        segments={check: _standing_labels(session, check, found) for check, found in verdicts.items()},
        edges=edges,
        edge_rules=_edge_rules(session, edges),
        measures=_of_golden(golden, pinned.measures) | measures if pinned is not None else measures,
        golden=acceptance if pinned is None else pinned.golden,
        accepted=acceptance,
        history=(*(standing.history if standing else ()), replace(acceptance, drops={}, outcomes={})),
        attempts=0,
        outcomes=_outcomes(session, candidate) | golden,
    )


def broken_ground(standing: Baseline, data: Mapping[str, str], measures: Mapping[str, str]) -> dict[str, str]:
    """Why golden outcomes can no longer be compared with today's, by check."""
    anew = f"then {ANEW}"
    found = {
        check: f"the data of {check} is not the data of the golden baseline; judge the accepted model on the new data, {anew}"
        for check, fingerprint in data.items()
        if standing.data.get(check, fingerprint) != fingerprint
    }
    for check, measure in measures.items():
        then = standing.measures.get(check)
        if then is None or check in found:
            continue
        if then != measure:
            found[check] = f"{check} measures otherwise than the golden baseline ({then}, today {measure}); measure as then, or {ANEW}"
        elif ("golden", check) not in (standing.outcomes or {}):
            found[check] = f"{GONE.format(check=check)}; restore that file, or {ANEW}"
    return found


def _of_golden(golden: Mapping[tuple[Side, str], Outcomes], known: Mapping[str, str]) -> dict[str, str]:
    """What is known of the checks whose golden outcomes are kept: those that the suite has no more are not forgotten."""
    return {check: known[check] for _, check in golden if check in known}


def _drifts_from(check: Check, broken: Mapping[str, str]) -> bool:
    """Whether it compares with golden outcomes that nothing can be compared with any more, which is why they are pinned anew."""
    return isinstance(check, DriftCheck) and check.quality.name in broken


def _require_clean(
    candidate: str, verdicts: Mapping[str, tuple[Verdict, ...]], standing: Baseline | None, session: Session, request: Request
) -> None:
    if request.override:
        return
    blocking = [v for found in verdicts.values() for v in found if v.blocks]
    if blocking:
        gravest = worst([v.outcome for v in blocking])
        first = next(v for v in blocking if v.outcome is gravest)
        raise BaselineError(
            f"{candidate} is not fit to be accepted: {first.item_name}: {first.outcome}: {first.reason}"
            + (f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else "")
            + "; mend it, or accept with --override and the reason why this loss is acceptable"
        )
    if standing is None:
        return
    for name, found in verdicts.items():
        if isinstance(session.checks[name], DriftCheck) and found[0].outcome not in (Outcome.PASS, Outcome.SKIPPED):
            raise BaselineError(
                f"{candidate}: {name} against the golden baseline is {found[0].outcome}, and accepting requires PASS: {found[0].reason}; "
                "or accept with --override and the budget that is spent"
            )


def _standing_labels(session: Session, check: str, verdicts: tuple[Verdict, ...]) -> tuple[str, ...]:
    """Segments that must not vanish from now on: those that were judged, are large enough, and are no bucket of leftovers."""
    smallest = {declared.name: declared.min_examples for declared in session.data_spec(check).segments}
    return tuple(
        v.segment.label
        for v in verdicts
        if v.segment is not None
        and v.comparison is not None
        and v.comparison.n >= smallest.get(v.segment.segmentation, 1)
        and OTHER not in v.segment.as_mapping().values()
    )


def _measures(session: Session, candidate: str) -> dict[str, str]:
    """By what every quality check measured; those of a candidate that does not answer are left out, and their verdicts say why."""
    found = {}
    for spec in session.suite.checks:
        check = session.checks[spec.name]
        if isinstance(check, QualityCheck):
            with suppress(HarnessError):
                outputs = session.outputs(session.suite.model(candidate), spec.data)
                found[spec.name] = check.measure(outputs.spec, session.dataset(spec.data).target_column)
    return found


def _edges(session: Session) -> dict[str, dict[str, tuple[float, ...]]]:
    """Bin edges that were computed from the data, frozen from now on."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for data in {spec.data for spec in session.suite.checks}:
        quantiles = {s.name for s in session.suite.data[data].segments if isinstance(s.rule, ByBins) and s.rule.quantiles is not None}
        computed = {s.name: s.edges for s in session.dataset(data).segmentations() if s.name in quantiles and s.edges is not None}
        if computed:
            found[data] = computed
    return found


def _edge_rules(session: Session, edges: Mapping[str, Mapping[str, tuple[float, ...]]]) -> dict[str, dict[str, str]]:
    """The rules by which the edges were computed: by another they are others."""
    rules = {data: {s.name: s.rule.words for s in session.suite.data[data].segments if isinstance(s.rule, ByBins)} for data in edges}
    return {data: {name: rules[data][name] for name in computed} for data, computed in edges.items()}


def _outcomes(session: Session, candidate: str) -> dict[tuple[Side, str], Outcomes]:
    """What later paired comparisons need, in the smallest form that gives the same values."""
    found: dict[tuple[Side, str], Outcomes] = {}
    for spec in session.suite.checks:
        check = session.checks[spec.name]
        if not isinstance(check, QualityCheck):
            continue
        dataset = session.dataset(spec.data)
        after = session.outputs(session.suite.model(candidate), spec.data)
        targets = dataset.targets(after.spec)
        kept = smallest(check, after, targets)
        found["golden", spec.name] = kept
        found["accepted", spec.name] = kept
        if not session.options.without_original:
            found["original", spec.name] = smallest(check, session.outputs(session.suite.original, spec.data), targets)
    return found


def smallest(check: QualityCheck, outputs: Outputs, targets: Targets) -> Outcomes:
    """The smallest form of `outputs` from which the check's metric comes out the same."""
    metric = check.metric
    if isinstance(metric, MeanMetric):
        scores = metric.scores(outputs, targets)
        return Outcomes("scores", scores > 0.5 if metric.info.binary else scores.astype(np.float32))
    value = metric.prepare(outputs, targets).value()
    for form, type_ in (("label", OutputType.LABEL), ("score", OutputType.SCORE)):
        reduced = _reduced(outputs, type_)
        if reduced is not None and _same(metric, reduced, targets, value):
            return Outcomes("label" if form == "label" else "score", reduced.values, outputs.labels)
    if outputs.values.dtype.kind != "f":
        return Outcomes("full", outputs.values, outputs.labels)
    values = outputs.values.astype(np.float32)
    values[~outputs.ok] = np.nan
    return Outcomes("full", values, outputs.labels)


def _same(metric: WholeMetric, reduced: Outputs, targets: Targets, value: float) -> bool:
    try:
        found = metric.prepare(reduced, targets).value()
    except MeasurementError:
        return False
    return bool(np.isclose(found, value, rtol=0, atol=1e-12))


def _reduced(outputs: Outputs, type_: OutputType) -> Outputs | None:
    """`outputs` as labels, or as the score of the positive class; None where that makes no sense."""
    spec = replace(outputs.spec, type=type_)
    values = np.asarray(outputs.values, dtype=outputs.values.dtype)
    if values.ndim != 2 or values.dtype.kind != "f" or outputs.offsets is not None:
        return None
    if type_ is OutputType.LABEL:
        codes = values.argmax(axis=1)
        return Outputs(spec, np.where(outputs.ok, codes, -1).astype(np.int16), np.zeros_like(outputs.status), outputs.labels)
    if values.shape[1] != 2 or spec.positive not in outputs.labels:
        return None
    positive = outputs.labels.index(spec.positive)
    difference = np.subtract(values[:, positive], values[:, 1 - positive], dtype=np.float64)
    difference[~outputs.ok] = np.nan
    return Outputs(spec, difference.astype(np.float32), outputs.status, outputs.labels)
