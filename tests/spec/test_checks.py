"""`checks:`: which kind a check is, what it reads, and what it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalogue.refs import METRIC_SCHEMA, MetricRef
from harness.core.suite import CheckSpec
from harness.core.units import Change
from tests.spec.fakes import (
    MARK,
    Agreement,
    Average,
    Footprint,
    Function,
    Nothing,
    Policy,
    Quality,
    SegmentRules,
    TopK,
    load,
    marked,
    spots,
)

TEXT = """\
schema: 1
suite: checks
original: {{onnx: a}}
candidates: {{c: {{onnx: b}}}}
data:
  test: {{source: a.csv, segments: {{language: language, length: {{column: text, by: words, quantiles: 3}}}}}}
  train: {{source: b.csv, role: train, segments: {{age: age}}}}
checks:
  {check}
"""


def check(folder: Path, written: str) -> CheckSpec:
    (found,) = load(folder, TEXT.format(check=written)).checks
    assert isinstance(found, CheckSpec)
    return found


@pytest.mark.parametrize(
    ("written", "kind", "parameters"),
    [
        (
            "accuracy: {metric: accuracy, max_drop: 2pp}",
            "quality",
            Quality(metric=MetricRef("accuracy", Nothing()), max_drop=Change(0.02, "pp")),
        ),
        ("any name: {}", None, None),
        ("anything: {metric: f1, max_drop: 2%rel}", "quality", Quality(metric=MetricRef("f1", Average()), max_drop=Change(0.02, "%rel"))),
        ("mae: {metric: {f1: }, max_drop: 0.1}", "quality", Quality(metric=MetricRef("f1", Average()), max_drop=Change(0.1, "own"))),
        (
            "f: {metric: {f1: micro}, max_drop: 1}",
            "quality",
            Quality(metric=MetricRef("f1", Average(average="micro")), max_drop=Change(1.0, "own")),
        ),
        (
            "f: {metric: {f1: {average: micro}}, max_drop: 1}",
            "quality",
            Quality(metric=MetricRef("f1", Average(average="micro")), max_drop=Change(1.0, "own")),
        ),
        ("t: {metric: {top_k: 5}, max_drop: 2 pp}", "quality", Quality(metric=MetricRef("top_k", TopK(k=5)), max_drop=Change(0.02, "pp"))),
        (
            "m: {metric: {python: my:score}, max_drop: 1}",
            "quality",
            Quality(metric=MetricRef("python", Function(function="my:score")), max_drop=Change(1.0, "own")),
        ),
        ("x: {kind: quality, metric: f1, max_drop: 1}", "quality", Quality(metric=MetricRef("f1", Average()), max_drop=Change(1.0, "own"))),
        ("agreement: {max_flip_rate: 3%, max_kl: 0.05}", "agreement", Agreement(max_flip_rate=0.03, max_kl=0.05)),
        ("agreement: 3%", "agreement", Agreement(max_flip_rate=0.03)),
        ("agreement: ", "agreement", Agreement()),
        ("close: {kind: agreement, max_kl: 1}", "agreement", Agreement(max_kl=1.0)),
        (
            "agreement: {metric: accuracy, max_drop: 2pp}",
            "quality",
            Quality(metric=MetricRef("accuracy", Nothing()), max_drop=Change(0.02, "pp")),
        ),
        (
            "footprint: {min_size_reduction: 70%rel, max_peak_memory: 500MB}",
            "footprint",
            Footprint(min_size_reduction=Change(0.7, "%rel"), max_peak_memory=500_000_000),
        ),
        (
            "agreement: {max_kl: 1, on_inconclusive: {whole: warn}}",
            "agreement",
            Agreement(max_kl=1.0, on_inconclusive=Policy(whole="warn")),
        ),
    ],
)
def test_kinds(tmp_path: Path, written: str, kind: str | None, parameters: object) -> None:
    if kind is None:
        assert spots(tmp_path, TEXT.format(check=written))
        return
    found = check(tmp_path, written)
    assert (found.name, found.kind, found.data) == (written.split(":")[0], kind, "test")
    assert found.parameters == parameters


@pytest.mark.parametrize(
    ("written", "segments"),
    [
        ("per: [language, length]", {"language": SegmentRules(), "length": SegmentRules()}),
        ("per: language", {"language": SegmentRules()}),
        ("segments: {language: {}, length: }", {"language": SegmentRules(), "length": SegmentRules()}),
        ("per: [length], segments: {language: {critical: true}}", {"language": SegmentRules(critical=True), "length": SegmentRules()}),
        ("per: [language], segments: {language: {critical: true}}", {"language": SegmentRules(critical=True)}),
        (
            "segments: {language: {critical: [bn, 0, 007, no, true, 1.50, null]}}",
            {"language": SegmentRules(critical=("bn", "0", "007", "no", "true", "1.50", "null"))},
        ),
        ("segments: {length: {max_drop: 1pp}}", {"length": SegmentRules(max_drop=Change(0.01, "pp"))}),
    ],
)
def test_segments(tmp_path: Path, written: str, segments: dict[str, SegmentRules]) -> None:
    parameters = check(tmp_path, f"f: {{metric: f1, max_drop: 1, {written}}}").parameters
    assert isinstance(parameters, Quality)
    assert parameters.segments == segments


def test_per_is_short_for_segments(tmp_path: Path) -> None:
    short = check(tmp_path, "f: {metric: f1, max_drop: 1, per: [language, length]}")
    long = check(tmp_path, "f: {metric: f1, max_drop: 1, segments: {language: {}, length: {}}}")
    assert short == long


def test_data(tmp_path: Path) -> None:
    assert check(tmp_path, "agreement: {max_kl: 1}").data == "test"
    assert check(tmp_path, "agreement: {max_kl: 1, data: train, per: age}").data == "train"


def test_two_data_sets_to_choose_from(tmp_path: Path) -> None:
    text, spot = marked(TEXT.format(check="‸agreement: 3%").replace("role: train", "role: test"))
    assert spots(tmp_path, text) == [f"{spot}: check 'agreement' could read test or train; say which with data:"]


def test_no_data_set_to_test_on(tmp_path: Path) -> None:
    text, spot = marked(TEXT.format(check="‸agreement: 3%").replace("source: a.csv", "source: a.csv, role: validation"))
    assert spots(tmp_path, text) == [f"{spot}: no data set has the role test; say which one check 'agreement' reads with data:"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "accuracy: {metric: accuracy, max_drop: ‸2%}",
            "2% of change is ambiguous: write 2pp for percentage points, or 2%rel for per cent of the original's value",
        ),
        ("accuracy: {metric: accuracy, max_drop: ‸-2pp}", "-2pp is negative; a limit is zero or more"),
        ("‸accuracy: {metric: accuracy}", "check 'accuracy' needs the key 'max_drop'"),
        ("accuracy: {metric: accuracy, ‸max_dorp: 2pp}", "unknown key 'max_dorp' in check 'accuracy'; did you mean 'max_drop'?"),
        ("accuracy: {metric: ‸acuracy, max_drop: 2pp}", "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        ("accuracy: {metric: {‸acuracy: {}}, max_drop: 2pp}", "unknown metric 'acuracy'; did you mean 'accuracy'?"),
        (
            "f: {metric: {f1: {average: ‸micr}}, max_drop: 1}",
            "average: expected 'micro', 'macro' or 'weighted', not 'micr'; did you mean 'micro'?",
        ),
        ("f: {metric: {f1: {‸averge: micro}}, max_drop: 1}", "unknown key 'averge' in metric 'f1'; did you mean 'average'?"),
        ("t: {metric: {‸top_k: }, max_drop: 1}", "metric 'top_k' needs the key 'k'"),
        ("t: {metric: ‸top_k, max_drop: 1}", "metric 'top_k' needs the key 'k'"),
        ("t: {metric: {top_k: ‸five}, max_drop: 1}", "k: expected a whole number, not 'five'"),
        ("f: {‸metric: [f1], max_drop: 1}", "metric is a name, or one name with its parameters"),
        ("f: {‸metric: {f1: {}, accuracy: {}}, max_drop: 1}", "metric is a name, or one name with its parameters"),
        ("‸accuracy: {max_drop: 2pp}", "check 'accuracy' has no metric; add metric: accuracy"),
        ("foo: {‸metrc: accuracy, max_drop: 2pp}", "unknown key 'metrc' in check 'foo'; did you mean 'metric'?"),
        (
            "‸agrement: {max_kl: 1}",
            "check 'agrement' says neither metric: nor kind:, and its name is no kind of check; did you mean 'agreement'?",
        ),
        ("foo: {kind: ‸agrement, max_kl: 1}", "unknown check kind 'agrement'; did you mean 'agreement'?"),
        ("foo: {kind: ‸[agreement]}", "unknown check kind ''; known: agreement, footprint, quality"),
        ("agreement: {kind: ‸f1, metric: f1}", "unknown check kind 'f1'"),
        ("foo: {kind: agreement, ‸metric: f1}", "unknown key 'metric' in check 'foo'"),
        ("agreement: {max_flip_rate: ‸3}", "3 is not between 0% and 100%"),
        ("agreement: ‸3pp", "'3pp' is not a share; write for instance 3%"),
        ("agreement: {max_kl: ‸nan}", "max_kl: expected a number, not 'nan'"),
        ("agreement: {max_kl: ‸.nan}", "max_kl: expected a number, not '.nan'"),
        ("agreement: {max_kl: ‸true}", "max_kl: expected a number, not true"),
        ("agreement: {max_kl: ‸[1]}", "max_kl: expected a number, not a list"),
        ("agreement: {on_inconclusive: {whole: ‸pass}}", "whole: expected 'fail' or 'warn', not 'pass'"),
        ("agreement: {on_inconclusive: ‸pass}", "on_inconclusive: expected a mapping, not 'pass'"),
        ("agreement: {on_inconclusive: {‸hole: warn}}", "unknown key 'hole' in 'on_inconclusive'; did you mean 'whole'?"),
        ("footprint: {max_peak_memory: ‸500}", "'500' is not a size; write for instance 500MB or 2GiB"),
        ("footprint: {max_load_time: ‸3.5}", "'3.5' is not a duration; write for instance 300ms or 2min"),
        ("footprint: {min_shrinkage: ‸2}", "'2' is not a ratio; write for instance 2x"),
        ("footprint: {‸per: [language]}", "a footprint check is not made per segment"),
        ("footprint: {‸segments: {language: {}}}", "unknown key 'segments' in check 'footprint'"),
        ("footprint: ‸3", "check 'footprint' takes a mapping of parameters"),
        ("agreement: {max_kl: 1, data: ‸tset}", "there is no data set 'tset'; did you mean 'test'?"),
        ("agreement: {max_kl: 1, data: ‸[test]}", "there is no data set ''; known: test, train"),
        ("agreement: {max_kl: 1, per: [language, ‸age]}", "data 'test' has no segmentation 'age'; did you mean 'language'?"),
        ("agreement: {max_kl: 1, data: train, per: [‸language]}", "data 'train' has no segmentation 'language'; did you mean 'age'?"),
        ("agreement: {max_kl: 1, per: [language, ‸language]}", "'language' is there twice"),
        ("agreement: {max_kl: 1, per: [‸[language]]}", "per is a list of segmentations"),
        ("agreement: {segments: {‸langage: {}}}", "data 'test' has no segmentation 'langage'; did you mean 'language'?"),
        ("agreement: {segments: {language: {‸crtical: true}}}", "unknown key 'crtical' in 'language'; did you mean 'critical'?"),
        ("agreement: {segments: {language: {critical: ‸3.5}}}", "critical: expected true or false or a list, not 3.5"),
        ("agreement: {segments: {language: {critical: [a, ‸[b]]}}}", "critical, item 2: expected text, not a list"),
        ("agreement: {segments: {language: {max_drop: ‸1%}}}", "1% of change is ambiguous"),
        ("agreement: {segments: {language: ‸critical}}", "language: expected a mapping, not 'critical'"),
        ("agreement: {segments: ‸[language]}", "segments: expected a mapping, not a list"),
        ("‸'a b': {metric: f1, max_drop: 1}", "'a b' cannot name a check"),
    ],
)
def test_faults_of_a_check(tmp_path: Path, written: str, message: str) -> None:
    assert MARK in written
    text, spot = marked(TEXT.format(check=written))
    found = spots(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(f"{spot}: {message}")


def test_two_checks_of_one_name(tmp_path: Path) -> None:
    text = TEXT.format(check="agreement: 3%\n  agreement: 2%")
    assert spots(tmp_path, text) == ["10:3: key 'agreement' is written twice; it stands first on line 9"]


def test_a_suite_without_checks(tmp_path: Path) -> None:
    text = TEXT.format(check="").replace("checks:\n  \n", "checks: {}\n")
    assert spots(tmp_path, text) == ["8:1: there is no check; a suite without one judges nothing"]


def test_a_metric_reference_is_accepted_as_it_is_and_nothing_else() -> None:
    reference = MetricRef("accuracy", Nothing())
    assert Quality(metric=reference, max_drop="2pp").metric is reference  # type: ignore[arg-type]  # parsed by the field
    with pytest.raises(ValueError, match="MetricRef"):
        Quality.model_validate({"metric": "accuracy", "max_drop": "2pp"})
    assert Quality.model_json_schema()["properties"]["metric"] | METRIC_SCHEMA == Quality.model_json_schema()["properties"]["metric"]
