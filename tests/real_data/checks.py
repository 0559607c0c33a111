"""What must be true of every gate on real data, whatever the data set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.real_data import independent
from tests.real_data.evidence import Gate, Key, Mask

Groups = Mapping[Key, Mask]


def every_group_is_judged(gate: Gate, check: str, segmentation: str, groups: Groups) -> None:
    """Each candidate has a verdict on each group, of the group's size, and on no other."""
    sizes = {key: int(mask.sum()) for key, mask in groups.items()}
    for candidate in gate.candidates:
        assert {key: v["n"] for key, v in gate.segments(candidate, check, segmentation).items()} == sizes


def counts_are_the_models_own(gate: Gate, segmentation: str, groups: Groups) -> None:
    """n, both accuracies, gained and lost of `accuracy` are what torch and ONNX Runtime give when asked directly."""
    before = gate.right("original")
    for candidate in gate.candidates:
        after = gate.right(candidate)
        for key, verdict in gate.segments(candidate, "accuracy", segmentation).items():
            mask = groups[key]
            found = {name: verdict[name] for name in ("n", "gained", "lost")}
            assert found == {"n": mask.sum(), "gained": (mask & ~before & after).sum(), "lost": (mask & before & ~after).sum()}, (
                candidate,
                key,
            )
            assert verdict["original_value"] == pytest.approx(before[mask].mean())
            assert verdict["candidate_value"] == pytest.approx(after[mask].mean())
            assert verdict["drop"] == pytest.approx(before[mask].mean() - after[mask].mean())


def outcomes_follow_the_rule(gate: Gate, segmentation: str, groups: Groups, margin: float) -> None:
    """Limits and outcomes of `accuracy` are those that brute force finds from the models' own answers."""
    everything: Groups = {(): np.ones(len(gate.project.truth), np.bool_)}
    for candidate in gate.candidates:
        whole = gate.counts(candidate, everything)
        counts = gate.counts(candidate, groups)
        low, high = independent.interval(counts)
        expected = independent.outcomes(counts, margin, float(whole.drop[0]))
        verdicts = gate.segments(candidate, "accuracy", segmentation)
        for place, key in enumerate(groups):
            verdict = verdicts[key]
            assert verdict["margin"] == margin
            assert (verdict["low"], verdict["high"]) == pytest.approx((low[place], high[place]), abs=1e-5), (candidate, key)
            assert verdict["outcome"] == expected[place], (candidate, key)
            assert verdict["suspect"] == bool(low[place] > margin)


def wholes_follow_the_rule(gate: Gate, margin: float) -> None:
    """The same for all examples at once."""
    everything: Groups = {(): np.ones(len(gate.project.truth), np.bool_)}
    for candidate in gate.candidates:
        counts = gate.counts(candidate, everything)
        verdict = gate.whole(candidate, "accuracy")
        assert (verdict["n"], verdict["gained"], verdict["lost"]) == (counts.n[0], counts.gained[0], counts.lost[0])
        low, high = independent.interval(counts)
        assert (verdict["low"], verdict["high"]) == pytest.approx((low[0], high[0]), abs=1e-5)
        assert verdict["outcome"] == independent.whole_outcome(counts, margin)


def four_bits_are_four_bits(gate: Gate) -> None:
    """Both 4-bit files answer like the network with its matrices rounded by hand, and hold them in 15 levels."""
    for candidate, per_row in (("int4-tensor", False), ("int4-channel", True)):
        assert np.abs(gate.answers[candidate] - gate.rounded_by_hand(per_row)).max() < 1e-3 * np.abs(gate.answers["original"]).max()


def junit_says_the_same(gate: Gate) -> None:
    """One test case per verdict; a failure exactly where the verdict blocks; figures as properties."""
    verdicts = {verdict["item"]: verdict for verdict in gate.result["verdicts"]}
    assert gate.cases.keys() == verdicts.keys()
    for item, verdict in verdicts.items():
        case = gate.cases[item]
        properties = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
        assert (case.find("failure") is not None) == verdict["blocks"], item
        assert properties["outcome"] == verdict["outcome"]
        if verdict["drop"] is not None:
            assert int(properties["n"] or "") == verdict["n"]
            assert float(properties["drop"] or "") == pytest.approx(verdict["drop"])


def the_exit_status_is_that_of_the_worst(gate: Gate) -> None:
    """1 because something blocks, and nothing was in error."""
    assert any(verdict["blocks"] for verdict in gate.result["verdicts"])
    assert not {verdict["outcome"] for verdict in gate.result["verdicts"]} & {"ERROR", "INVALID", "SKIPPED"}
    assert gate.status == 1, gate.text
    assert "Traceback" not in gate.text


def reports_are_there(gate: Gate, group: str) -> None:
    """The page, the summary and a valid result.json; the lost group is named in each of them and in the terminal."""
    import jsonschema  # type: ignore[import-untyped]  # it ships no types

    schema = json.loads((Path(__file__).parents[2] / "harness" / "report" / "result.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(gate.result, schema)
    page, summary = (gate.reports / "index.html").read_text(encoding="utf-8"), (gate.reports / "summary.md").read_text(encoding="utf-8")
    assert group in page
    assert group in summary.replace("&#95;", "_")
    assert f"dead-unit::accuracy[{group}]" in gate.text
