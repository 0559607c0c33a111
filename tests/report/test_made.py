"""What `artifact.json` tells, and how the report says it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from harness.core.run import SuiteRecord
from harness.report import ReportExtras
from harness.report.made import Made, MadeLayer, MadeStage, MadeStep, made_of
from harness.report.made_words import MadeWords, made_words, sizes
from harness.report.markdown import summary_text
from harness.report.material import Material
from tests.report.builders import compared, judged, languages_extras, languages_record, made_candidate, run_of


def record() -> dict[str, Any]:
    """As the maker writes it."""
    entries = [
        {
            "stage": 1,
            "parameters": {"sparsity": 0.1, "unit": "weight"},
            "seconds": 3.0,
            "kept": True,
            "score": 0.9,
            "drop": 0.0,
            "total_drop": 0.0,
        },
        {
            **{"stage": 2, "parameters": {"sparsity": 0.8, "unit": "weight"}, "seconds": 4.0, "kept": False},
            **{"score": 0.8, "drop": 0.1, "total_drop": 0.1, "stopped": "lost 0.1 since the stage before, more than 0.005"},
        },
    ]
    layer = {
        "name": "0.weight",
        "shape": [32, 1, 3, 3],
        "done": "half of it",
        "reason": "",
        "facts": {"sparsity": 0.5, "sqnr_db": math.nan},
    }
    step = {
        **{"technique": "prune", "implied": False, "seconds": 7.0, "bytes": [1000, 500], "parameters": {}, "seed": 0, "data": []},
        **{"layers": [layer], "notes": ["a note"], "table": [{"epoch": 1, "loss": math.inf, "kept": True, "parts": [1]}], "trace": entries},
    }
    source = {"name": "original", "kind": "torch", "fingerprint": "f"}
    files = {"model.onnx": {"bytes": 480, "sha256": "0"}, "model.onnx.data": {"bytes": 20, "sha256": "1"}}
    return {"schema": 1, "candidate": "c", "source": source, "source_bytes": 1000, "seconds": 7.0, "steps": [step], "files": files}


def test_the_record_of_a_maker_is_read() -> None:
    stages = (
        MadeStage(1, True, "", 0.9, 0.0, 0.0, 3.0, {"sparsity": 0.1}),
        MadeStage(2, False, "lost 0.1 since the stage before, more than 0.005", 0.8, 0.1, 0.1, 4.0, {"sparsity": 0.8}),
    )
    layer = MadeLayer("0.weight", (32, 1, 3, 3), "half of it", "", {"sparsity": 0.5})
    rows = ({"epoch": 1, "loss": None, "kept": True, "parts": "[1]"},)
    step = MadeStep("prune", False, 7.0, 1000, 500, (layer,), ("a note",), rows, stages)
    assert made_of("c", json.loads(json.dumps(record()))) == Made("c", "original", 7.0, 1000, 500, (step,))


def test_what_a_record_does_not_say_is_missing() -> None:
    assert made_of("c", {}) == Made("c")
    assert made_of("c", {"steps": [{}]}).steps == (MadeStep(""),)


@pytest.mark.parametrize("broken", [{"steps": 3}, {"source": "x"}, {"steps": [{"layers": [1]}]}, {"files": {"a": 1}}])
def test_what_is_no_record_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        made_of("c", broken)


def words(made: Made, name: str = "int8") -> MadeWords:
    suite = SuiteRecord("s", "", "", (judged(name, "accuracy", None, compared(1, 1, 4_000)),))
    (found,) = made_words(Material(run_of(suite), suite, ReportExtras(made=(made,))))
    return found


def test_one_line_says_what_became_of_it_and_what_saved_nothing() -> None:
    found = words(made_candidate())
    assert found.told == "from original: prune → export → quantize, 1.12 MB → 298 KB (−73 %), made in 12 s"
    assert found.idle == ("prune",)
    assert [step.nothing_saved for step in found.steps] == [True, False, False]
    assert found.steps[0].notes[0].startswith("all the same: the file has 1,120,000 bytes as before")


def test_layers_tell_what_was_done_or_why_not() -> None:
    pruned, exported, quantized = words(made_candidate()).steps
    assert pruned.fact_names == ("Sparsity",)
    changed, alone = pruned.layers
    assert (changed.shape, changed.text, changed.alone, changed.facts) == ("257 × 64", "7.4% of the weights are zero", False, ("7.43 %",))
    assert (alone.text, alone.alone, alone.facts) == ("excluded", True, (None,))
    assert pruned.facts.endswith("1 of 2 layers changed")
    assert exported.implied
    assert quantized.fact_names == ("Bits", "Sparsity", "Rank", "Kept", "SQNR")
    assert [layer.facts for layer in quantized.layers] == [("8", "8 %", None, None, "41.3 dB"), (None, None, "12", "37.5 %", None)]


def test_a_schedule_tells_each_stage_and_why_it_ended() -> None:
    trace = words(made_candidate()).steps[0].trace
    assert trace is not None
    assert trace.header == ("Stage", "sparsity", "Score", "Drop", "Drop in all", "Took", "Outcome")
    assert trace.rows[0] == ("1", "0.1", "88.1 %", "0.10pp", "0.10pp", "3.2 s", "kept")
    assert trace.rows[2][-1] == "undone: lost 0.02 since the stage before, more than 0.005"


def test_tables_of_a_technique_are_shown_with_what_is_missing() -> None:
    table = words(made_candidate()).steps[0].table
    assert table is not None
    assert (table.header, table.rows, table.left_out) == (("epoch", "loss"), (("1", "0.1417"), ("2", None)), 0)


def test_of_a_thousand_layers_those_left_out_are_counted() -> None:
    layers = tuple(MadeLayer(f"{i}.weight", (2, 2), "int8" if i % 2 else "", "" if i % 2 else "excluded") for i in range(1_000))
    (step,) = words(Made("int8", steps=(MadeStep("quantize", layers=layers),))).steps
    assert len(step.layers) + step.layers_left_out == 1_000
    assert all(not layer.alone for layer in step.layers)


def test_a_record_of_a_candidate_that_was_not_judged_is_not_shown() -> None:
    suite = SuiteRecord("s", "", "", (judged("int4", "accuracy", None, compared(1, 1, 4_000)),))
    assert made_words(Material(run_of(suite), suite, ReportExtras(made=(made_candidate("int8"),)))) == ()


def test_sizes() -> None:
    assert sizes(1000, 500) == "1 KB → 500 B (−50 %)"
    assert sizes(None, 500) == "500 B"
    assert sizes(1000, None) == ""


def test_the_summary_says_it_in_a_line() -> None:
    suite = languages_record()
    text = summary_text(Material(run_of(suite), suite, languages_extras()))
    assert (
        "<code>int8</code> from original: prune → export → quantize, 1.12 MB → 298 KB (−73 %), made in 12 s; prune saved no bytes" in text
    )
    assert "Drop against size: No other candidate beats this one in both: int8 (298 KB, " in text
