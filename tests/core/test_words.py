"""Segments, outcomes, verdicts, suites and errors as data."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness.core.models import ModelSpec
from harness.core.outcome import Outcome, worst
from harness.core.segment import Segment, SegmentRule
from harness.core.suite import Suite
from harness.core.verdict import Verdict
from harness.errors import BaselineError, DataError, Fault, HarnessError, MissingDependencyError, SuiteError, UsageError


def test_a_segment_is_called_by_its_values() -> None:
    single = Segment("language", (("language", "bn"),))
    product = Segment("both", (("language", "bn"), ("length", "0..20")))
    assert single.label == "language:bn"
    assert product.label == "language:bn,length:0..20"
    assert product.as_mapping() == {"language": "bn", "length": "0..20"}


@pytest.mark.parametrize(
    ("critical", "of_bn", "of_de"), [("all", True, True), ("none", False, False), (("bn", "mr"), True, False), ((), False, False)]
)
def test_critical_segments(critical: object, of_bn: bool, of_de: bool) -> None:
    rule = SegmentRule(critical=critical)  # type: ignore[arg-type]  # one of the accepted forms
    assert rule.is_critical("bn") is of_bn
    assert rule.is_critical("de") is of_de


def test_a_value_called_all_is_not_all_values() -> None:
    assert not SegmentRule(critical=("all",)).is_critical("bn")


def test_the_worst_outcome_does_not_depend_on_order() -> None:
    assert worst([]) is Outcome.SKIPPED
    for outcomes in itertools.permutations([Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE]):
        assert worst(list(outcomes)) is Outcome.FAIL
    assert worst([Outcome.FAIL, Outcome.ERROR, Outcome.INVALID]) is Outcome.ERROR
    assert worst([Outcome.PASS, Outcome.INCONCLUSIVE]) is Outcome.INCONCLUSIVE


def test_a_verdict_knows_the_tail_of_its_test_id() -> None:
    whole = Verdict("languages", "int8", "accuracy", None, Outcome.PASS, "", False)
    part = Verdict("languages", "int8", "accuracy", Segment("language", (("language", "bn"),)), Outcome.PASS, "", False)
    assert whole.item_name == "int8::accuracy"
    assert part.item_name == "int8::accuracy[language:bn]"


def test_a_suite_finds_its_models_by_name() -> None:
    original, int8 = ModelSpec("original", "onnx", None), ModelSpec("int8", "onnx", None)
    suite = Suite("s", Path("suites/s.yaml"), original, (int8,), {}, ())
    assert suite.model("original") is original
    assert suite.model("int8") is int8
    assert suite.root == Path("suites")
    with pytest.raises(KeyError):
        suite.model("int4")


def test_faults_come_in_file_order_one_per_line() -> None:
    later, earlier = Fault("a.yaml", 10, 1, "b"), Fault("a.yaml", 9, 70, "a")
    error = SuiteError((later, earlier))
    assert error.faults == (earlier, later)
    assert str(error) == "a.yaml:9:70: a\na.yaml:10:1: b"


def test_a_missing_library_says_what_to_install() -> None:
    error = MissingDependencyError("torch", "torch", "a PyTorch model")
    assert str(error) == "a PyTorch model needs torch, which is not installed; run: pip install 'compression-harness[torch]'"


@pytest.mark.parametrize("error", [SuiteError, DataError, MissingDependencyError, UsageError, BaselineError])
def test_every_error_is_one_of_the_harness(error: type[Exception]) -> None:
    assert issubclass(error, HarnessError)
