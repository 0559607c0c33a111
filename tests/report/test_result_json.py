from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from harness.core.estimate import Estimate
from harness.core.run import RunRecord, SuiteRecord
from harness.core.segment import Segment
from harness.errors import StoreError
from harness.report import ReportExtras, read_report, read_result
from harness.report.result_json import result_text
from tests.report.builders import compared, hostile_extras, hostile_record, judged, languages_extras, languages_record, run_of
from tests.report.strategies import extras, runs


def schema() -> dict[str, Any]:
    return json.loads(resources.files("harness.report").joinpath("result.schema.json").read_text(encoding="utf-8"))


def check(text: str) -> dict[str, Any]:
    """The document, valid against the committed schema, read as strict JSON."""
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    jsonschema.Draft202012Validator(schema()).validate(document)
    return document


def one(verdict: Any) -> RunRecord:
    return run_of(SuiteRecord("suite", "", "suite.yaml", (verdict,)))


def text_of(run: RunRecord) -> str:
    return result_text(run, run.suites[0], ReportExtras())


def test_the_schema_is_a_schema_and_takes_nothing_unknown() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    document = check(text_of(run_of(languages_record())))
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate({**document, "surprise": 1}, schema())


def test_a_verdict_has_the_documented_fields() -> None:
    bengali = judged("int4", "accuracy", Segment("both", (("language", "bn"), ("length", "0..20"))), compared(60, 11, 400), guilty=True)
    document = check(text_of(one(bengali)))
    (verdict,) = document["verdicts"]
    assert (document["schema"], document["suite"], document["environment"]["onnxruntime"]) == (1, "suite", "1.31.1")
    expected = {
        "item": "int4::accuracy[language:bn,length:0..20]",
        "candidate": "int4",
        "check": "accuracy",
        "metric": "accuracy",
        "segment": {"language": "bn", "length": "0..20"},
        "segmentation": "both",
        "n": 400,
        "original_value": 0.88,
        "drop": 49 / 400,
        "margin": 0.02,
        "unit": "points",
        "gained": 11,
        "lost": 60,
        "outcome": "FAIL",
        "suspect": True,
        "needs_more": None,
    }
    assert {name: verdict[name] for name in expected} == expected
    assert list(verdict["segment"]) == ["language", "length"]
    assert verdict["low"] < verdict["drop"] < verdict["high"]
    assert verdict["candidate_value"] == pytest.approx(0.88 - 49 / 400)


def test_the_whole_has_no_segment_and_what_was_not_compared_has_no_numbers() -> None:
    verdict = replace(judged("int8", "accuracy", None, compared(1, 1, 4000)), comparison=None)
    (row,) = check(text_of(one(verdict)))["verdicts"]
    assert row["segment"] is None
    numbers = ("metric", "n", "original_value", "candidate_value", "drop", "low", "high", "margin", "gained", "lost")
    assert {row[name] for name in numbers} == {None}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_null(bad: float) -> None:
    comparison = replace(compared(1, 1, 400), drop=Estimate(bad, bad, bad), original=Estimate(bad), p_harm=bad, smallest_detectable=bad)
    (row,) = check(text_of(one(replace(judged("a", "b", None, compared(1, 1, 400)), comparison=comparison))))["verdicts"]
    assert {row[name] for name in ("drop", "low", "high", "original_value", "p_harm", "smallest_detectable")} == {None}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(run=runs, extra=extras)
def test_any_record_is_valid_and_comes_back_as_it_was(tmp_path: Path, run: RunRecord, extra: ReportExtras) -> None:
    path = tmp_path / "result.json"
    text = result_text(run, run.suites[0], extra)
    check(text)
    path.write_text(text, encoding="utf-8")
    found = read_report(path)
    assert (found.run, found.extras) == (run, extra)
    assert read_result(path) == run.suites[0]


@pytest.mark.parametrize(("record", "extra"), [(languages_record(), languages_extras()), (hostile_record(), hostile_extras())])
def test_realistic_records_come_back(tmp_path: Path, record: SuiteRecord, extra: ReportExtras) -> None:
    path = tmp_path / "result.json"
    path.write_text(result_text(run_of(record), record, extra), encoding="utf-8")
    check(path.read_text(encoding="utf-8"))
    assert read_report(path).record == record
    assert read_report(path).extras == extra


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist; a run of the suite writes it"),
        ("{", "cannot be read as a result"),
        ("\udcff", "cannot be read as a result"),
        ("[]", "follows result schema None"),
        ('{"schema": 2}', "follows result schema 2, this version of the harness reads 1"),
        ('{"schema": 1}', "does not follow its schema"),
        ('{"schema": 1, "seconds": NaN}', "NaN is not a JSON number"),
    ],
)
def test_what_is_no_result_is_refused_in_one_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "result.json"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(StoreError, match=re.escape(said)) as caught:
        read_result(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_outcome_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text_of(run_of(languages_record())).replace('"PASS"', '"GREEN"'), encoding="utf-8")
    with pytest.raises(StoreError, match="GREEN"):
        read_result(path)
