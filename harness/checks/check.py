"""What a kind of check has to offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.checks.material import Material
from harness.core.segment import SegmentRule
from harness.core.timing import TimingPlan
from harness.core.verdict import Verdict


@dataclass(frozen=True)
class Needs:
    """Which evidence a check reads. `targets`: the true answers; `clean`: both models' outputs; `timing`: how long requests take."""

    clean: bool = False
    targets: bool = False
    footprint: bool = False
    noise: bool = False
    baseline: bool = False
    timing: TimingPlan | None = None


@dataclass(frozen=True)
class PowerNote:
    """What the data can prove for one item, before anything runs.

    `power` is the probability that a model that lost nothing passes; `provable` the smallest margin it could prove with
    80 %; `detectable` the smallest drop that would FAIL with 80 %; `needed` the number of examples for 80 % power.
    """

    n: int
    margin: float | None
    power: float | None
    provable: float | None
    detectable: float | None
    needed: int | None
    can_pass: bool
    assumed_flip_rate: float | None


class Check(Protocol):
    """One rule over evidence, made from a check's parameters."""

    name: str

    def needs(self) -> Needs:
        """Which evidence it reads."""

    def segmentations(self) -> dict[str, SegmentRule]:
        """Segmentations it judges one by one, beside the whole."""

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """The whole's verdict first, then one per segment. Pure."""

    def power(self, n: int, segment_margin: object | None, flip_rate: float | None) -> PowerNote | None:
        """What `n` examples can prove, None when that cannot be said for this kind of check."""

    def hopeless(self, n: int, segment_margin: object | None) -> bool:
        """Whether `n` examples are too few for a model to pass that does not gain more answers than it loses. Cheap."""


class WholeOnly:
    """What a check that judges no segments, and whose power cannot be said, answers."""

    def segmentations(self) -> dict[str, SegmentRule]:
        """See `Check.segmentations`."""
        return {}

    def power(self, n: int, segment_margin: object | None, flip_rate: float | None) -> PowerNote | None:
        """See `Check.power`."""
        return None

    def hopeless(self, n: int, segment_margin: object | None) -> bool:
        """See `Check.hopeless`."""
        return False
