"""The check `agreement`: how far the candidate's answers moved, labels or not. A tripwire, never a quality verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from harness import stats
from harness.arrays.outputs import Outputs
from harness.catalogue import Parameters
from harness.catalogue.parameters import ShareField
from harness.checks.check import Needs, WholeOnly
from harness.checks.fidelity import Fidelity, fidelity
from harness.checks.material import Material
from harness.checks.parameters import OnInconclusive, blocks
from harness.checks.trust import describe_failures, distrust
from harness.core.estimate import Figure
from harness.core.numbers import quantity
from harness.core.outcome import Outcome, worst
from harness.core.verdict import Verdict
from harness.errors import MeasurementError

LEVEL = 0.90

PLANTED_KL = float(np.log(1000))
"""Nats of the example planted for the mean KL, unless one that was seen is worse: a certain answer falls to a probability of 1/1000."""

FEWEST_FOR_P99 = 299
"""Examples from which on a 99th percentile has an upper limit at this level: 0.99 ** 299 is below 5 %."""


class AgreementParameters(Parameters):
    """How far the candidate's answers may move from the original's."""

    max_flip_rate: ShareField | None = Field(default=None, description="share of examples that exactly one of the two models gets right")
    min_top1_agreement: ShareField | None = Field(default=None, description="share of examples to which both give the same answer")
    max_kl: float | None = Field(
        default=None, ge=0, description="mean KL divergence of the candidate's probabilities from the original's, nats"
    )
    max_kl_p99: float | None = Field(default=None, ge=0, description="99th percentile of the same; needs 299 examples to pass")
    min_cosine: float | None = Field(default=None, ge=-1, le=1, description="mean cosine similarity of the raw outputs")
    min_sqnr: float | None = Field(default=None, description="signal to quantization noise ratio of these very outputs, dB; no interval")
    on_inconclusive: OnInconclusive = Field(default_factory=OnInconclusive, description="fail or warn")

    @model_validator(mode="after")
    def _some_limit(self) -> AgreementParameters:
        if all(getattr(self, name) is None for name in type(self).model_fields if name != "on_inconclusive"):
            raise ValueError("agreement has no limit; write for instance max_flip_rate: 3% or max_kl: 0.05")
        return self


@dataclass(frozen=True)
class _Limit:
    """One limit on one figure."""

    name: str
    text: str
    limit: float
    kind: Literal["max", "min"]


class AgreementCheck(WholeOnly):
    """Compares the answers of candidate and original with each other."""

    def __init__(self, name: str, parameters: AgreementParameters) -> None:
        self.name = name
        self.parameters = parameters

    def needs(self) -> Needs:
        """See `Check.needs`."""
        return Needs(clean=True, targets=self.parameters.max_flip_rate is not None, noise=True)

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """See `Check.judge`."""
        original, candidate = material.original, material.outputs
        if original is None or candidate is None:
            why = (
                "the original's outputs are needed and only its outcomes are stored"
                if material.without_original
                else "there is no evidence"
            )
            outcome = Outcome.SKIPPED if material.without_original else Outcome.ERROR
            return (self._verdict(material, outcome, f"agreement cannot be judged: {why}", ()),)
        if why := distrust(original, material.examples.ids):
            return (self._verdict(material, Outcome.INVALID, why, ()),)
        try:
            found = fidelity(original, candidate, material.examples.targets)
        except MeasurementError as error:
            return (self._verdict(material, Outcome.ERROR, str(error), ()),)
        floor = self._noise_floor(original, material)
        figures, outcomes, reasons = [], [], []
        for limit in self._limits():
            figure, outcome = _judge_figure(limit, found, floor)
            figures.append(figure)
            outcomes.append(outcome)
            if outcome is not Outcome.PASS:
                reasons.append(_sentence(figure, outcome))
        figures.extend(_unlimited(found, floor, {figure.name for figure in figures}))
        outcome = worst(outcomes)
        reason = "; ".join(reasons) or "within " + ", ".join(f"{f.title} {f.limit}" for f in figures if f.limit)
        return (self._verdict(material, outcome, reason, tuple(figures)),)

    def _limits(self) -> list[_Limit]:
        limits = []
        for field, value in self.parameters:
            if field == "on_inconclusive" or value is None:
                continue
            kind, name = field.split("_", 1)
            share = name in ("flip_rate", "top1_agreement")
            text = f"{'≤' if kind == 'max' else '≥'} {quantity(float(value), 'share' if share else '')}"
            limits.append(_Limit(name, text, float(value), "max" if kind == "max" else "min"))
        return limits

    def _noise_floor(self, original: Outputs, material: Material) -> Fidelity | None:
        """The original against itself under another batch size, on its first rows."""
        if material.noise is None:
            return None
        rows = len(material.noise)
        head = Outputs(original.spec, original.values[:rows], original.status[:rows], original.labels)
        return fidelity(head, material.noise, None)

    def _verdict(self, material: Material, outcome: Outcome, reason: str, figures: tuple[Figure, ...]) -> Verdict:
        words = describe_failures(material.outputs, material.examples.ids) if material.outputs is not None else ""
        return Verdict(
            suite=material.suite,
            candidate=material.candidate,
            check=self.name,
            segment=None,
            outcome=outcome,
            reason=reason,
            blocks=blocks(outcome, self.parameters.on_inconclusive, whole=True, critical=False),
            figures=figures,
            warnings=(f"the candidate {words}; each counts as a changed answer",) if words else (),
        )


def _judge_figure(limit: _Limit, found: Fidelity, floor: Fidelity | None) -> tuple[Figure, Outcome]:
    """One limit against the interval of its figure: outside on both ends FAIL, across INCONCLUSIVE."""
    value, interval = _value(limit.name, found), _interval(limit.name, found)
    noise = _finite(_value(limit.name, floor)) if floor is not None else None
    unit = _unit(limit.name)
    note = "" if noise is None else f"noise floor {quantity(noise, unit)}"
    if value is None or interval is None:
        missing = Figure(limit.name, None, None, unit, limit.text, None, note="not measurable from these outputs")
        return missing, Outcome.ERROR
    if np.isinf(value):
        return Figure(limit.name, noise, None, unit, limit.text, True, note="the outputs are identical"), Outcome.PASS
    inside = interval.high <= limit.limit if limit.kind == "max" else interval.low >= limit.limit
    outside = interval.low > limit.limit if limit.kind == "max" else interval.high < limit.limit
    outcome = Outcome.PASS if inside else Outcome.FAIL if outside else Outcome.INCONCLUSIVE
    low, high = (interval.low, interval.high) if np.isfinite([interval.low, interval.high]).all() else (None, None)
    return Figure(limit.name, noise, value, unit, limit.text, inside if inside or outside else None, low, high, note), outcome


def _interval(name: str, found: Fidelity) -> stats.Interval[float] | None:
    """The figure's 90 % interval: Wilson for proportions, t with a planted example for means, ordered values for the percentile.

    The signal-to-noise ratio has none: it describes the very outputs it was computed from.
    """
    if name in ("flip_rate", "top1_agreement"):
        share = _value(name, found)
        return None if share is None else stats.wilson_interval(share * found.n, float(found.n), LEVEL)
    if name == "kl" and found.kl is not None and len(found.kl):
        return _planted(found.kl, 0.0, max(PLANTED_KL, float(found.kl.max())))
    if name == "kl_p99" and found.kl is not None and len(found.kl):
        return stats.quantile_interval(found.kl, 0.99, LEVEL)
    if name == "cosine" and found.cosine is not None and len(found.cosine):
        return _planted(found.cosine, -1.0, 1.0)
    value = _value(name, found)
    return None if value is None else stats.Interval(value, value)


def _planted(values: NDArray[np.float64], smallest: float, largest: float) -> stats.Interval[float]:
    """Of a mean of values between these: the lower limit with one more of the smallest, the upper with one more of the largest."""
    middle, reach = (smallest + largest) / 2, (largest - smallest) / 2
    sd = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    interval = stats.planted_t_interval(float(len(values)), float(values.mean()) - middle, sd, reach, LEVEL)
    return stats.Interval(interval.low + middle, interval.high + middle)


def _value(name: str, found: Fidelity) -> float | None:
    value = getattr(found, name)
    if value is None:
        return None
    return float(np.mean(value)) if isinstance(value, np.ndarray) else float(value)


def _unit(name: str) -> str:
    return {"flip_rate": "share", "top1_agreement": "share", "sqnr": "dB", "kl": "nats", "kl_p99": "nats"}.get(name, "")


def _finite(value: float | None) -> float | None:
    """None for the infinite ratio of identical outputs."""
    return None if value is None or np.isinf(value) else value


def _unlimited(found: Fidelity, floor: Fidelity | None, limited: set[str]) -> list[Figure]:
    """The figures on which the suite sets no limit, for the report."""
    figures = []
    for name in ("flip_rate", "top1_agreement", "kl", "kl_p99", "cosine", "sqnr", "right_answer_change"):
        value = _value(name, found)
        if name in limited or value is None or np.isinf(value):
            continue
        noise = _finite(_value(name, floor)) if floor is not None else None
        figures.append(Figure(name, noise, value, _unit(name), note="" if noise is None else f"noise floor {quantity(noise, _unit(name))}"))
    return figures


def _sentence(figure: Figure, outcome: Outcome) -> str:
    if figure.candidate is None:
        return f"{figure.title} ({figure.limit}) is {figure.note}"
    value = quantity(figure.candidate, figure.unit)
    if figure.low is not None and figure.high is not None and figure.low != figure.high:
        low, high = (quantity(each, figure.unit) for each in (figure.low, figure.high))
        value = f"{value} ({LEVEL * 100:.3g} % interval {low} to {high})"
    verb = "is outside" if outcome is Outcome.FAIL else "is not proven to be"
    unlimited = figure.name == "kl_p99" and figure.low is None and outcome is Outcome.INCONCLUSIVE
    return f"{figure.title} {value} {verb} {figure.limit}" + (f": that takes {FEWEST_FOR_P99} examples" if unlimited else "")
