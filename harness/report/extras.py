"""What a report shows beside the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.arrays.footprint import Footprint
from harness.report.each_step import StepTable
from harness.report.made import Made


@dataclass(frozen=True)
class Confusion:
    """`count` examples of true class `target` on which the models' predictions were these two, different ones."""

    target: str
    original_prediction: str
    candidate_prediction: str
    count: int


@dataclass(frozen=True)
class FlipTable:
    """Right and wrong of both models on the same examples, all counts; `confusions` most frequent first."""

    candidate: str
    both_right: int
    gained: int
    lost: int
    both_wrong: int
    confusions: tuple[Confusion, ...] = ()
    data: str = ""

    @property
    def n(self) -> int:
        """Number of examples."""
        return self.both_right + self.gained + self.lost + self.both_wrong


@dataclass(frozen=True)
class ReportExtras:
    """For one suite: flips per candidate, what each model weighs, how candidates were made, and what was found after each step.

    `footprints` maps model names, the original's among them, to what was measured; `original` is the original's name.
    `quality` is the check whose drops stand for the quality of a candidate; empty for the first one that compares.
    """

    flips: tuple[FlipTable, ...] = ()
    footprints: Mapping[str, Footprint] = field(default_factory=dict)
    original: str = "original"
    made: tuple[Made, ...] = ()
    quality: str = ""
    each_step: tuple[StepTable, ...] = ()
