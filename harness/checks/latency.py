"""The check `latency`: how fast the candidate is beside the original, per input size."""

from __future__ import annotations

import math

from harness.arrays.timing import Latency, TimedSize, Timings
from harness.checks.check import Needs, WholeOnly
from harness.checks.latency_parameters import CEILINGS, INCREASES, STARTS, LatencyParameters
from harness.checks.latency_rules import (
    At,
    Ruling,
    judge_ceiling,
    judge_increase,
    judge_speedup,
    judge_start,
    percent_up,
    provable_margin,
    ratio_figure,
)
from harness.checks.material import Material
from harness.checks.parameters import blocks
from harness.checks.percentiles import PERCENTILES, fewest_in_all, fewest_per_round
from harness.core.estimate import Figure
from harness.core.outcome import Outcome, worst
from harness.core.timing import STARTS as PROCESSES
from harness.core.timing import InputSize, TimingPlan
from harness.core.verdict import Verdict


class LatencyCheck(WholeOnly):
    """Judges every limit at every input size; the worst of them is the outcome."""

    def __init__(self, name: str, parameters: LatencyParameters) -> None:
        self.name = name
        self.parameters = parameters

    def needs(self) -> Needs:
        """See `Check.needs`."""
        asked = self.parameters
        starts = PROCESSES if any(getattr(asked, name) is not None for name in STARTS) else 0
        return Needs(timing=TimingPlan(asked.sizes(), asked.rounds, asked.calls, self._fewest_calls(), starts))

    def judge(self, material: Material) -> tuple[Verdict, ...]:
        """See `Check.judge`."""
        found = material.latency
        if found is None:
            return (self._verdict(material, Outcome.ERROR, "nothing was timed; run the suite first"),)
        rulings = [ruling for timed in found.sizes for ruling in self._size(found, timed)] + self._starts(found)
        rulings += self._unmeasured(material, found)
        limited = [ruling for ruling in rulings if ruling.outcome is not None]
        outcome = worst([ruling.outcome for ruling in limited if ruling.outcome is not None])
        decisive = [ruling.sentence for ruling in limited if ruling.outcome is outcome]
        figures = tuple(ruling.figure for ruling in rulings)
        return (self._verdict(material, outcome, "; ".join(dict.fromkeys(decisive)), figures, self._warnings(found)),)

    @property
    def has_margins(self) -> bool:
        """Whether it limits an increase over the original."""
        return bool(self._increases())

    def provable(self, size: InputSize, noise: Timings) -> list[str]:
        """What the original's spread against itself lets the rounds prove, one sentence per limit on an increase."""
        lines = []
        for percentile, limit in self._increases().items():
            margin = provable_margin(noise, percentile, self.parameters.level)
            if margin is None:
                continue
            rounds = self.parameters.rounds
            line = f"{size}: by the original's spread against itself {rounds} rounds prove {percent_up(margin)} of {percentile}"
            if limit < margin:
                faster = math.ceil((1 - (1 + limit) / (1 + margin)) * 1000) / 10
                line += (
                    f"; max_{percentile}_increase: {limit * 100:g}%rel passes only a candidate that is about {faster:g} % faster, so use "
                    "more rounds or a wider margin unless it is meant to be"
                )
            lines.append(line)
        return lines

    def _increases(self) -> dict[str, float]:
        """Percentile to tolerated increase, of those that have a limit."""
        limits = {name: getattr(self.parameters, name) for name in INCREASES}
        return {name.split("_")[1]: change.amount for name, change in limits.items() if change is not None}

    def _ceilings(self) -> dict[str, float]:
        limits = {name: getattr(self.parameters, name) for name in CEILINGS}
        return {name.split("_")[1]: seconds for name, seconds in limits.items() if seconds is not None}

    def _fewest_calls(self) -> int:
        """Requests per block that every limited percentile needs: those of its round, and its share of those in all.

        p95 is always among them, so that its figure is there.
        """
        level, rounds = self.parameters.level, self.parameters.rounds
        limited = {"p50", "p95", *self._increases(), *self._ceilings()}
        return max(math.ceil(max(fewest_per_round(p), fewest_in_all(p, level) / rounds) / 2) for p in limited) + 5

    def _size(self, found: Latency, timed: TimedSize) -> list[Ruling]:
        """All figures and rulings of one input size."""
        asked = self.parameters
        at = At(timed.timings, timed.noise, "as recorded" if found.recorded else str(timed.size), asked.level)
        ceilings = self._ceilings()
        rulings = []
        if not found.unpaired:
            rulings += [judge_increase(at, percentile, margin) for percentile, margin in self._increases().items()]
            rulings += [judge_speedup(at, asked.min_speedup)] if asked.min_speedup is not None else []
            figure = ratio_figure(at) if asked.max_p50_increase is None else None
            rulings += [Ruling(figure)] if figure is not None else []
        return rulings + [judge_ceiling(at.timings, p, ceilings.get(p), at.where, at.level) for p in PERCENTILES]

    def _starts(self, found: Latency) -> list[Ruling]:
        if found.candidate_starts is None:
            return []
        ceilings = {"cold": self.parameters.max_cold_start, "load": self.parameters.max_load_time}
        return [
            judge_start(found.original_starts, found.candidate_starts, what, ceiling, self.parameters.level)
            for what, ceiling in ceilings.items()
            if ceiling is not None
        ]

    def _unmeasured(self, material: Material, found: Latency) -> list[Ruling]:
        """Limits that could not be looked at: comparisons of models that did not stand side by side, figures never recorded."""
        outcome = Outcome.SKIPPED if material.without_original and not found.recorded else Outcome.ERROR
        comparisons = [name for name in (*INCREASES, "min_speedup") if getattr(self.parameters, name) is not None]
        rulings = []
        if found.unpaired:
            rulings += [_missing(name, outcome, f"cannot be compared: {found.unpaired}") for name in comparisons]
        if found.recorded:
            absent = [name for name in STARTS if getattr(self.parameters, name) is not None]
            absent += [] if found.sizes else [name for name in CEILINGS if getattr(self.parameters, name) is not None]
            why = "not measurable: a recording has no such figure (latency_ms: names a column of durations); remove the limit"
            rulings += [_missing(name, Outcome.ERROR, why) for name in absent]
        return rulings

    def _warnings(self, found: Latency) -> tuple[str, ...]:
        """The original should not differ from itself."""
        lines = []
        for timed in found.sizes:
            figure = None if timed.noise is None else ratio_figure(At(timed.noise, None, str(timed.size), self.parameters.level))
            if figure is not None and figure.low is not None and figure.high is not None and (figure.low > 1.05 or figure.high < 0.95):
                lines.append(
                    f"{timed.size}: the original differs from itself by {abs(figure.low - 1 if figure.low > 1 else figure.high - 1):.0%} "
                    "or more; timings on this machine cannot be trusted to that extent"
                )
        return tuple(lines)

    def _verdict(
        self, material: Material, outcome: Outcome, reason: str, figures: tuple[Figure, ...] = (), warnings: tuple[str, ...] = ()
    ) -> Verdict:
        return Verdict(
            suite=material.suite,
            candidate=material.candidate,
            check=self.name,
            segment=None,
            outcome=outcome,
            reason=reason,
            blocks=blocks(outcome, self.parameters.on_inconclusive, whole=True, critical=False),
            figures=figures,
            warnings=warnings,
        )


def _missing(limit: str, outcome: Outcome, why: str) -> Ruling:
    return Ruling(Figure(limit.replace("_", " "), None, None, "", limit, note=why), outcome, f"{limit}: {why}")
