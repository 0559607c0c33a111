"""How a candidate was made: what its record, `artifact.json`, tells to a report."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | float | bool | None
"""What a cell of a table holds."""


@dataclass(frozen=True)
class MadeLayer:
    """One weight in one step: its shape before, what was done ("" when it was left alone, then `reason` says why), and what was found."""

    name: str
    shape: tuple[int, ...] = ()
    done: str = ""
    reason: str = ""
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeStage:
    """One stage of a schedule; `stopped` says why it was undone. Score and drops are in the unit of the suite's metric.

    `settings` are the parameters that differ between the stages.
    """

    stage: int
    kept: bool
    stopped: str = ""
    score: float | None = None
    drop: float | None = None
    total_drop: float | None = None
    seconds: float | None = None
    settings: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class MadeStep:
    """One step; `implied` when it was added by itself. `before` and `after` are bytes of the model's files."""

    technique: str
    implied: bool = False
    seconds: float | None = None
    before: int | None = None
    after: int | None = None
    layers: tuple[MadeLayer, ...] = ()
    notes: tuple[str, ...] = ()
    table: tuple[Mapping[str, Scalar], ...] = ()
    trace: tuple[MadeStage, ...] = ()


@dataclass(frozen=True)
class Made:
    """A made candidate: what it was made of, the seconds that took, bytes before and after, and the steps in order.

    `joules` is the energy that was measured while it was made, None where no counter could be read.
    """

    candidate: str
    source: str = ""
    seconds: float | None = None
    before: int | None = None
    after: int | None = None
    steps: tuple[MadeStep, ...] = ()
    joules: float | None = None


def made_of(candidate: str, record: Mapping[str, Any]) -> Made:
    """What an artefact's record says; what it does not say is missing. `ValueError` or `TypeError` when it is no such record."""
    return Made(
        candidate=candidate,
        source=str(record.get("source", {}).get("name", "")),
        seconds=_number(record.get("seconds")),
        before=_count(record.get("source_bytes")),
        # What lies in a folder of its own is kept for the next stage, and is no part of the model.
        after=sum(int(facts["bytes"]) for name, facts in record["files"].items() if "/" not in name) if record.get("files") else None,
        steps=tuple(_step(step) for step in record.get("steps", ())),
        joules=_number((record.get("energy") or {}).get("joules")),
    )


def _step(step: Mapping[str, Any]) -> MadeStep:
    before, after = (*step.get("bytes", ()), None, None)[:2]
    trace = step.get("trace", ())
    told = _differing([entry.get("parameters") for entry in trace])
    return MadeStep(
        technique=str(step.get("technique", "")),
        implied=bool(step.get("implied", False)),
        seconds=_number(step.get("seconds")),
        before=_count(before),
        after=_count(after),
        layers=tuple(_layer(layer) for layer in step.get("layers", ())),
        notes=tuple(str(note) for note in step.get("notes", ())),
        table=tuple({str(name): _scalar(value) for name, value in row.items()} for row in step.get("table", ())),
        trace=tuple(_stage(entry, settings) for entry, settings in zip(trace, told, strict=True)),
    )


def _layer(layer: Mapping[str, Any]) -> MadeLayer:
    facts = {str(name): _number(value) for name, value in layer.get("facts", {}).items()}
    return MadeLayer(
        name=str(layer.get("name", "")),
        shape=tuple(int(size) for size in layer.get("shape", ())),
        done=str(layer.get("done") or ""),
        reason=str(layer.get("reason") or ""),
        facts={name: value for name, value in facts.items() if value is not None},
    )


def _stage(entry: Mapping[str, Any], settings: Mapping[str, Scalar]) -> MadeStage:
    return MadeStage(
        stage=int(entry["stage"]),
        kept=bool(entry["kept"]),
        stopped=str(entry.get("stopped") or ""),
        score=_number(entry.get("score")),
        drop=_number(entry.get("drop")),
        total_drop=_number(entry.get("total_drop")),
        seconds=_number(entry.get("seconds")),
        settings=settings,
    )


def _differing(parameters: Iterable[object]) -> list[Mapping[str, Scalar]]:
    """Of each stage's parameters those that are not the same in all of them."""
    stages = [dict(each) if isinstance(each, Mapping) else {} for each in parameters]
    names = dict.fromkeys(name for stage in stages for name in stage)
    changing = [name for name in names if any(stage.get(name) != stages[0].get(name) for stage in stages)]
    return [{str(name): _scalar(stage[name]) for name in changing if name in stage} for stage in stages]


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float)):
        return value if math.isfinite(value) else None
    return json.dumps(value, default=str)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) else None


def _count(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)
