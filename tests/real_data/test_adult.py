"""Census income: int8 and 4 bits, a damaged file, and static int8 over raw numbers, gated per sex, race and age."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.real_data import checks, independent, projects
from tests.real_data.evidence import Gate, Key, Mask, groups, run

pytestmark = pytest.mark.slow

MARGINS = {
    "sex": 0.02,
    "race": 0.04,
    "age": 0.03,
    "both": 0.05,
    "relationship": 0.04,
    "workclass": 0.04,
    "country": 0.05,
    "no-job-given": 0.03,
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return run(projects.adult(tmp_path_factory.mktemp("adult") / "project"), batch=512)


@pytest.fixture(scope="module")
def people(gate: Gate) -> dict[str, dict[Key, Mask]]:
    """The groups of each segmentation, from the rows themselves."""
    column = {name: [row[name] for row in gate.project.rows] for name in gate.project.rows[0]}
    ages = independent.labels_of_bins(column["age"], (25, 45, 65))
    sizes = Counter(country for country in column["native-country"] if country is not None)
    countries = ["(missing)" if name is None else name if sizes[name] >= 100 else "(other)" for name in column["native-country"]]
    unknown = [work == job == "?" for work, job in zip(column["workclass"], column["occupation"], strict=True)]
    return {
        "sex": groups(["sex"], column["sex"]),
        "race": groups(["race"], column["race"]),
        "age": groups(["age"], ages),
        "both": groups(["sex", "race"], column["sex"], column["race"]),
        "relationship": groups(["relationship"], column["relationship"]),
        "workclass": groups(["workclass"], column["workclass"]),
        "country": groups(["country"], countries),
        "no-job-given": {(("no-job-given", "yes"),): np.array(unknown)},
    }


def test_the_network_learned_something(gate: Gate) -> None:
    majority = np.bincount(gate.project.truth).max() / len(gate.project.truth)
    assert gate.right("original").mean() > majority + 0.08


def test_every_sex_race_and_age_is_judged_and_so_are_missing_values(gate: Gate, people: dict[str, dict[Key, Mask]]) -> None:
    for segmentation, found in people.items():
        checks.every_group_is_judged(gate, "accuracy", segmentation, found)
    checks.every_group_is_judged(gate, "auroc", "sex", people["sex"])
    assert len(people["race"]) == 5
    assert len(people["both"]) == 10
    assert (("workclass", "?"),) in people["workclass"]
    assert {(("country", "(missing)"),), (("country", "(other)"),)} <= people["country"].keys()


@pytest.mark.parametrize("segmentation", MARGINS)
def test_counts_and_outcomes_are_what_the_models_say(gate: Gate, people: dict[str, dict[Key, Mask]], segmentation: str) -> None:
    checks.counts_are_the_models_own(gate, segmentation, people[segmentation])
    checks.outcomes_follow_the_rule(gate, segmentation, people[segmentation], MARGINS[segmentation])


def test_the_whole_is_what_the_models_say(gate: Gate) -> None:
    checks.wholes_follow_the_rule(gate, 0.02)


def test_auroc_is_scikit_learns_and_its_limits_are_delongs(gate: Gate, people: dict[str, dict[Key, Mask]]) -> None:
    from sklearn.metrics import roc_auc_score

    positive = gate.project.truth == 1
    # Static int8 answers in 256 steps: pairs that tie in exact arithmetic differ in the last bit of a float32, and are made to tie again.
    scores = {model: np.round(answers[:, 1] - answers[:, 0], 5) for model, answers in gate.answers.items()}
    for candidate in gate.candidates:
        for key, mask in people["sex"].items():
            verdict = gate.segments(candidate, "auroc", "sex")[key]
            expected = [roc_auc_score(positive[mask], scores[model][mask]) for model in ("original", candidate)]
            assert [verdict["original_value"], verdict["candidate_value"]] == pytest.approx(expected, abs=1e-4)
            drop, error = independent.delong(positive[mask], scores["original"][mask], scores[candidate][mask])
            assert verdict["drop"] == pytest.approx(drop, abs=1e-4)
            # t on (positives − 1) degrees of freedom is within 0.2 % of the normal quantile here.
            assert verdict["high"] - verdict["drop"] == pytest.approx(1.645 * error, rel=0.02, abs=1e-5)


def test_a_lost_unit_fails_exactly_its_group(gate: Gate, people: dict[str, dict[Key, Mask]]) -> None:
    """The average moves by half a point. Wives fail by accuracy, women by AUROC, and nobody else's answer changed."""
    wives = people["relationship"][(("relationship", projects.DEAD_GROUP),)]
    changed = (gate.answers["original"] != gate.answers["dead-unit"]).any(axis=1)
    assert np.abs(gate.answers["original"] - gate.answers["dead-unit"])[~wives].max() < 1e-4
    assert changed[wives].all()
    assert gate.whole("dead-unit", "accuracy")["outcome"] == "PASS"
    assert gate.outcomes("dead-unit", "FAIL") == {f"relationship:{projects.DEAD_GROUP}"}
    assert gate.outcomes("dead-unit", "FAIL", "auroc") == {"sex:Female"}
    for segmentation, found in people.items():
        for key, verdict in gate.segments("dead-unit", "accuracy", segmentation).items():
            if not (found[key] & wives).any():
                assert verdict["gained"] == verdict["lost"] == 0


def test_static_int8_over_raw_numbers_is_stopped_and_the_repaired_one_is_not(gate: Gate) -> None:
    assert gate.whole("int8-static-raw", "accuracy")["outcome"] == "FAIL"
    assert "sex:Male" in gate.outcomes("int8-static-raw", "FAIL")
    for candidate in ("int8-static", "int8-dynamic"):
        assert gate.whole(candidate, "accuracy")["outcome"] == "PASS"
        assert not gate.outcomes(candidate, "FAIL") | gate.outcomes(candidate, "FAIL", "auroc")


def test_four_bits_are_four_bits(gate: Gate) -> None:
    checks.four_bits_are_four_bits(gate)


def test_junit_reports_and_exit_status(gate: Gate) -> None:
    checks.junit_says_the_same(gate)
    checks.the_exit_status_is_that_of_the_worst(gate)
    checks.reports_are_there(gate, f"relationship:{projects.DEAD_GROUP}")
