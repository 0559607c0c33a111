"""Agreement and footprint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import t as student

from harness.arrays.footprint import Footprint, Weights
from harness.arrays.outputs import Outputs
from harness.checks.agreement import AgreementCheck, AgreementParameters
from harness.checks.fidelity import WORST_KL, fidelity
from harness.checks.footprint import FootprintCheck, FootprintParameters
from harness.core.estimate import Figure
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.outcome import Outcome
from harness.errors import MeasurementError
from tests.checks.build import LABELS, from_counts, labels, material


def agreement(**limits: object) -> AgreementCheck:
    return AgreementCheck("agreement", AgreementParameters.model_validate(limits))


def footprint(**limits: object) -> FootprintCheck:
    return FootprintCheck("footprint", FootprintParameters.model_validate(limits))


def logits(values: list[list[float]]) -> Outputs:
    spec = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, labels=LABELS)
    return Outputs(spec, np.array(values, dtype=np.float32), np.zeros(len(values), dtype=np.uint8), LABELS)


def test_flip_rate_counts_examples_that_exactly_one_model_gets_right() -> None:
    truth, original, candidate = from_counts(960, 10, 20, 10)
    found = fidelity(labels(original), labels(candidate), material(None, None, truth).examples.targets)
    assert found.flip_rate == pytest.approx(0.03)
    assert found.top1_agreement == pytest.approx(0.97)


def test_kl_is_that_of_the_two_distributions() -> None:
    """Softmax of (0, ln 3) is (1/4, 3/4): KL((1/2, 1/2) ‖ (1/4, 3/4)) = ½ ln 2 + ½ ln (2/3) = 0.14384 nats."""
    found = fidelity(logits([[0.0, 0.0]]), logits([[0.0, float(np.log(3))]]), None)
    assert found.kl is not None
    assert found.kl[0] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-6)


def test_sqnr_of_noise_a_tenth_of_the_signal_is_twenty_decibel() -> None:
    one = logits([[1.0, 2.0], [3.0, -4.0]])
    other = replace(one, values=(one.values * 1.1).astype(np.float32))
    assert fidelity(one, other, None).sqnr == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize(("lost", "outcome"), [(5, Outcome.PASS), (30, Outcome.INCONCLUSIVE), (80, Outcome.FAIL)])
def test_a_flip_rate_is_judged_by_its_interval(lost: int, outcome: Outcome) -> None:
    truth, original, candidate = from_counts(1000 - lost, 0, lost, 0)
    verdict = agreement(max_flip_rate="3%").judge(material(labels(original), labels(candidate), truth))[0]
    assert verdict.outcome is outcome
    assert verdict.blocks is (outcome is not Outcome.PASS)


def test_the_noise_floor_stands_beside_every_figure() -> None:
    one = logits([[2.0, 0.0]] * 200)
    noise = logits([[2.0, 0.0]] * 199 + [[0.0, 2.0]])
    verdict = agreement(min_top1_agreement="90%").judge(replace(material(one, one, [0] * 200), noise=noise))[0]
    agreed = next(figure for figure in verdict.figures if figure.name == "top1_agreement")
    assert agreed.original == pytest.approx(0.995)
    assert verdict.outcome is Outcome.PASS


def test_identical_outputs_satisfy_any_sqnr() -> None:
    one = logits([[1.0, 2.0]] * 50)
    assert agreement(min_sqnr=60).judge(material(one, one, [1] * 50))[0].outcome is Outcome.PASS


def test_kl_of_labels_cannot_be_measured_and_is_an_error() -> None:
    verdict = agreement(max_kl=0.1).judge(material(labels([1, 1]), labels([1, 1]), [1, 1]))[0]
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("KL divergence (≤ 0.1)")


def test_outputs_of_different_types_are_refused() -> None:
    vector = replace(logits([[1.0, 2.0]]), spec=OutputSpec(OutputType.VECTOR, Task.MULTICLASS))
    with pytest.raises(MeasurementError, match="outputs of one type"):
        fidelity(logits([[1.0, 2.0]]), vector, None)


BIG = Footprint(disk_bytes=1000, gzip_bytes=900, weights=Weights(100, 100, 0, 32.0), load_seconds=0.1, peak_memory=5000)
SMALL = Footprint(disk_bytes=280, gzip_bytes=250, weights=Weights(100, 90, 95, 8.5), load_seconds=0.1, peak_memory=4000)


def weighed(check: FootprintCheck, candidate: Footprint = SMALL) -> tuple[Outcome, str]:
    verdict = check.judge(replace(material(None, None, [1]), footprints=(BIG, candidate)))[0]
    return verdict.outcome, verdict.reason


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        ({"min_size_reduction": "70%rel"}, Outcome.PASS),
        ({"min_size_reduction": "75%rel"}, Outcome.FAIL),
        ({"max_size": "280B"}, Outcome.PASS),
        ({"max_size": "279B"}, Outcome.FAIL),
        ({"min_low_precision": "95%"}, Outcome.PASS),
        ({"min_low_precision": "96%"}, Outcome.FAIL),
        ({"max_nonzero_parameters": 89}, Outcome.FAIL),
        ({"max_load_time": "100ms", "min_memory_reduction": "20%rel"}, Outcome.PASS),
    ],
)
def test_footprint_limits(limits: dict[str, object], outcome: Outcome) -> None:
    assert weighed(footprint(**limits))[0] is outcome


def test_what_was_out_of_the_ordinary_is_said() -> None:
    lame = replace(SMALL, peak_memory=None, note="its peak memory is not known: on each of the first 3 batches its worker was killed")
    fit = footprint(min_size_reduction="70%rel").judge(replace(material(None, None, [1]), footprints=(BIG, lame)))[0]
    assert (fit.outcome, fit.warnings) == (Outcome.PASS, (f"the candidate: {lame.note}",))
    outcome, reason = weighed(footprint(max_peak_memory="1MB"), lame)
    assert outcome is Outcome.ERROR
    assert reason == f"not measured: peak memory (the candidate: {lame.note}); mend the model, or remove the limit"


def test_a_limit_is_echoed_in_the_unit_a_person_would_write() -> None:
    assert weighed(footprint(max_load_time="2s"))[1].endswith("(at most 2 s)")
    assert weighed(footprint(max_load_time="300ms"))[1].endswith("(at most 300 ms)")
    assert weighed(footprint(min_low_precision="90%"))[1].startswith("share below 16 bits")


def test_distances_in_sentences_are_written_as_in_tables() -> None:
    one, other = logits([[2.0, -1.0]] * 500), logits([[1.5, -1.0]] * 500)
    verdict = agreement(max_kl=0.0001, min_top1_agreement=0.9).judge(material(one, other, [0] * 500))[0]
    assert verdict.reason.startswith("KL divergence 0.00")
    assert " nats) is outside ≤ 0.0001" in verdict.reason
    assert [figure.limit for figure in verdict.figures if figure.name == "top1_agreement"] == ["≥ 90 %"]


def test_a_limit_that_cannot_be_measured_is_an_error_and_never_a_pass() -> None:
    outcome, reason = weighed(footprint(max_peak_memory="1GB"), Footprint(disk_bytes=1))
    assert outcome is Outcome.ERROR
    assert "peak memory" in reason


@pytest.mark.parametrize("limits", [{}, {"min_size_reduction": "70pp"}, {"min_size_reduction": "100%rel"}])
def test_a_footprint_without_a_sensible_limit_is_refused(limits: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        footprint(**limits)


def test_without_the_original_reductions_are_skipped_and_absolute_limits_still_decide() -> None:
    def alone(candidate: Footprint = SMALL, **limits: object) -> tuple[Outcome, bool]:
        given = replace(material(None, None, [1]), footprints=(Footprint(), candidate), without_original=True)
        verdict = footprint(**limits).judge(given)[0]
        return verdict.outcome, verdict.blocks

    assert alone(min_size_reduction="70%rel") == (Outcome.SKIPPED, False)
    assert alone(min_size_reduction="70%rel", max_size="1KB") == (Outcome.SKIPPED, False)
    assert alone(min_size_reduction="70%rel", max_size="100B") == (Outcome.FAIL, True)
    assert alone(max_size="1KB") == (Outcome.PASS, False)
    assert alone(Footprint(), min_size_reduction="70%rel") == (Outcome.ERROR, True)


def test_failed_rows_count_with_the_worst_distance() -> None:
    one = logits([[2.0, -1.0]] * 500)
    broken = replace(one, values=np.where(np.arange(500)[:, None] < 300, 0, one.values), status=(np.arange(500) < 300).astype(np.uint8))
    for limits in ({"max_kl": 0.05}, {"min_cosine": 0.9}, {"min_sqnr": 20}):
        assert agreement(**limits).judge(material(one, broken, [0] * 500))[0].outcome is Outcome.FAIL


def certain(rows: int) -> Outputs:
    return logits([[2.0, -1.0]] * rows)


@pytest.mark.parametrize(
    ("limits", "enough", "reach", "margin"),
    [
        ({"max_kl": 0.05}, 365, np.log(1000), 0.05),
        ({"max_kl": 0.02}, 914, np.log(1000), 0.02),
        ({"min_cosine": 0.98}, 265, 2, 0.02),
        ({"max_kl_p99": 0.001}, 299, None, None),
    ],
)
def test_identical_rows_prove_a_distance_only_by_their_number(
    limits: dict[str, object], enough: int, reach: float | None, margin: float | None
) -> None:
    """One row more that is off by R: R/(n+1) + t · R/(n+1) with R = ln 1000 for KL and 2 for the cosine; 0.99 ** 299 = 0.0495."""
    for rows, outcome in ((1, Outcome.INCONCLUSIVE), (2, Outcome.INCONCLUSIVE), (enough - 1, Outcome.INCONCLUSIVE), (enough, Outcome.PASS)):
        verdict = agreement(**limits).judge(material(certain(rows), certain(rows), [0] * rows))[0]
        assert verdict.outcome is outcome, rows
    if reach:
        margins = [reach * (1 + student.ppf(0.95, rows)) / (rows + 1) for rows in (enough - 1, enough)]
        assert margins[0] > margin >= margins[1]


def test_too_few_rows_for_a_percentile_are_said_to_be_so_and_may_still_fail() -> None:
    one, other = certain(298), logits([[0.0, 0.0]] * 298)
    near = agreement(max_kl_p99=0.001).judge(material(one, one, [0] * 298))[0]
    assert near.reason.endswith("is not proven to be ≤ 0.001: that takes 299 examples")
    assert agreement(max_kl_p99=0.001).judge(material(one, other, [0] * 298))[0].outcome is Outcome.FAIL


def test_the_99th_percentile_is_that_of_the_rows() -> None:
    """Five of 300 moved: the 99th percentile is theirs, the median is 0."""
    one, moved = [[0.0, 0.0]] * 300, [[0.0, 0.0]] * 295 + [[0.0, float(np.log(3))]] * 5
    found = fidelity(logits(one), logits(moved), None)
    assert found.kl_p99 == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3), abs=1e-6)
    assert agreement(max_kl_p99=0.1).judge(material(logits(one), logits(moved), [0] * 300))[0].outcome is Outcome.INCONCLUSIVE


def test_a_mean_kl_is_judged_with_one_more_row_of_the_worst_kind() -> None:
    """One of 1,200 rows with the worst KL there is, 27.6 nats: the planted one is as bad; the lower limit has one more of none."""
    values = np.append(np.zeros(1199), WORST_KL)
    limits = []
    for planted, sign in ((0.0, -1), (WORST_KL, 1)):
        sample = np.append(values, planted)
        limits.append(sample.mean() + sign * student.ppf(0.95, 1200) * sample.std(ddof=1) / np.sqrt(1201))
    one = certain(1200)
    failed = replace(one, status=(np.arange(1200) == 7).astype(np.uint8))
    figure = next(f for f in agreement(max_kl=0.05).judge(material(one, failed, [0] * 1200))[0].figures if f.name == "kl")
    assert (figure.low, figure.high) == pytest.approx((max(limits[0], 0.0), limits[1]))


def test_a_recorded_latency_is_shown_without_a_limit_and_only_where_there_is_one() -> None:
    def shown(original: Footprint, candidate: Footprint) -> list[Figure]:
        verdict = footprint(max_size="1KB").judge(replace(material(None, None, [1]), footprints=(original, candidate)))[0]
        assert verdict.outcome is Outcome.PASS
        return [figure for figure in verdict.figures if "latency" in figure.name]

    assert shown(BIG, SMALL) == []
    assert shown(BIG, replace(SMALL, latency_seconds=0.25)) == [Figure("recorded latency (median)", None, 0.25, "s")]
