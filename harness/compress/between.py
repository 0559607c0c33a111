"""The models between the steps of a candidate: which there are, and where each is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.compress.folder import Record
from harness.compress.pipeline import Planned
from harness.compress.recipe import Recipe, stage_key
from harness.core.steps import Reached


@dataclass(frozen=True)
class State:
    """A candidate on its way. `key` is the hash under which it is kept; `in_torch`: as a network, which is no file to be run."""

    reached: Reached
    key: str
    in_torch: bool


def points(steps: Sequence[Planned], stages: Callable[[int], Sequence[int]]) -> Iterator[tuple[int, Reached]]:
    """Every point short of the end, with the index of its step in `steps`.

    `stages(index)` are the stages of a step whose result is kept; the last of them is the step's own. Exports that nobody wrote
    are no steps: what they write is the network before them.
    """
    written = [index for index, step in enumerate(steps) if not step.implied]
    for number, index in enumerate(written, start=1):
        technique = steps[index].name
        for stage in stages(index)[:-1]:
            yield index, Reached(number, technique, stage)
        if index != written[-1]:
            yield index, Reached(number, technique)


def states(found: Recipe, record: Record | None) -> tuple[State, ...]:
    """The models that a recipe came by; which stages of its schedules held is in the record of the candidate that was made."""
    told: Sequence[Record] = record["steps"] if record is not None else ()

    def held(index: int) -> list[int]:
        trace: Sequence[dict[str, Any]] = told[index].get("trace", ()) if index < len(told) else ()
        return [int(entry["stage"]) for entry in trace if entry["kept"]]

    return tuple(_state(found, index, reached) for index, reached in points(found.steps, held))


def _state(found: Recipe, index: int, reached: Reached) -> State:
    key = found.keys[index + 1]
    return State(reached, key if reached.stage is None else stage_key(key, reached.stage), found.steps[index].leaves == "torch")
