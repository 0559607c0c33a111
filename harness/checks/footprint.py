"""The check `footprint`: what the candidate weighs beside the original, on disk and in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import Field, field_validator, model_validator

from harness.arrays.footprint import Footprint
from harness.catalogue import Parameters
from harness.catalogue.parameters import BytesField, ChangeField, SecondsField, ShareField
from harness.checks.check import Needs, WholeOnly
from harness.checks.material import Material
from harness.core.estimate import DISK_BYTES, Figure
from harness.core.numbers import percent, seconds
from harness.core.outcome import Outcome
from harness.core.units import Change, format_bytes
from harness.core.verdict import Verdict
from harness.ports.measuring import Wanted


class FootprintParameters(Parameters):
    """What the candidate may weigh."""

    min_size_reduction: ChangeField | None = Field(
        default=None, description="how much smaller on disk, in per cent of the original (70%rel)"
    )
    min_gzip_reduction: ChangeField | None = Field(default=None, description="how much smaller when gzipped (70%rel)")
    min_memory_reduction: ChangeField | None = Field(default=None, description="how much less peak memory (30%rel)")
    max_size: BytesField | None = Field(default=None, description="bytes on disk")
    max_gzip_size: BytesField | None = Field(default=None, description="bytes when gzipped")
    max_peak_memory: BytesField | None = Field(
        default=None, description="growth of the peak resident memory by loading it and answering a batch"
    )
    max_load_time: SecondsField | None = Field(default=None, description="time to load the model in a fresh process")
    max_parameters: int | None = Field(default=None, ge=0, description="number of parameters")
    max_nonzero_parameters: int | None = Field(default=None, ge=0, description="number of parameters that are not zero")
    min_low_precision: ShareField | None = Field(default=None, description="share of parameters stored in fewer than 16 bits")

    @field_validator("min_size_reduction", "min_gzip_reduction", "min_memory_reduction", mode="before")
    @classmethod
    def _not_points(cls, value: object) -> object:
        if isinstance(value, str) and value.rstrip().endswith("%"):
            raise ValueError(f"{value}: a reduction is per cent of the original's value; write {value.strip()}rel")
        return value

    @field_validator("min_size_reduction", "min_gzip_reduction", "min_memory_reduction")
    @classmethod
    def _relative(cls, value: Change | None) -> Change | None:
        if value is not None and (value.unit != "%rel" or value.amount >= 1):
            raise ValueError("a reduction is per cent of the original's value, below 100; write for instance 70%rel")
        return value

    @model_validator(mode="after")
    def _some_limit(self) -> FootprintParameters:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("footprint has no limit; write for instance min_size_reduction: 70%rel or max_peak_memory: 500MB")
        return self

    def wanted(self) -> dict[str, Wanted]:
        """See `harness.ports.measuring.Weighing`."""
        limits = {name: Wanted(q.name, name == q.reduction) for q in _QUANTITIES for name in (q.maximum, q.minimum, q.reduction) if name}
        return {name: limit for name, limit in limits.items() if getattr(self, name) is not None}


@dataclass(frozen=True)
class _Quantity:
    """One measured quantity: how to read it, how to write it, and the names of the limits on it."""

    name: str
    read: Callable[[Footprint], float | None]
    write: Callable[[float], str]
    unit: str
    maximum: str = ""
    reduction: str = ""
    minimum: str = ""
    key: str = ""


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _low_share(footprint: Footprint) -> float | None:
    weights = footprint.weights
    return weights.low_precision / weights.parameters if weights and weights.parameters else None


_QUANTITIES = (
    _Quantity("size on disk", lambda f: f.disk_bytes, format_bytes, "B", "max_size", "min_size_reduction", key=DISK_BYTES),
    _Quantity("gzip size", lambda f: f.gzip_bytes, format_bytes, "B", "max_gzip_size", "min_gzip_reduction"),
    _Quantity("parameters", lambda f: f.weights.parameters if f.weights else None, _count, "", "max_parameters"),
    _Quantity("non-zero parameters", lambda f: f.weights.non_zero if f.weights else None, _count, "", "max_nonzero_parameters"),
    _Quantity("share below 16 bits", _low_share, percent, "share", minimum="min_low_precision"),
    _Quantity("load time", lambda f: f.load_seconds, seconds, "s", "max_load_time"),
    _Quantity("peak memory", lambda f: f.peak_memory, format_bytes, "B", "max_peak_memory", "min_memory_reduction"),
    _Quantity("recorded latency (median)", lambda f: f.latency_seconds, seconds, "s"),
)


class FootprintCheck(WholeOnly):
    """Sets the candidate's weight against limits, absolute and relative to the original's."""

    def __init__(self, name: str, parameters: FootprintParameters) -> None:
        self.name = name
        self.parameters = parameters

    def needs(self) -> Needs:
        """See `Check.needs`."""
        return Needs(footprint=True)

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """See `Check.judge`: a limit not met is a FAIL, one not measurable an ERROR; SKIPPED where the original is away."""
        if material.footprints is None:
            return (self._verdict(material, Outcome.ERROR, "nothing was measured; run the suite first", ()),)
        original, candidate = material.footprints
        figures = tuple(figure for quantity in _QUANTITIES for figure in self._figures(quantity, original, candidate))
        limited = [figure for figure in figures if figure.limit is not None]
        unknown = [figure for figure in limited if figure.met is None]
        broken = [figure for figure in limited if figure.met is False]
        if broken:
            return (self._verdict(material, Outcome.FAIL, "; ".join(figure.note for figure in broken), figures),)
        if unknown:
            names = ", ".join(dict.fromkeys(figure.name for figure in unknown))
            if material.without_original and all(figure.candidate is not None for figure in unknown):
                reason = f"cannot be compared without the original, of which only the outcomes are stored: {names}"
                return (self._verdict(material, Outcome.SKIPPED, reason, figures),)
            return (self._verdict(material, Outcome.ERROR, _unknown(names, original, candidate), figures),)
        return (self._verdict(material, Outcome.PASS, "; ".join(figure.note for figure in limited), figures),)

    def _figures(self, quantity: _Quantity, original: Footprint, candidate: Footprint) -> list[Figure]:
        before, after = quantity.read(original), quantity.read(candidate)
        figures = []
        for limit_name in filter(None, (quantity.maximum, quantity.minimum, quantity.reduction)):
            limit = getattr(self.parameters, limit_name)
            if limit is not None:
                figures.append(_limited(quantity, limit_name, limit, before, after))
        unasked = not (quantity.maximum or quantity.minimum or quantity.reduction)
        if unasked and before is None and after is None:
            return []
        return figures or [Figure(quantity.name, before, after, quantity.unit, quantity=quantity.key)]

    def _verdict(self, material: Material, outcome: Outcome, reason: str, figures: tuple[Figure, ...]) -> Verdict:
        return Verdict(
            suite=material.suite,
            candidate=material.candidate,
            check=self.name,
            segment=None,
            outcome=outcome,
            reason=reason,
            blocks=outcome not in (Outcome.PASS, Outcome.SKIPPED),
            figures=figures,
            warnings=_notes(*material.footprints) if material.footprints is not None else (),
        )


def _unknown(names: str, original: Footprint, candidate: Footprint) -> str:
    notes = _notes(original, candidate)
    if notes:
        return f"not measured: {names} ({'; '.join(notes)}); mend the model, or remove the limit"
    return f"not measurable for this kind of model: {names}; remove the limit"


def _notes(original: Footprint, candidate: Footprint) -> tuple[str, ...]:
    return tuple(f"{who}: {found.note}" for who, found in (("the original", original), ("the candidate", candidate)) if found.note)


def _limited(quantity: _Quantity, limit_name: str, limit: object, before: float | None, after: float | None) -> Figure:
    """The figure with its limit, whether it is met, and a sentence about it."""
    if isinstance(limit, Change):
        text = f"at least {limit.amount * 100:.4g} % less"
        if before is None or after is None or before <= 0:
            return Figure(quantity.name, before, after, quantity.unit, text, quantity=quantity.key)
        reduction = 1 - after / before
        met = after <= before * (1 - limit.amount) * (1 + 1e-9)
        moved = f"{percent(abs(reduction), 1)} {'smaller' if reduction >= 0 else 'larger'}"
        note = f"{quantity.name} {quantity.write(before)} → {quantity.write(after)}, {moved} ({'' if met else 'not '}{text})"
        return Figure(quantity.name, before, after, quantity.unit, text, met, note=note, quantity=quantity.key)
    assert isinstance(limit, (int, float))
    at_most = limit_name.startswith("max_")
    text = f"{'at most' if at_most else 'at least'} {quantity.write(limit)}"
    if after is None:
        return Figure(quantity.name, before, after, quantity.unit, text, quantity=quantity.key)
    met = after <= limit if at_most else after >= limit
    note = f"{quantity.name} {quantity.write(after)} ({'' if met else 'not '}{text})"
    return Figure(quantity.name, before, after, quantity.unit, text, met, note=note, quantity=quantity.key)
