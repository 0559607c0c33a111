"""The check `latency` on durations whose true ratio is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.arrays.timing import Latency, Starts, TimedSize, Timings
from harness.checks.latency import LatencyCheck
from harness.checks.latency_parameters import LatencyParameters
from harness.checks.latency_rules import provable_margin, seconds_text
from harness.core.estimate import Figure
from harness.core.outcome import Outcome
from harness.core.timing import InputSize, Lengths
from harness.core.verdict import Verdict
from tests.checks.build import material
from tests.checks.timings import timings

EMPTY = material(None, None, [])


def check(**parameters: object) -> LatencyCheck:
    return LatencyCheck("latency", LatencyParameters.model_validate(parameters))


def latency(*measured: Timings, noise: Timings | None = None, **more: object) -> Latency:
    sizes = tuple(TimedSize(InputSize(2**index), found, noise) for index, found in enumerate(measured))
    return replace(Latency(sizes), **more)  # type: ignore[arg-type]


def judged(asked: LatencyCheck, found: Latency, *, without_original: bool = False) -> Verdict:
    verdicts = asked.judge(replace(EMPTY, latency=found, without_original=without_original))
    assert len(verdicts) == 1
    return verdicts[0]


def figure(verdict: Verdict, name: str) -> Figure:
    return next(figure for figure in verdict.figures if figure.name == name)


def outcomes(asked: LatencyCheck, ratio: float, runs: int, **noise: float) -> Counter[Outcome]:
    return Counter(judged(asked, latency(timings(ratio, seed=seed, **noise))).outcome for seed in range(runs))  # type: ignore[arg-type]


def test_the_original_against_itself_ten_times_never_fails() -> None:
    assert outcomes(check(max_p95_increase="5%rel", max_p50_increase="5%rel"), 1.0, 10)[Outcome.FAIL] == 0


def test_twenty_per_cent_planted_fail() -> None:
    assert outcomes(check(max_p95_increase="5%rel"), 1.2, 10) == {Outcome.FAIL: 10}


def test_error_rates_at_and_away_from_the_margin() -> None:
    """At a true ratio of exactly 1 + margin a PASS and a FAIL have 5 % each; a trend by chance 0.1 %."""
    at_margin = outcomes(check(max_p50_increase="5%rel"), 1.05, 400)
    assert at_margin[Outcome.PASS] <= 34  # 5 % and three standard deviations
    assert at_margin[Outcome.FAIL] <= 34
    assert at_margin[Outcome.INVALID] <= 4
    same = outcomes(check(max_p50_increase="5%rel"), 1.0, 200)
    assert same[Outcome.FAIL] == 0
    assert same[Outcome.PASS] >= 190  # the blocks' spread gives the ratio one of 2 %: 8 rounds prove 2 %


@pytest.mark.parametrize(("ratio", "outcome"), [(0.9, Outcome.PASS), (1.0, Outcome.INCONCLUSIVE), (1.1, Outcome.FAIL)])
def test_a_margin_of_nothing_asks_for_a_faster_candidate(ratio: float, outcome: Outcome) -> None:
    assert judged(check(max_p95_increase="0%rel"), latency(timings(ratio, seed=3))).outcome is outcome


@pytest.mark.parametrize(("ratio", "outcome"), [(0.5, Outcome.PASS), (0.9, Outcome.FAIL), (1 / 1.5, Outcome.INCONCLUSIVE)])
def test_a_promised_speed_up(ratio: float, outcome: Outcome) -> None:
    verdict = judged(check(min_speedup="1.5x"), latency(timings(ratio, seed=1), noise=timings(seed=9)))
    assert verdict.outcome is outcome
    found = figure(verdict, "speed-up of the median, batch 1")
    assert found.candidate == pytest.approx(1 / ratio, rel=0.03)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.candidate < found.high  # type: ignore[operator]


def test_a_ratio_that_moves_while_it_is_measured_is_invalid() -> None:
    verdict = judged(check(max_p95_increase="50%rel"), latency(timings(1.0, drift=0.3, spread=0.01)))
    assert verdict.outcome is Outcome.INVALID
    assert "moved by" in verdict.reason
    assert "--fresh" in verdict.reason
    assert verdict.blocks


def test_what_moves_both_models_alike_is_no_trend() -> None:
    found = timings(1.0, spread=0.01)
    assert found.original is not None
    slower = np.linspace(1, 3, 8).reshape(-1, 1, 1)
    both = Timings((found.candidate * slower).astype(np.int64), (found.original * slower).astype(np.int64))
    assert judged(check(max_p95_increase="10%rel"), latency(both)).outcome is Outcome.PASS


def test_every_size_is_judged_and_the_worst_counts() -> None:
    verdict = judged(check(max_p95_increase="5%rel", batch_sizes=[1, 2]), latency(timings(0.8), timings(1.4)))
    assert verdict.outcome is Outcome.FAIL
    assert "batch 2" in verdict.reason
    assert "batch 1 " not in verdict.reason
    assert [f.met for f in verdict.figures if f.limit] == [True, False]


def test_ceilings() -> None:
    quick = latency(timings(seconds=0.002))
    assert judged(check(max_p95="10ms"), quick).outcome is Outcome.PASS
    assert judged(check(max_p95="1ms"), quick).outcome is Outcome.FAIL
    near = judged(check(max_p50="2.08ms"), quick)
    assert near.outcome is Outcome.INCONCLUSIVE
    found = figure(near, "p50, batch 1")
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.00208 < found.high


def test_a_ceiling_is_judged_by_the_spread_between_rounds_too() -> None:
    """Requests of a round share its pace: order statistics alone would be far too sure."""
    passed = sum(judged(check(max_p50="2.06ms"), latency(timings(1.0, seed=s, between=0.2))).outcome is Outcome.PASS for s in range(100))
    assert passed <= 12  # the true median is 2 ms · e^0.037 ≈ 2.08 ms: just above


@pytest.mark.parametrize(
    ("limit", "calls", "rounds", "estimable"), [("max_p99", 18, 8, False), ("max_p99", 19, 8, True), ("max_p95", 2, 14, False)]
)
def test_a_percentile_of_too_few_requests_is_not_estimable(limit: str, calls: int, rounds: int, estimable: bool) -> None:
    """8 × 2 × 19 = 304 ≥ 299 requests; 8 × 2 × 18 = 288; 14 × 2 × 2 = 56 < 59."""
    verdict = judged(check(**{limit: "1s"}), latency(timings(calls=calls, rounds=rounds)))
    found = figure(verdict, f"{limit[4:]}, batch 1")
    assert (found.candidate is not None) is estimable
    assert verdict.outcome is (Outcome.PASS if estimable else Outcome.INCONCLUSIVE)
    if not estimable:
        assert "not estimable" in verdict.reason
        assert (found.met, found.low, found.high) == (None, None, None)


def test_a_ratio_of_too_few_requests_per_round_is_not_estimable() -> None:
    verdict = judged(check(max_p99_increase="10%rel"), latency(timings(calls=49)))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "not estimable from 98 requests per round, needs 100" in verdict.reason
    assert judged(check(max_p99_increase="80%rel"), latency(timings(calls=50))).outcome is Outcome.PASS


def test_inconclusive_says_how_many_more_rounds_and_what_could_be_proved() -> None:
    found = latency(timings(1.0, seed=4, spread=0.1), noise=timings(1.0, seed=5, spread=0.1))
    verdict = judged(check(max_p50_increase="4%rel"), found)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "more rounds" in verdict.reason
    assert "8 rounds prove" in verdict.reason
    assert verdict.blocks
    assert not judged(check(max_p50_increase="4%rel", on_inconclusive="warn"), found).blocks


def test_the_noise_floor_stands_beside_the_ratio() -> None:
    verdict = judged(check(max_p95_increase="10%rel"), latency(timings(1.0), noise=timings(1.0, seed=8)))
    found = figure(verdict, "p95 against the original, batch 1")
    assert found.original == pytest.approx(1.0, abs=0.05)
    assert found.note.startswith("the original against itself: ")


def test_an_original_that_differs_from_itself_is_a_warning() -> None:
    verdict = judged(check(max_p95_increase="50%rel"), latency(timings(1.0), noise=timings(1.3)))
    assert "differs from itself" in verdict.warnings[0]
    assert judged(check(max_p95_increase="50%rel"), latency(timings(1.0), noise=timings(1.0))).warnings == ()


def starts(cold: Sequence[float], load: Sequence[float]) -> Starts:
    return Starts(np.array(cold), np.array(load))


@pytest.mark.parametrize(("ceiling", "outcome"), [("2s", Outcome.PASS), ("900ms", Outcome.FAIL), ("1.2s", Outcome.INCONCLUSIVE)])
def test_cold_starts_are_judged_by_exact_limits_of_their_median(ceiling: str, outcome: Outcome) -> None:
    """Of five the largest is a 96.9 % upper limit of the median, and the smallest a lower one."""
    found = latency(timings(), candidate_starts=starts([1.0, 1.1, 1.3, 1.5, 1.0], [0.1] * 5), original_starts=starts([3.0] * 5, [0.2] * 5))
    verdict = judged(check(max_cold_start=ceiling), found)
    assert verdict.outcome is outcome
    assert (figure(verdict, "cold start").original, figure(verdict, "cold start").candidate) == (3.0, 1.1)
    assert judged(check(max_load_time="200ms"), found).outcome is Outcome.PASS


def test_without_the_original_ratios_are_skipped_and_ceilings_judged() -> None:
    found = latency(timings(alone=True), unpaired="the original is away")
    asked = {"max_p95_increase": "0%rel", "min_speedup": "2x"}
    ratios = judged(check(**asked), found, without_original=True)
    assert ratios.outcome is Outcome.SKIPPED
    assert not ratios.blocks
    assert judged(check(**asked, max_p95="1ms"), found, without_original=True).outcome is Outcome.FAIL
    both = judged(check(**asked, max_p95="1s"), found, without_original=True)
    assert both.outcome is Outcome.SKIPPED
    assert figure(both, "p95, batch 1").met is True


def recorded(values: Sequence[float]) -> Latency:
    found = Timings(np.round(np.array(values) * 1e9).astype(np.int64).reshape(1, 1, -1))
    return Latency((TimedSize(InputSize(), found),), unpaired="int8 is a recording", recorded=True)


def test_recorded_durations_have_ceilings_and_no_ratios() -> None:
    found = recorded(np.linspace(0.010, 0.020, 300).tolist())
    passed = judged(check(max_p99="20ms", max_p50="16ms"), found)
    assert passed.outcome is Outcome.PASS
    assert figure(passed, "p99, as recorded").high == pytest.approx(0.020)
    assert judged(check(max_p50="14ms"), found).outcome is Outcome.FAIL
    assert judged(check(max_p99="20ms"), recorded([0.01] * 298)).outcome is Outcome.INCONCLUSIVE
    ratio = judged(check(max_p95_increase="0%rel", max_p50="16ms"), found)
    assert ratio.outcome is Outcome.ERROR
    assert "int8 is a recording" in ratio.reason


def test_a_recording_without_durations_is_an_error() -> None:
    verdict = judged(check(max_p99="20ms", max_cold_start="1s"), Latency(unpaired="int8 is a recording", recorded=True))
    assert verdict.outcome is Outcome.ERROR
    assert "max_p99: not measurable" in verdict.reason
    assert "max_cold_start: not measurable" in verdict.reason


def test_nothing_timed_is_an_error() -> None:
    assert check(max_p99="20ms").judge(EMPTY)[0].outcome is Outcome.ERROR


def test_the_margin_that_is_provable_is_the_published_factor_of_the_spread() -> None:
    """0.98 standard deviations of the log ratio for eight rounds."""
    noise = timings(1.0, seed=4)
    assert noise.original is not None
    logs = np.log(np.median(noise.candidate.reshape(8, -1), axis=1)) - np.log(np.median(noise.original.reshape(8, -1), axis=1))
    assert provable_margin(noise, "p50", 0.90) == pytest.approx(np.expm1(0.978 * logs.std(ddof=1)), rel=1e-3)


def test_the_planner_hints_at_a_margin_that_cannot_be_proved() -> None:
    asked = check(max_p95_increase="0%rel", max_p50_increase="90%rel")
    tight, wide = sorted(asked.provable(InputSize(1), timings(spread=0.05)), key=len, reverse=True)
    assert "8 rounds prove" in tight
    assert "max_p95_increase: 0%rel passes only a candidate that is about" in tight
    assert wide.endswith("% of p50")


@given(st.floats(0.2, 5.0), st.integers(0, 1000))
def test_outcomes_only_get_worse_with_the_margin(ratio: float, seed: int) -> None:
    """PASS at a margin is PASS at every wider one, FAIL at one is FAIL at every tighter one."""
    found = latency(timings(ratio, seed=seed, calls=12))
    order = [judged(check(max_p50_increase=f"{margin}%rel"), found).outcome for margin in (0, 5, 50, 200)]
    decided = [[Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS].index(outcome) for outcome in order if outcome is not Outcome.INVALID]
    assert decided == sorted(decided)


def test_as_many_requests_are_asked_for_as_the_limited_percentiles_need() -> None:
    def fewest(**parameters: object) -> int:
        plan = check(**parameters).needs().timing
        assert plan is not None
        return plan.fewest_calls

    assert fewest(min_speedup="2x") * 2 >= 20
    assert fewest(max_p99_increase="1%rel") * 2 >= 100
    assert fewest(max_p99="1s", rounds=5) * 2 * 5 >= 299
    assert fewest(max_p99="1s", level=0.99, rounds=5) * 2 * 5 >= 528  # 1 − 0.99ⁿ ≥ 0.995


def test_sizes_are_batches_times_lengths() -> None:
    asked = check(max_p50="1s", batch_sizes=[1, 8], lengths={"column": "text", "by": "words", "quantiles": [0.5, 1]})
    plan = asked.needs().timing
    assert plan is not None
    assert plan.sizes == tuple(InputSize(b, Lengths("text", "words", q)) for b in (1, 8) for q in (0.5, 1.0))
    assert str(plan.sizes[0]) == "batch 1, text at q0.5 of its words"
    assert plan.starts == 0
    starting = check(max_cold_start="1s").needs().timing
    assert starting is not None
    assert starting.starts == 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "no limit"),
        ({"batch_sizes": [1]}, "no limit"),
        ({"max_p95_increase": "2%"}, "write 2%rel"),
        ({"max_p95_increase": "2pp"}, "per cent of the original"),
        ({"max_p95_increase": "0.1"}, "per cent of the original"),
        ({"max_p95": "20"}, "is not a duration"),
        ({"min_speedup": "1.5"}, "is not a ratio"),
        ({"min_speedup": "0x"}, "asks for nothing"),
        ({"max_p50": "1s", "rounds": 4}, "greater than or equal to 5"),
        ({"max_p50": "1s", "batch_sizes": []}, "at least 1 item"),
        ({"max_p50": "1s", "batch_sizes": [1, 1]}, "a size twice"),
        ({"max_p50": "1s", "batch_sizes": [0]}, "greater than or equal to 1"),
        ({"max_p50": "1s", "calls": 0}, "greater than or equal to 1"),
        ({"max_p50": "1s", "lengths": {"column": "text", "quantiles": [1.5]}}, "less than or equal to 1"),
        ({"max_p50": "1s", "lengths": {"column": "text", "by": "tokens"}}, "characters"),
    ],
)
def test_parameters_that_make_no_sense(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        check(**parameters)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 ms"), (0.00123, "1.23 ms"), (0.0000456, "45.6 µs"), (2.5, "2.5 s"), (0.3, "300 ms"), (1234.0, "1234 s")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
