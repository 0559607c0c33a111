"""What is known of a candidate beside its verdicts: size, drop, speed, and the time that went into making it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.arrays.footprint import Footprint
from harness.core.comparison import Comparison
from harness.core.estimate import DISK_BYTES, MEDIAN_RATIO, MEDIAN_SECONDS, Figure
from harness.core.numbers import known, quantity, seconds, texts
from harness.core.verdict import Verdict
from harness.report.conclusion import CandidateResult, Decision
from harness.report.figures import change
from harness.report.made import Made
from harness.report.material import Material
from harness.report.standing import Standing
from harness.report.text import one_line


@dataclass(frozen=True)
class Measured:
    """One candidate: bytes on disk, its footprint, the drop of the suite's quality, its median time, and how it was made.

    `speed` is the median against the original's, `before` the original's median in seconds at the same input size.
    """

    name: str
    decision: Decision
    standing: Standing
    size: float | None
    footprint: Footprint
    drop: Comparison | None
    speed: Figure | None
    before: float | None
    made: Made | None

    @property
    def ratio(self) -> float | None:
        """Its median time over the original's."""
        return None if self.speed is None else known(self.speed.candidate)

    @property
    def ratio_text(self) -> str | None:
        """`0.45 ×`."""
        return None if self.ratio is None else f"{self.ratio:.3g} ×"


def measured(material: Material) -> tuple[Measured, ...]:
    """Every candidate, in the suite's order. Drops are those of one check, speeds those of one input size: they can be compared."""
    quality = quality_check(material)
    timed = next((figure.name for figure in _figures(material.record.verdicts, MEDIAN_RATIO)), None)
    made = {each.candidate: each for each in material.extras.made}
    return tuple(_measured(material, result, quality, timed, made.get(result.candidate)) for result in material.results)


def quality_check(material: Material) -> str | None:
    """The check whose drops stand for quality: what the suite's extras say, else the first that compares."""
    compared = [verdict.check for verdict in material.record.verdicts if verdict.segment is None and verdict.comparison is not None]
    return material.extras.quality if material.extras.quality in compared else next(iter(compared), None)


def original_size(material: Material) -> float | None:
    """Bytes of the original."""
    weighed = material.extras.footprints.get(material.extras.original)
    if weighed is not None and weighed.disk_bytes is not None:
        return weighed.disk_bytes
    return next((known(figure.original) for figure in _figures(material.record.verdicts, DISK_BYTES)), None)


def _measured(material: Material, result: CandidateResult, quality: str | None, timed: str | None, made: Made | None) -> Measured:
    weighed = material.extras.footprints.get(result.candidate, Footprint())
    size: float | None = weighed.disk_bytes
    if size is None:
        told = next((known(figure.candidate) for figure in _figures(result.verdicts, DISK_BYTES)), None)
        size = told if told is not None or made is None else made.after
    whole = next((group.whole for group in result.groups if group.check == quality), None)
    speed = next((figure for figure in _figures(result.verdicts, MEDIAN_RATIO) if figure.name == timed), None)
    drop = whole.comparison if whole else None
    return Measured(result.candidate, result.decision, result.standing, size, weighed, drop, speed, _before(result, speed), made)


def _before(result: CandidateResult, speed: Figure | None) -> float | None:
    """The original's median in seconds at the input size of `speed`, whose name ends with it."""
    medians = _figures(result.verdicts, MEDIAN_SECONDS)
    return next((known(figure.original) for figure in medians if speed is not None and _where(figure) == _where(speed)), None)


def _where(figure: Figure) -> str:
    return figure.name.partition(", ")[2]


def _figures(verdicts: Iterable[Verdict], wanted: str) -> Iterable[Figure]:
    return (
        figure for verdict in verdicts for figure in verdict.figures if figure.quantity == wanted and known(figure.candidate) is not None
    )


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, None for what is not known, and what stands below it in small print."""

    value: str | None
    small: str | None = None


@dataclass(frozen=True)
class CandidateTable:
    """Models side by side, the original first; columns of which nothing is known are left out."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def candidate_table(material: Material) -> CandidateTable | None:
    """Size, parameters, drop, speed and making; None when nothing is known but drops, which stand elsewhere."""
    candidates = measured(material)
    before = material.extras.footprints.get(material.extras.original, Footprint())
    of_original = (
        Cell(quantity(original_size(material), "B")),
        Cell(quantity(before.gzip_bytes, "B")),
        *(Cell(quantity(_weights(before, name), "")) for name in _WEIGHTS),
        *(Cell(None),) * 3,
    )
    rows = [(material.extras.original, of_original), *((one.name, _cells(one, before, original_size(material))) for one in candidates)]
    quality = one_line(quality_check(material) or "", 40)
    header = ("On disk", "gzip", "Parameters", "Non-zero", f"Drop of {quality}", _speed_title(candidates), "Making took")
    used = [i for i in range(len(header)) if any(cells[i].value is not None for _, cells in rows)]
    if not set(used) - {_DROP}:
        return None
    return CandidateTable(tuple(header[i] for i in used), tuple((name, tuple(cells[i] for i in used)) for name, cells in rows))


_DROP = 4
_WEIGHTS = ("parameters", "non_zero")


def _speed_title(candidates: Iterable[Measured]) -> str:
    where = next((_where(one.speed) for one in candidates if one.speed is not None), "")
    return "Time against the original" + (f", {one_line(where, 60)}" if where else "")


def _cells(one: Measured, before: Footprint, size: float | None) -> tuple[Cell, ...]:
    found = texts(one.drop) if one.drop is not None else None
    drop = None if found is None or found.drop is None else f"{found.drop}{found.unit.suffix}"
    interval = None
    if one.speed is not None and known(one.speed.low) is not None and known(one.speed.high) is not None:
        interval = f"{one.speed.low:.3g} to {one.speed.high:.3g}"
    return (
        Cell(quantity(one.size, "B"), change(size, one.size)),
        Cell(quantity(one.footprint.gzip_bytes, "B"), change(before.gzip_bytes, one.footprint.gzip_bytes)),
        *(
            Cell(quantity(_weights(one.footprint, name), ""), change(_weights(before, name), _weights(one.footprint, name)))
            for name in _WEIGHTS
        ),
        Cell(drop, found.interval if found is not None and drop is not None else None),
        Cell(one.ratio_text, interval),
        _making(one),
    )


def _making(one: Measured) -> Cell:
    """What making it took, and how many requests of the timed size it takes until the time is won back."""
    if one.made is None or one.made.seconds is None:
        return Cell(None)
    energy = "" if one.made.joules is None else f"{one.made.joules:,.3g} J"
    back = "" if one.speed is None or one.before is None else _won_back(one.made.seconds, one.before, one.speed)
    return Cell(duration(one.made.seconds), "; ".join(filter(None, (energy, back))) or None)


def _won_back(seconds: float, before: float, speed: Figure) -> str:
    """After how many requests the time saved is the time spent, with the limits that those of the ratio give."""
    low, high = known(speed.low), known(speed.high)
    if low is None or high is None or speed.candidate is None or before <= 0 or high >= 1:
        return "not won back: it is not proven faster" if high is not None else ""
    value, fewest, most = (requests(seconds / (before * (1 - ratio))) for ratio in (speed.candidate, low, high))
    return f"won back after {value} requests ({fewest} to {most})"


def requests(count: float) -> str:
    """A number of requests to two digits, rounded up: `1,300`, `45 million`."""
    step = 10 ** max(math.floor(math.log10(max(count, 1))) - 1, 0)
    whole = math.ceil(count / step) * step
    return f"{whole / 1e6:,.3g} million" if whole >= 1e6 else f"{whole:,}"


def duration(value: float) -> str:
    """`0.06 s`, `41.8 s`, `12 min`, `2.5 h`."""
    if value < 1:
        return seconds(value)
    if value < 120:
        return f"{value:.3g} s"
    return f"{value / 60:.3g} min" if value < 7200 else f"{value / 3600:,.3g} h"


def _weights(footprint: Footprint, name: str) -> float | None:
    return None if footprint.weights is None else getattr(footprint.weights, name)
