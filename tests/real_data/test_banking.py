"""Queries to a bank: int8, 4 bits and a damaged file, gated per intent (77, with 40 queries each) and by length."""

from __future__ import annotations

import numpy as np
import pytest

from tests.real_data import checks, independent, projects
from tests.real_data.evidence import Gate, Key, Mask, groups, run

pytestmark = pytest.mark.slow

MARGINS = {"intent": 0.15, "length": 0.04}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    return run(projects.banking(tmp_path_factory.mktemp("banking") / "project"), batch=256)


@pytest.fixture(scope="module")
def queries(gate: Gate) -> dict[str, dict[Key, Mask]]:
    """The groups of each segmentation, from the rows themselves."""
    lengths = independent.labels_of_bins([len(row["text"]) for row in gate.project.rows], (0, 30, 45, 60, 90))
    return {"intent": groups(["intent"], [row["category"] for row in gate.project.rows]), "length": groups(["length"], lengths)}


def test_the_network_learned_something(gate: Gate) -> None:
    assert gate.right("original").mean() > 0.85


def test_every_intent_and_length_is_judged(gate: Gate, queries: dict[str, dict[Key, Mask]]) -> None:
    for segmentation, found in queries.items():
        checks.every_group_is_judged(gate, "accuracy", segmentation, found)
    assert len(queries["intent"]) == 77
    assert {int(mask.sum()) for mask in queries["intent"].values()} == {40}


@pytest.mark.parametrize("segmentation", MARGINS)
def test_counts_and_outcomes_are_what_the_models_say(gate: Gate, queries: dict[str, dict[Key, Mask]], segmentation: str) -> None:
    checks.counts_are_the_models_own(gate, segmentation, queries[segmentation])
    checks.outcomes_follow_the_rule(gate, segmentation, queries[segmentation], MARGINS[segmentation])


def test_the_whole_is_what_the_models_say(gate: Gate) -> None:
    checks.wholes_follow_the_rule(gate, 0.02)


def test_top_3_is_counted_with_ties_to_the_lower_index(gate: Gate) -> None:
    """Static int8 also rounds the logits, to 256 steps for 77 intents, so that ties are no rarity."""
    for candidate in gate.candidates:
        verdict = gate.whole(candidate, "top-3")
        assert verdict["original_value"] == pytest.approx(_top_3(gate, "original"))
        assert verdict["candidate_value"] == pytest.approx(_top_3(gate, candidate))


def test_a_lost_unit_fails_exactly_its_intent(gate: Gate) -> None:
    label = f"intent:{projects.DEAD_INTENT}"
    assert gate.whole("dead-unit", "accuracy")["outcome"] == "PASS"
    assert gate.outcomes("dead-unit", "FAIL") == {label}
    (verdict,) = (v for key, v in gate.segments("dead-unit", "accuracy", "intent").items() if key == (("intent", projects.DEAD_INTENT),))
    assert verdict["candidate_value"] < 0.1 < 0.8 < verdict["original_value"]
    assert {"candidate": "dead-unit", "target": projects.DEAD_INTENT}.items() <= _most_confused(gate).items()


def test_four_bits_are_four_bits(gate: Gate) -> None:
    checks.four_bits_are_four_bits(gate)


def test_four_bits_cost_intents_and_int8_does_not(gate: Gate) -> None:
    """One scale for all weights loses more than one per channel, and either more than 8 bits."""
    accuracies = [gate.right(model).mean() for model in ("int8-dynamic", "int4-channel", "int4-tensor")]
    assert accuracies == sorted(accuracies, reverse=True)
    failed = {model: {label for label in gate.outcomes(model, "FAIL") if label.startswith("intent:")} for model in gate.candidates}
    assert not failed["int8-dynamic"] | failed["int8-static"]
    assert len(failed["int4-tensor"]) > len(failed["int4-channel"])
    assert len(failed["int4-tensor"]) >= 5
    lengths = gate.segments("int4-tensor", "accuracy", "length")
    assert lengths[(("length", "0..30"),)]["low"] > lengths[(("length", "90.."),)]["high"]
    assert gate.whole("int4-tensor", "accuracy")["outcome"] == gate.whole("int4-channel", "accuracy")["outcome"] == "FAIL"


def test_junit_reports_and_exit_status(gate: Gate) -> None:
    checks.junit_says_the_same(gate)
    checks.the_exit_status_is_that_of_the_worst(gate)
    checks.reports_are_there(gate, f"intent:{projects.DEAD_INTENT}")


def _most_confused(gate: Gate) -> dict[str, object]:
    """The most frequent change of answer of the damaged candidate, as the report counts it, checked against the answers."""
    (table,) = (table for table in gate.result["extras"]["flips"] if table["candidate"] == "dead-unit")
    top = table["confusions"][0]
    labels, truth = gate.project.labels, gate.project.truth
    before, after = (gate.answers[model].argmax(axis=1) for model in ("original", "dead-unit"))
    names = ("target", "original_prediction", "candidate_prediction")
    alike = [codes == labels.index(top[name]) for codes, name in zip((truth, before, after), names, strict=True)]
    assert top["count"] == int(np.logical_and.reduce(alike).sum())
    return {"candidate": "dead-unit", **top}


def _top_3(gate: Gate, model: str) -> float:
    best = np.argsort(-gate.answers[model], axis=1, kind="stable")[:, :3]
    return float((best == gate.project.truth[:, None]).any(axis=1).mean())
