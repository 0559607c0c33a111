"""What a run would cost in model calls, and how much of that is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.checks.quality import QualityCheck
from harness.core.models import ModelSpec
from harness.engine.gather import NOISE_ROWS
from harness.engine.session import Session
from harness.errors import HarnessError
from harness.store.files import FileStore
from harness.wiring import names_between

_RECORDED = "outputs"
_REPEAT = "repeat"
"""What the condition of the noise floor begins with."""


@dataclass(frozen=True)
class Task:
    """One model on one data set under one condition. `calls` is what it takes in all, `stored` what of it is there."""

    model: str
    data: str
    condition: str
    calls: int
    stored: int


@dataclass(frozen=True)
class Cost:
    """What a run would cost.

    `recorded` are the models that are not run, `measured` those whose weight and speed of loading are measured, `timed` those
    that are timed beside the original, `made` the candidates that `compress:` makes, whose evidence is counted as if there were
    none. With `judge: each_step` the models between their steps are tasks too, as if every stage of a schedule held.
    """

    tasks: tuple[Task, ...]
    measured: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    timed: tuple[str, ...] = ()

    @property
    def calls(self) -> int:
        """Examples that models will have to answer."""
        return sum(task.calls - task.stored for task in self.tasks)

    def lines(self) -> list[str]:
        """The same for people."""
        stored = sum(task.stored for task in self.tasks)
        parts = [
            f"{task.model} {task.calls - task.stored:,} on {task.data}{_note(task)}" for task in self.tasks if task.calls > task.stored
        ]
        lines = [
            f"{self.calls:,} model calls"
            + (f" ({', '.join(parts)})" if parts else "")
            + (f"; {stored:,} are stored already" if stored else "")
        ]
        if self.recorded:
            lines.append(f"recorded, so no model is run: {', '.join(self.recorded)}")
        if self.made:
            lines.append(f"made by compress:, counted as if nothing of them were stored: {', '.join(self.made)}")
        if self.measured:
            lines.append(f"weighed in fresh processes: {', '.join(self.measured)}")
        if self.timed:
            lines.append(f"timed with the machine to itself, unless that is stored: {', '.join(self.timed)}")
        return lines

    def document(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "model_calls": self.calls,
            "tasks": [asdict(task) for task in self.tasks],
            "weighed": list(self.measured),
            "timed": list(self.timed),
            "made": list(self.made),
        }


def cost_of(session: Session, candidates: Sequence[str], cache: Path) -> Cost:
    """The cost of judging these candidates; opens data sets and hashes model files, and runs nothing."""
    stored = {(entry.model, entry.data, entry.condition.partition(":")[0]): entry.rows for entry in FileStore(cache).entries()}
    models = [session.suite.original, *(model for model in session.suite.candidates if model.name in candidates)]
    tasks: dict[tuple[str, str, str], Task] = {}
    measured: dict[str, None] = {}
    timed: dict[str, None] = {}
    for spec in session.suite.checks:
        needs, data = session.checks[spec.name].needs(), spec.data
        rows = session.index(spec.name).rows
        for model in models:
            if needs.clean and model.kind != _RECORDED:
                tasks[model.name, data, "clean"] = _task(session, model, data, "clean", rows, stored)
            if isinstance(session.checks[spec.name], QualityCheck):
                for between in names_between(model, session.suite):
                    tasks[between, data, "clean"] = Task(between, data, "clean", rows, 0)
            if needs.footprint and model.kind != _RECORDED:
                measured[model.name] = None
            if needs.timing is not None and model.kind != _RECORDED:
                timed[model.name] = None
        if needs.noise and models[0].kind != _RECORDED:
            tasks["original", data, _REPEAT] = _task(session, models[0], data, _REPEAT, min(rows, NOISE_ROWS), stored)
    made = tuple(model.name for model in models if model.steps)
    recorded = tuple(model.name for model in models if model.kind == _RECORDED)
    return Cost(tuple(tasks.values()), tuple(measured), made, recorded, tuple(timed))


def _task(session: Session, model: ModelSpec, data: str, condition: str, rows: int, stored: dict[tuple[str, str, str], int]) -> Task:
    there = 0
    if not model.steps:
        try:
            key = session.gatherer.key(model, session.dataset(data), condition)
            there = stored.get((key.model, key.data, condition), 0)
        except HarnessError:
            there = 0  # A model file that is missing is said by the run, as a verdict.
    return Task(model.name, data, condition, rows, min(there, rows))


def _note(task: Task) -> str:
    return "" if task.condition == "clean" else " (repeated, for the noise floor)"
