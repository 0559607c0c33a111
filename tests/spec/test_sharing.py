"""`defaults:`, `extends:` and environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.core.segment import ByBins, ByColumn
from harness.core.units import Change
from harness.errors import SuiteError
from harness.spec import load_suite
from tests.spec.fakes import REGISTERS, SMALL, Onnx, Outputs, Policy, load, marked, spots

CHECKS = """\
schema: 1
suite: shared
defaults: {defaults}
original: {{onnx: a}}
candidates:
  c: {{onnx: b}}
  d: {{onnx: b, timeout: 5s}}
data:
  test: {{source: a.csv, segments: {{a: x, b: {{column: y, min_examples: 7}}, p: [a, b]}}}}
checks:
  f1: {{metric: f1}}
  strict: {{metric: accuracy, max_drop: 0pp, on_inconclusive: {{other: fail}}}}
  agreement: {{max_kl: 1}}
"""


def test_defaults_stand_in_for_what_is_not_said(tmp_path: Path) -> None:
    given = "{timeout: 30s, batch_size: 8, max_drop: 2pp, on_inconclusive: {whole: warn}, max_unproven: 10%,"
    given += " min_examples: 20, otherwise: merge}"
    suite = load(tmp_path, CHECKS.format(defaults=given))
    f1, strict, agreement = (check.parameters for check in suite.checks)
    assert (f1.max_drop, f1.max_unproven, f1.on_inconclusive) == (Change(0.02, "pp"), 0.1, Policy(whole="warn"))
    assert (strict.max_drop, strict.on_inconclusive) == (Change(0.0, "pp"), Policy(other="fail"))
    assert agreement.on_inconclusive == Policy(whole="warn")
    assert (suite.original.timeout, suite.original.batch_size) == (30.0, 8)
    assert [(each.timeout, each.batch_size) for each in suite.candidates] == [(30.0, 8), (5.0, 8)]
    assert [(each.min_examples, each.otherwise) for each in suite.data["test"].segments] == [(20, "merge"), (7, "merge"), (20, "merge")]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{‸timout: 3s, max_drop: 2pp}", "unknown key 'timout' in defaults; did you mean 'timeout'?"),
        ("{‸metric: f1, max_drop: 2pp}", "unknown key 'metric' in defaults"),
        ("{max_drop: ‸2%}", "2% of change is ambiguous"),
        ("{max_drop: 2pp, timeout: ‸3}", "'3' is not a duration"),
        ("{max_drop: 2pp, min_examples: ‸none}", "min_examples: expected a whole number, not 'none'"),
        ("‸2pp", "defaults (setting: value) is a mapping of keys, not '2pp'"),
    ],
)
def test_faults_of_defaults_are_told_where_the_default_stands(tmp_path: Path, written: str, message: str) -> None:
    text, spot = marked(CHECKS.format(defaults=written))
    found = [fault for fault in spots(tmp_path, text) if "needs the key 'max_drop'" not in fault]
    assert len(found) == 1
    assert found[0].startswith(f"{spot}: {message}")


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_suite_may_extend_another(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL)
    text = (
        "extends: base.yaml\nsuite: other\ncandidates: {int4: {outputs: runs.csv, prediction: int4}}\nchecks: {accuracy: {max_drop: 1pp}}\n"
    )
    suite = load(tmp_path, text)
    assert suite.name == "other"
    assert suite.path == tmp_path / "s.yaml"
    assert [candidate.name for candidate in suite.candidates] == ["int8", "int4"]
    assert suite.checks[0].parameters.max_drop == Change(0.01, "pp")


def test_naming_another_kind_replaces_the_one_below(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=SMALL.replace("segments: {language: language}", "segments: {l: {column: t, by: words, quantiles: 3, min_examples: 9}}"),
    )
    text = (
        "extends: base.yaml\noriginal: {onnx: a.onnx, batch_size: 2}\ndata: {test: {sklearn: digits, segments: {l: {where: a > 1}}}}\n"
        "candidates: {int8: {compress: [fold]}}\nchecks: {accuracy: {metric: {f1: micro}}}\n"
    )
    suite = load(tmp_path, text)
    assert suite.original.parameters == Onnx(path=Path("a.onnx"))
    assert suite.candidates[0].kind == "compress"
    assert (suite.data["test"].kind, suite.data["test"].id) == ("sklearn", "id")
    assert suite.data["test"].segments[0].min_examples == 9
    assert suite.checks[0].parameters.metric.name == "f1"


def test_naming_the_same_kind_changes_it(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL)
    suite = load(tmp_path, "extends: base.yaml\ncandidates: {int8: {outputs: new.csv}}\n")
    assert suite.candidates[0].parameters == Outputs(path="new.csv", prediction="int8")


def test_null_takes_away(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL + "  f1: {metric: f1, max_drop: 1}\n")
    suite = load(tmp_path, "extends: base.yaml\nchecks: {accuracy: null}\ndata: {test: {segments: ~}}\n")
    assert [check.name for check in suite.checks] == ["f1"]
    assert suite.data["test"].segments == ()


def test_lists_are_replaced_not_joined(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL + "requires: [torch, gpu]\n")
    assert load(tmp_path, "extends: base.yaml\nrequires: [network]\n").requires == ("network",)


def test_a_chain_in_other_folders(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    write(tmp_path, base=SMALL)
    write(tmp_path / "a", middle="extends: ../base.yaml\nabout: middle\n")
    (tmp_path / "a" / "b" / "s.yaml").write_text("extends: ../middle.yaml\nsuite: top\n", encoding="utf-8")
    suite = load_suite(tmp_path / "a" / "b" / "s.yaml", REGISTERS, {})
    assert (suite.name, suite.about, suite.root) == ("top", "middle", tmp_path / "a" / "b")


def test_faults_are_told_in_the_file_that_holds_them(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL.replace("2pp", "2%"))
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, "extends: base.yaml\nabuot: x\n")
    first, second = caught.value.faults
    assert (first.path, first.line, first.column) == (str(tmp_path / "base.yaml"), 9, 42)
    assert (second.path, second.line, second.column) == (str(tmp_path / "s.yaml"), 2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: ‸nowhere.yaml\n", "cannot read"),
        ("extends: ‸s.yaml\n", "extends goes round in a circle: s.yaml → s.yaml"),
        ("extends: ‸[base.yaml]\n", "extends names one YAML file"),
        ("extends: ‸''\n", "extends names one YAML file"),
    ],
)
def test_faults_of_extends(tmp_path: Path, text: str, message: str) -> None:
    text, spot = marked(text)
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


def test_a_longer_circle(tmp_path: Path) -> None:
    write(tmp_path, b="extends: c.yaml\n", c="extends: s.yaml\n")
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, "extends: b.yaml\n")
    (fault,) = caught.value.faults
    assert (fault.path, fault.message) == (str(tmp_path / "c.yaml"), "extends goes round in a circle: s.yaml → b.yaml → c.yaml → s.yaml")


@pytest.mark.parametrize(
    ("written", "environ", "value"),
    [
        ("${RUNS}", {"RUNS": "a.csv"}, "a.csv"),
        ("${RUNS}/b.csv", {"RUNS": "a"}, "a/b.csv"),
        ("${A}${B}", {"A": "a", "B": "b"}, "ab"),
        ("${RUNS:-d.csv}", {}, "d.csv"),
        ("${RUNS:-d.csv}", {"RUNS": ""}, "d.csv"),
        ("${RUNS:-d.csv}", {"RUNS": "a"}, "a"),
        ("x${RUNS:-}", {}, "x"),
        ("'${RUNS}'", {"RUNS": "007"}, "007"),
        ("${RUNS}", {"RUNS": "007"}, "007"),
        ("${RUNS}", {"RUNS": "${OTHER}"}, "${OTHER}"),
        ("$${RUNS}", {}, "${RUNS}"),
        ("$RUNS", {}, "$RUNS"),
    ],
)
def test_environment(tmp_path: Path, written: str, environ: dict[str, str], value: str) -> None:
    text = SMALL.replace("int8: {outputs: runs.csv,", f"int8: {{outputs: {written},") if "'" in written else SMALL
    text = text.replace("int8: {outputs: runs.csv,", f'int8: {{outputs: "{written}",') if text is SMALL else text
    assert load(tmp_path, text, environ).candidates[0].parameters.path == value


def test_a_variable_may_be_a_number(tmp_path: Path) -> None:
    text = CHECKS.format(defaults="{max_drop: 2pp}").replace("c: {onnx: b}", 'c: {onnx: b, threads: "${THREADS:-4}"}')
    assert load(tmp_path, text).candidates[0].parameters.threads == 4
    assert load(tmp_path, text, {"THREADS": "2"}).candidates[0].parameters.threads == 2
    (fault,) = spots(tmp_path, text, {"THREADS": "many"})
    assert "threads: expected a whole number, not 'many'" in fault


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("‸${RUNS}", "environment variable RUNS is not set; set it, or give a default: ${RUNS:-default}"),
        ("a/‸${RUNS}", "environment variable RUNS is not set"),
        ("a/‸${RUNS", "${ begins a variable: write ${NAME} or ${NAME:-default}"),
        ("‸${}", "${ begins a variable"),
        ("‸${1A}", "${ begins a variable"),
        ("‸${RUNS-x}", "${ begins a variable"),
    ],
)
def test_faults_of_the_environment(tmp_path: Path, written: str, message: str) -> None:
    text, spot = marked(SMALL.replace("int8: {outputs: runs.csv,", f'int8: {{outputs: "{written}",'))
    (fault,) = spots(tmp_path, text)
    assert fault.startswith(f"{spot}: {message}")


def test_keys_are_not_filled_in(tmp_path: Path) -> None:
    (fault,) = spots(tmp_path, SMALL + '"${KEY}": 1\n', {"KEY": "about"})
    assert "unknown key '${KEY}'" in fault


def test_a_variable_that_the_suite_requires_is_no_fault_when_missing(tmp_path: Path) -> None:
    text = SMALL.replace("runs.csv, prediction: int8", '"${TOKEN}", prediction: int8') + "requires: ['env:TOKEN']\n"
    assert load(tmp_path, text).candidates[0].parameters.path == "${TOKEN}"
    assert load(tmp_path, text, {"TOKEN": "t"}).candidates[0].parameters.path == "t"


def test_a_value_that_is_overridden_needs_no_variable(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL.replace("source: runs.csv", 'source: "${NOWHERE}"'))
    assert load(tmp_path, "extends: base.yaml\ndata: {test: {source: a.csv}}\n").data["test"].parameters.path == "a.csv"


def test_the_name_of_an_extended_file_may_come_from_the_environment(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL)
    assert load(tmp_path, 'extends: "${BASE}.yaml"\n', {"BASE": "base"}).name == "small"
    (fault,) = spots(tmp_path, 'extends: "${BASE}.yaml"\n')
    assert fault == "1:11: environment variable BASE is not set; set it, or give a default: ${BASE:-default}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=12))
def test_a_value_from_the_environment_is_never_read_as_yaml(tmp_path: Path, value: str) -> None:
    text = SMALL.replace("int8: {outputs: runs.csv,", 'int8: {outputs: "x${V:-}",')
    assert load(tmp_path, text, {"V": value}).candidates[0].parameters.path == "x" + value


def test_bins_in_a_base_can_become_columns(tmp_path: Path) -> None:
    write(tmp_path, base=SMALL.replace("segments: {language: language}", "segments: {l: {column: t, edges: [1]}}"))
    assert load(tmp_path, "extends: base.yaml\n").data["test"].segments[0].rule == ByBins("t", edges=(1.0,))
    assert load(tmp_path, "extends: base.yaml\ndata: {test: {segments: {l: u}}}\n").data["test"].segments[0].rule == ByColumn("u")
