"""One limit on a candidate's speed at one input size: the figure, the outcome, and a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.arrays.timing import Starts, Timings
from harness.checks.percentiles import fewest_in_all, fewest_per_round, log_ratios, percentile_of
from harness.core.estimate import MEDIAN_RATIO, MEDIAN_SECONDS, Figure
from harness.core.outcome import Outcome
from harness.stats import RoundRatio, provable_factor, quantile_lower_limit, quantile_upper_limit, round_ratio, rounds_needed, trend

TREND_P = 0.001
TREND_CHANGE = math.log(1.02)
"""A ratio that moved from the first round to the last by more than 2 %, with p below 0.1 %, was not measured under one condition.

The p is small because a suite has many limits, sizes and candidates, and a chance trend in any of them would be an INVALID.
"""


@dataclass(frozen=True)
class Ruling:
    """What became of one limit. A figure without a limit has no outcome."""

    figure: Figure
    outcome: Outcome | None = None
    sentence: str = ""


@dataclass(frozen=True)
class At:
    """One input size: what was measured there, the original against itself, the size in words, and the intervals' level."""

    timings: Timings
    noise: Timings | None
    where: str
    level: float


def ratio_figure(at: At) -> Figure | None:
    """The candidate's median over the original's, without a limit; None where the two were not timed side by side."""
    logs = log_ratios(at.timings, "p50")
    if logs is None:
        return None
    found = round_ratio(logs, at.level)
    floor, note = _floor(at, "p50")
    name = f"median against the original, {at.where}"
    return Figure(name, floor, found.ratio, "x", low=found.low, high=found.high, note=note, quantity=MEDIAN_RATIO)


def judge_increase(at: At, percentile: str, margin: float) -> Ruling:
    """PASS when the ratio's upper bound is at most 1 + margin, FAIL when its lower bound is above; a trend is INVALID."""
    name, limit = f"{percentile} against the original, {at.where}", f"at most {_times(1 + margin)}"
    logs = log_ratios(at.timings, percentile)
    if logs is None:
        return _not_estimable(at.timings, percentile, name, limit)
    found = round_ratio(logs, at.level)
    floor, note = _floor(at, percentile)
    outcome, met = _decided(found.high <= 1 + margin, found.low > 1 + margin)
    key = MEDIAN_RATIO if percentile == "p50" else ""
    figure = Figure(name, floor, found.ratio, "x", limit, met, found.low, found.high, note, key)
    said = f"{percentile} of {at.where} is {_interval(found)} the original's, {limit}"
    return _settled(at, percentile, Ruling(figure, outcome, said), found, math.log1p(margin) - math.log(found.ratio))


def judge_speedup(at: At, least: float) -> Ruling:
    """The same of the original's median over the candidate's, which is to be at least `least`."""
    name, limit = f"speed-up of the median, {at.where}", f"at least {_times(least)}"
    logs = log_ratios(at.timings, "p50")
    if logs is None:
        return _not_estimable(at.timings, "p50", name, limit)
    found = round_ratio(-logs, at.level)
    floor, note = _floor(at, "p50", speed=True)
    outcome, met = _decided(found.low >= least, found.high < least)
    figure = Figure(name, floor, found.ratio, "x", limit, met, found.low, found.high, note)
    said = f"median of {at.where} is {_interval(found)} as fast as the original's, {limit}"
    return _settled(at, "p50", Ruling(figure, outcome, said), found, math.log(found.ratio) - math.log(least))


def judge_ceiling(timings: Timings, percentile: str, ceiling: float | None, where: str, level: float) -> Ruling:
    """A percentile of the candidate in seconds, with or without a ceiling: PASS below it with its whole interval."""
    samples, before = timings.pooled("candidate"), timings.pooled("original")
    assert samples is not None
    name, limit = f"{percentile}, {where}", None if ceiling is None else f"at most {seconds_text(ceiling)}"
    found = percentile_of(samples, percentile, level)
    other = None if before is None else percentile_of(before, percentile, level)
    original, quantity = None if other is None else other.value, MEDIAN_SECONDS if percentile == "p50" else ""
    if found is None:
        note = f"not estimable from {samples.size:,} requests, needs {fewest_in_all(percentile, level):,}"
        figure = Figure(name, original, None, "s", limit, note=note)
        return Ruling(figure, None if ceiling is None else Outcome.INCONCLUSIVE, f"{name} is {note}")
    if ceiling is None or found.high is None:
        return Ruling(Figure(name, original, found.value, "s", low=found.low, high=found.high, quantity=quantity))
    outcome, met = _decided(found.high <= ceiling, found.low is not None and found.low > ceiling)
    figure = Figure(name, original, found.value, "s", limit, met, found.low, found.high, quantity=quantity)
    low = "" if found.low is None else f"{seconds_text(found.low)} to "
    said = f"{percentile} of {where} is {seconds_text(found.value)} ({low}{seconds_text(found.high)}), {limit}"
    return Ruling(figure, outcome, _said(outcome, said))


def judge_start(original: Starts | None, candidate: Starts, what: str, ceiling: float, level: float) -> Ruling:
    """The median over fresh processes (`what`: cold or load) against a ceiling, with exact limits of the median."""
    name, limit = ("cold start" if what == "cold" else "load time"), f"at most {seconds_text(ceiling)}"
    values, confidence = getattr(candidate, what), (1 + level) / 2
    low, high = quantile_lower_limit(values, 0.5, confidence), quantile_upper_limit(values, 0.5, confidence)
    before = None if original is None else float(np.median(getattr(original, what)))
    median = float(np.median(values))
    outcome, met = _decided(high is not None and high <= ceiling, low is not None and low > ceiling)
    figure = Figure(name, before, median, "s", limit, met, low, high, note=f"median of {len(values)} fresh processes")
    return Ruling(figure, outcome, _said(outcome, f"{name} {seconds_text(median)} (median of {len(values)}), {limit}"))


def provable_margin(noise: Timings, percentile: str, level: float) -> float | None:
    """The smallest increase that an equally fast model proves in 80 % of runs, by the original's spread against itself.

    None when the percentile has too few requests.
    """
    logs = log_ratios(noise, percentile)
    if logs is None:
        return None
    return math.expm1(provable_factor(len(logs), level=level) * round_ratio(logs, level).spread)


def seconds_text(seconds: float) -> str:
    """`1.23 ms`, `45.6 µs`, `2.5 s`."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size or (unit == "ms" and seconds == 0):
            return f"{seconds / size:.3g} {unit}" if seconds / size < 999.5 else f"{seconds / size:.0f} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _decided(passes: bool, fails: bool) -> tuple[Outcome, bool | None]:
    if passes:
        return Outcome.PASS, True
    return (Outcome.FAIL, False) if fails else (Outcome.INCONCLUSIVE, None)


def _settled(at: At, percentile: str, ruling: Ruling, found: RoundRatio, distance: float) -> Ruling:
    """The ruling on a ratio, once it is sure that it did not move. `distance` is how far inside the limit it is (log scale)."""
    logs = log_ratios(at.timings, percentile)
    assert logs is not None
    assert ruling.outcome is not None
    moved = trend(logs)
    if moved.p < TREND_P and abs(moved.change) > TREND_CHANGE:
        sentence = (
            f"{ruling.figure.name}: the ratio moved by {abs(math.expm1(moved.change)):.0%} while it was measured (p = {moved.p:.2g}), so "
            "the machine or a model changed meanwhile; make it quiet and measure again with --fresh"
        )
        return Ruling(replace(ruling.figure, met=None), Outcome.INVALID, sentence)
    said = _said(ruling.outcome, ruling.sentence)
    if ruling.outcome is Outcome.INCONCLUSIVE:
        said += f"; {_advice(at, percentile, found, distance)}"
    return replace(ruling, sentence=said)


def _advice(at: At, percentile: str, found: RoundRatio, distance: float) -> str:
    """What would settle an open ratio."""
    needed = rounds_needed(distance, found.spread, level=at.level)
    if distance <= 0:
        advice = "more rounds would more likely prove that it is too slow"
    elif needed is None:
        advice = "it lies too close to the limit for any number of rounds"
    else:
        more = max(needed - found.rounds, 1)
        advice = f"needs about {more:,} more rounds if it stays so (rounds: {found.rounds + more})"
    provable = provable_margin(at.noise, percentile, at.level) if at.noise is not None else None
    if provable is not None:
        advice += f"; by the original's own spread {found.rounds} rounds prove {percent_up(provable)} for an equally fast model"
    return advice


def percent_up(share: float) -> str:
    """A provable margin in per cent, rounded up to a tenth: `3.4 %`."""
    return f"{math.ceil(share * 1000 - 1e-9) / 10:.1f} %"


def _not_estimable(timings: Timings, percentile: str, name: str, limit: str) -> Ruling:
    samples = timings.pooled("candidate")
    assert samples is not None
    note = f"not estimable from {samples.shape[1]:,} requests per round, needs {fewest_per_round(percentile):,}"
    return Ruling(Figure(name, None, None, "x", limit, note=note), Outcome.INCONCLUSIVE, f"{name} is {note}; raise calls:")


def _floor(at: At, percentile: str, *, speed: bool = False) -> tuple[float | None, str]:
    """The original against itself, in the original's place, and a note about it; its duration, or with `speed` its speed."""
    logs = None if at.noise is None else log_ratios(at.noise, percentile)
    if logs is None:
        return None, ""
    found = round_ratio(-logs if speed else logs, at.level)
    return found.ratio, f"the original against itself: {_interval(found)}"


def _said(outcome: Outcome, said: str) -> str:
    return {Outcome.FAIL: f"{said}: not met", Outcome.INCONCLUSIVE: f"{said}: not settled"}.get(outcome, said)


def _interval(found: RoundRatio) -> str:
    return f"{_number(found.ratio)}x ({_number(found.low)} to {_number(found.high)})"


def _times(limit: float) -> str:
    return f"{limit:.6g}x"


def _number(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 10 else f"{ratio:.3g}"
