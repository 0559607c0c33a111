"""Suite files that are wrong: one clear sentence each at its line, and the sound suites beside them are judged all the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adversity.door import Run, harness_run, pytest_run
from tests.adversity.material import RECORDED, outcomes, project, suite

BODY = RECORDED.split("\n", 2)[2]
PWNED = "pwned-by-a-suite"


def _bomb() -> str:
    lines = ["schema: 1", "suite: NAME", f"a: &a [{','.join('x' * 10)}]"]
    for above, name in zip("abcdefghi", "bcdefghij", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{above}'] * 10)}]")
    return "\n".join(lines) + "\n" + BODY


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "not-yaml": ("schema: 1\nsuite: NAME\n  a: [1, 2\n", r"3:\d+: not valid YAML"),
    "unknown-key": (RECORDED.replace("max_drop", "max_drp"), r"9:32: unknown key 'max_drp' in check 'accuracy'; did you mean 'max_drop'\?"),
    "bare-percent": (RECORDED.replace("10pp", "2%"), r"9:42: 2% of change is ambiguous: write 2pp .*, or 2%rel"),
    "unknown-metric": (
        RECORDED.replace("metric: accuracy", "metric: acuracy"),
        r"9:22: unknown metric 'acuracy'; did you mean 'accuracy'\?",
    ),
    "alias-bomb": (_bomb(), r"aliases counted as what they stand for"),
    "alias-of-itself": (RECORDED.replace("group: group", "group: &x [*x]"), r"\*x refers to no finished anchor &x"),
    "deep-lists": ("schema: 1\nsuite: NAME\nabout: " + "[" * 5000 + "]" * 5000 + "\n" + BODY, r"3:\d+: nested more than 40 deep"),
    "deep-mappings": ("schema: 1\nsuite: NAME\nabout: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n" + BODY, r"nested more than 40 deep"),
    "merge-key": (RECORDED.replace("  c: {", "  d: {<<: {a: b}}\n  c: {"), r"merge keys \(<<\) are not part of YAML 1.2"),
    "tab": (RECORDED.replace("  test:", "\ttest:"), r"5:1: not valid YAML: .*'\\t'"),
    "latin-1": (RECORDED.replace("schema: 1", "schema: 1\nabout: café").encode("latin-1"), r"2:11: not UTF-8 text; save the file as UTF-8"),
    "python-object": (
        RECORDED.replace("schema: 1", f"schema: 1\nabout: !!python/object/apply:os.system ['touch {PWNED}']"),
        r"tags \(!!python/object/apply:os.system\) have no meaning",
    ),
    "key-twice": (RECORDED + "checks: {}\n", r"key 'checks' is written twice; it stands first on line 8"),
    "two-documents": (RECORDED + "---\na: b\n", r"a second YAML document starts here"),
    "no-candidates": (RECORDED.replace("candidates:\n  c: {outputs: rows.csv, prediction: b}", "candidates: {}"), "there is no candidate"),
    "no-checks": (RECORDED.split("checks:")[0] + "checks: {}\n", r"8:1: there is no check; a suite without one judges nothing"),
    "nothing-but-a-name": ("schema: 1\nsuite: NAME\n", r"the suite needs the key 'original'"),
    "raw-nul": (RECORDED.replace("suite: ", "about: a\0b\nsuite: "), r"not valid YAML: .*#x0000"),
    "utf-16": (RECORDED.replace("NAME", "utf-16").encode("utf-16"), r"1:1: not UTF-8 text; save the file as UTF-8"),
    "endless-number": (RECORDED.replace("10pp", "1" + "0" * 5000 + "pp"), r"9:42: 10{36}… is not a finite number"),
    "more-than-everything": (RECORDED.replace("10pp", "200pp"), r"9:42: 200pp is more than any proportion can change"),
    "below-nothing": (RECORDED.replace("10pp", "-2pp"), r"9:42: -2pp is negative"),
    "another-schema": (RECORDED.replace("schema: 1", "schema: 99"), r"1:9: schema: expected 1, not 99"),
    "name-of-a-path": (RECORDED.replace("suite: NAME", "suite: ../../etc/passwd"), r"2:8: suite: expected a name of letters"),
    "candidate-of-a-path": (RECORDED.replace("  c:", "  '../x':"), r"'../x' cannot name a candidate"),
    "extends-itself": (RECORDED + "extends: extends-itself.yaml\n", r"extends goes round in a circle"),
    "extends-nothing": (RECORDED + "extends: nowhere.yaml\n", r"10:10: cannot read .*nowhere.yaml: No such file"),
    "variable-not-set": (RECORDED.replace("prediction: b", "prediction: '${HARNESS_TEST_NOT_SET}'"), r"HARNESS_TEST_NOT_SET is not set"),
    "two-megabytes": (RECORDED + "#" + "x" * 2_000_000 + "\n", r"is larger than 1,000,000 bytes"),
    "where-is-code": (
        RECORDED.replace("group: group", f"group: {{where: \"__import__('os').system('touch {PWNED}')\"}}"),
        r"5:\d+: where: cannot read",
    ),
    "where-is-deep": (
        RECORDED.replace("group: group", 'group: {where: "' + "(" * 4000 + "y == '1'" + ")" * 4000 + '"}'),
        r"where: .*nested",
    ),
    "unknown-segment-column": (RECORDED.replace("group: group", "group: gruop"), r"there is no column 'gruop'; did you mean 'group'\?"),
}

SOUND: dict[str, str | bytes] = {
    "plain": RECORDED,
    "byte-order-mark": b"\xef\xbb\xbf" + RECORDED.replace("NAME", "byte-order-mark").encode(),
    "crlf": RECORDED.replace("\n", "\r\n"),
    "anchors": RECORDED.replace("original: {", "original: &o {").replace("  c: {outputs: rows.csv, prediction: b}", "  c: *o"),
    "nul-in-quotes": RECORDED.replace("suite: ", 'about: "a\\0b"\nsuite: '),
}


def _write(folder: Path, name: str, text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.replace("NAME", name).encode()
    (folder / "suites" / f"{name}.yaml").write_bytes(content)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("suite-files"))
    for name, (text, _) in BROKEN.items():
        _write(folder, name, text)
    for name, sound in SOUND.items():
        _write(folder, name, sound)
    return folder


@pytest.fixture(scope="module")
def under_pytest(folder: Path) -> Run:
    return pytest_run(folder, "suites")


@pytest.fixture(scope="module")
def under_harness(folder: Path) -> Run:
    return harness_run(folder, "run")


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_at_its_place(under_pytest: Run, name: str) -> None:
    case = under_pytest.cases[f"{name}.yaml"]
    assert case.outcome == "error"
    assert re.search(BROKEN[name][1], case.text), case.text
    assert len(case.text) < 1000, "a sentence, not a page"


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "unknown-segment-column"])
def test_the_command_line_says_the_same(under_harness: Run, name: str) -> None:
    said = [line for line in under_harness.err.splitlines() if f"{name}.yaml:" in line]
    assert any(re.search(BROKEN[name][1], line) for line in said), said


@pytest.mark.parametrize("name", SOUND)
def test_sound_suites_beside_broken_ones_are_judged(folder: Path, under_pytest: Run, under_harness: Run, name: str) -> None:
    expected = ["accuracy", "accuracy[group:g0]", "accuracy[group:g1]", "accuracy[group:g2]"]
    assert [under_pytest.cases[f"{name}.yaml::c::{item}"].outcome for item in expected] == ["passed"] * 4
    assert set(outcomes(folder, name).values()) == {"PASS"}
    assert f"{name}: c may ship" in under_harness.out


def test_the_status_says_that_something_is_wrong(under_pytest: Run, under_harness: Run) -> None:
    assert under_pytest.status == 1
    assert under_harness.status == 2
    assert len([case for case in under_pytest.cases.values() if case.outcome == "error"]) == len(BROKEN)


def test_nothing_in_a_suite_is_executed(folder: Path, under_pytest: Run, under_harness: Run) -> None:
    assert list(folder.rglob(f"*{PWNED}*")) == []


def test_collecting_alone_fails_for_a_broken_suite_too(folder: Path) -> None:
    run = pytest_run(folder, "suites/bare-percent.yaml", "--collect-only", "-q")
    assert run.status != 0
    assert "2% of change is ambiguous" in run.out


def test_an_empty_folder_has_no_suites(tmp_path: Path) -> None:
    (tmp_path / "suites").mkdir()
    assert pytest_run(tmp_path, "suites").status == pytest.ExitCode.NO_TESTS_COLLECTED
    run = harness_run(tmp_path, "run")
    assert run.status == 2
    assert "there is no suite in suites" in run.err


def test_two_suites_of_one_name(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "first")
    (folder / "suites" / "second.yaml").write_text((folder / "suites" / "first.yaml").read_text())
    suite(folder, "third")
    run = pytest_run(folder, "suites")
    assert run.cases["second.yaml"].outcome == "error"
    assert re.search(r"the suite name 'first' is taken by \S*first.yaml; give one of them another name", run.cases["second.yaml"].text)
    assert {run.cases[f"{name}.yaml::c::accuracy"].outcome for name in ("first", "third")} == {"passed"}
    said = harness_run(folder, "run")
    assert said.status == 2
    assert "the suite name 'first' is taken by" in said.err


def test_a_symlink_to_a_suite_elsewhere_and_a_folder_with_blanks(tmp_path: Path) -> None:
    elsewhere = project(tmp_path / "else where" / "mödels 日本")
    suite(elsewhere, "linked")
    folder = project(tmp_path / "here")
    (folder / "suites" / "link.yaml").symlink_to(elsewhere / "suites" / "linked.yaml")
    run = pytest_run(folder, "suites")
    assert run.cases["link.yaml::c::accuracy"].outcome == "passed"
    assert pytest_run(elsewhere, "suites").status == 0
    assert set(outcomes(elsewhere, "linked").values()) == {"PASS"}


def test_from_another_folder(tmp_path: Path) -> None:
    folder = project(tmp_path / "project")
    suite(folder, "far")
    away = tmp_path / "away"
    away.mkdir()
    assert pytest_run(away, "../project/suites").status == 0
    assert set(outcomes(folder, "far").values()) == {"PASS"}
    assert harness_run(away, "run", "../project/suites").status == 0
    assert sorted(path.name for path in away.iterdir() if not path.name.startswith(".")) == []


def test_single_files_in_two_processes(tmp_path: Path) -> None:
    folder = project(tmp_path)
    for name in ("a", "b", "c"):
        suite(folder, name)
    run = pytest_run(folder, "suites/a.yaml", "suites/b.yaml", "suites/a.yaml", "-n", "2")
    assert run.status == 0
    assert {key.partition("::")[0] for key in run.cases} == {"a.yaml", "b.yaml"}
    assert not (folder / "reports" / "c").exists()
