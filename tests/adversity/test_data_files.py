"""Data that is wrong: told as an error that names the file and the rows, before or instead of a verdict; never a guess, never a hang."""

from __future__ import annotations

import gzip
import random
import re
from pathlib import Path

import pytest

from tests.adversity.door import Run, pytest_run
from tests.adversity.material import RECORDED, outcomes, project, result, rows, suite

SOURCES = """
import os, signal, sys
def raises(): raise ValueError("no\\nway")
def prints():
    print("x" * 3_000_000)
    print("y" * 3_000_000, file=sys.stderr)
    return {"id": [f"r{i}" for i in range(300)], "group": ["g"] * 300, "y": [str(i % 2) for i in range(300)]}
def starts():
    import subprocess
    subprocess.Popen(["sleep", "600"])
    if os.fork() == 0:
        import time
        time.sleep(600)
    return prints()
def nothing(): pass
def exits(): sys.exit(3)
def crashes(): os.kill(os.getpid(), signal.SIGSEGV)
def not_rows():
    yield {"id": "a", "group": "g", "y": "1"}
    yield 5
"""


def _line(index: int, text: str, count: int = 300) -> str:
    """300 sound rows, one of them replaced."""
    lines = rows(count).splitlines()
    lines[index + 1] = text
    return "\n".join(lines) + "\n"


FILES: dict[str, bytes | str] = {
    "zero.csv": rows(0),
    "nothing.csv": "",
    "one.csv": rows(1),
    "twice.csv": "".join([rows(300), "r0,g0,0,0,0\n", "r1,g1,1,1,1\n"]),
    "nameless.csv": _line(4, ",g1,0,0,0"),
    "latin.csv": _line(3, "r3,gé,1,1,1").encode("latin-1"),
    "utf16.csv": rows().encode("utf-16"),
    "ragged.csv": _line(17, "r17,g2,1,1,1,extra"),
    "untold.csv": _line(3, "r3,g0,,1,1"),
    "cat.csv": _line(3, "r3,g0,cat,1,1"),
    "quote.csv": _line(5, 'r5,"g2,1,1,1'),
    "columns.csv": rows().replace("id,group,y,a,b", "id,group,y,a,a"),
    "semicolon.csv": rows().replace(",", ";"),
    "one-class.csv": "id,group,y,a,b\n" + "".join(f"r{i},g{i % 3},1,1,1\n" for i in range(300)),
    "lonely.csv": _line(0, "r0,alone,0,0,0"),
    "cut.csv.gz": gzip.compress(rows(3000).encode())[:-200],
    "unpacked.csv.gz": rows(),
    "broken.parquet": b"PAR1" + b"\0" * 100,
    "broken.jsonl": '{"id": "a", "group": "g", "y": 1}\n{"id": "b", "y": \n',
    "object.json": '{"id": "a"}',
    "broken.npz": b"PK\3\4abc",
    "mixed.jsonl": "".join(
        f'{{"id": "r{i}", "group": "g", "y": {["1", chr(34) + "1" + chr(34), "true", "1.5"][i % 4]}}}\n' for i in range(40)
    ),
    "src.py": SOURCES,
    "parted.csv": rows(310).replace("r7,", "q7,").replace("\nr8,g2,0,0,0", ""),
    "strangers.csv": rows().replace("\nr", "\nz"),
}

COLLECTED: dict[str, tuple[str, str]] = {
    "gone": ("gone.csv", r"there is no file \S+gone.csv"),
    "folder": ("folder.csv", r"folder.csv is a folder"),
    "zero": ("zero.csv", "has no rows"),
    "nothing": ("nothing.csv", "is empty"),
    "latin": ("latin.csv", r"line 5 is not utf-8 text .* say which encoding"),
    "utf16": ("utf16.csv", "not utf-8 text"),
    "no-such-encoding": ("{path: rows.csv, encoding: klingon}", "there is no encoding 'klingon'"),
    "ragged": ("ragged.csv", r"row 18 \(line 19\) has 6"),
    "quote": ("quote.csv", r"quotation marks of the row that starts on line 7"),
    "columns": ("columns.csv", "two columns are called 'a'"),
    "semicolon": ("semicolon.csv", "there is no column 'id'"),
    "cut": ("cut.csv.gz", "gzip compression is damaged or cut off"),
    "parquet": ("broken.parquet", "is not a Parquet file that can be read"),
    "jsonl": ("broken.jsonl", "line 2 is not JSON"),
    "object": ("object.json", "must be a list of objects"),
    "npz": ("broken.npz", "is not an npz file"),
    "python-raises": ("{python: 'src:raises'}", r"raised ValueError: no way at \S+src.py:3"),
    "python-nothing": ("{python: 'src:nothing'}", "returned NoneType; expected"),
    "python-exits": ("{python: 'src:exits'}", "its process ended with status 3: it said nothing"),
    "python-crashes": ("{python: 'src:crashes'}", "its process was killed by SIGSEGV"),
    "python-not-rows": ("{python: 'src:not_rows'}", "row 2 is int, not a dict"),
}
"""Known when the suite is collected: (source, sentence)."""

JUDGED: dict[str, tuple[str, str, str]] = {
    "twice": ("twice.csv", "rows.csv", r"ERROR: .*'r0' in rows 1, 301; 'r1' in rows 2, 302"),
    "nameless": ("nameless.csv", "rows.csv", r"ERROR: .*the id column 'id' is empty in row 5; every example needs an id"),
    "untold": ("untold.csv", "rows.csv", r"ERROR: .*the target column 'y' is empty in row 4"),
    "recording-gone": ("rows.csv", "gone.csv", r"ERROR: there is no file of recorded outputs \S+gone.csv"),
    "recording-zero": ("rows.csv", "zero.csv", r"ERROR: .*holds no rows"),
    "recording-nothing": ("rows.csv", "nothing.csv", r"ERROR: .*is empty"),
    "recording-twice": ("rows.csv", "twice.csv", r"ERROR: .*id 'r0' is recorded more than once, in rows 1, 301 \(2 rows too many in all\)"),
    "recording-of-strangers": ("rows.csv", "strangers.csv", r"ERROR: .*none of its ids is in the data set: it has 'z0'.*the data has 'r0'"),
    "recording-latin": ("rows.csv", "latin.csv", r"ERROR: .*latin.csv cannot be read as csv.*utf-?8"),
}
"""Known when it is judged: (source, recording of the candidate, sentence)."""


def data_suite(folder: Path, name: str, source: str, recording: str = "rows.csv") -> None:
    suite(folder, name, RECORDED, ("source: rows.csv", f"source: {source}"), ("c: {outputs: rows.csv", f"c: {{outputs: {recording}"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("data-files"))
    random.seed(0)
    for name, content in FILES.items():
        (folder / "suites" / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "suites" / "folder.csv").mkdir()
    for name, (source, _) in COLLECTED.items():
        data_suite(folder, name, source)
    for name, (source, recording, _) in JUDGED.items():
        data_suite(folder, name, source, recording)
    for name in ("rows", "one-class", "lonely", "cat"):
        data_suite(folder, f"with-{name}", f"{name}.csv", f"{name}.csv")
    data_suite(folder, "with-one", "one.csv")
    data_suite(folder, "with-utf16", "{path: utf16.csv, encoding: utf-16}")
    data_suite(folder, "with-unpacked", "unpacked.csv.gz")
    data_suite(folder, "with-prints", "{python: 'src:prints'}")
    data_suite(folder, "with-starts", "{python: 'src:starts'}")
    data_suite(folder, "parted", "rows.csv", "parted.csv")
    suite(folder, "parted-original", RECORDED, ("original: {outputs: rows.csv", "original: {outputs: parted.csv"))
    regression = "output: {type: values, task: regression}"
    suite(
        folder,
        "numbers",
        RECORDED,
        ("source: rows.csv", "source: cat.csv"),
        ("prediction: a}", f"prediction: a, {regression}}}"),
        ("{metric: accuracy, max_drop: 10pp", "{metric: {mae: {cap: 1}}, max_drop: 0.1"),
    )
    suite(folder, "mixed", RECORDED, ("source: rows.csv", "source: mixed.jsonl"))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return pytest_run(folder, "suites", limit=240)


@pytest.mark.parametrize("name", COLLECTED)
def test_what_collection_finds(run: Run, name: str) -> None:
    case = run.cases[f"{name}.yaml"]
    assert case.outcome == "error"
    assert "data 'test' (" in case.text
    assert re.search(COLLECTED[name][1], case.text), case.text
    assert len(case.text.strip().splitlines()) == 2, "pytest's heading and one sentence"


@pytest.mark.parametrize("name", JUDGED)
def test_what_judging_finds_is_an_error_and_not_a_failure(run: Run, name: str) -> None:
    case = run.cases[f"{name}.yaml::c::accuracy"]
    assert case.outcome == "error"
    assert re.search(JUDGED[name][2], case.text), case.text
    assert run.cases[f"{name}.yaml::c::accuracy[group:g0]"].outcome == "error"


@pytest.mark.parametrize("name", ["rows", "one-class", "utf16", "unpacked", "prints", "starts"])
def test_odd_but_sound_data_is_judged(folder: Path, run: Run, name: str) -> None:
    assert run.cases[f"with-{name}.yaml::c::accuracy"].outcome == "passed"
    assert outcomes(folder, f"with-{name}")["c::accuracy"] == "PASS"


def test_a_single_example_proves_nothing(folder: Path, run: Run) -> None:
    assert run.cases["with-one.yaml::c::accuracy"].outcome == "failed"
    assert set(outcomes(folder, "with-one").values()) == {"INCONCLUSIVE"}
    assert "with 1 examples" in run.out or "too few examples" in run.out


def test_a_segment_of_one_example_is_unproven_and_no_more(folder: Path, run: Run) -> None:
    assert run.cases["with-lonely.yaml::c::accuracy"].outcome == "passed"
    assert outcomes(folder, "with-lonely")["c::accuracy[group:alone]"] == "INCONCLUSIVE"


def test_a_text_among_numbers_is_one_more_label(folder: Path, run: Run) -> None:
    assert result(folder, "with-cat")["verdicts"][0]["original_value"] == pytest.approx(299 / 300)


def test_a_text_among_numbers_to_predict_is_an_error_that_names_the_row(run: Run) -> None:
    case = run.cases["numbers.yaml::c::accuracy"]
    assert case.outcome == "error"
    assert re.search(r"ERROR: .*column 'y' must hold numbers, but row 4 is not: 'cat'", case.text)


def test_json_values_of_many_types_are_their_texts(folder: Path, run: Run) -> None:
    """1, "1", true and 1.5 in turn: the answers 0 and 1 are right where the text is 1 and the row is odd: never in row 2, 3 mod 4."""
    assert result(folder, "mixed")["verdicts"][0]["original_value"] == pytest.approx(0.25)


def test_a_recording_with_gaps_counts_them_as_wrong_and_names_them(folder: Path, run: Run) -> None:
    """r7 is called q7 and r8 is not there; ids in excess are ignored."""
    whole = result(folder, "parted")["verdicts"][0]
    assert (whole["outcome"], whole["lost"], whole["n"]) == ("PASS", 2, 300)
    assert any("has no prediction for 2 examples (r7, r8)" in warning for warning in whole["warnings"])
    warnings = result(folder, "parted")["warnings"]
    assert any("has no answer for 2 of 300 examples ('r7', 'r8')" in warning for warning in warnings)
    assert any("11 ids that are not in the data set" in warning for warning in warnings)
    assert "has no prediction for 2 examples (r7, r8)" in run.out, "a passing candidate's failures are said in the terminal too"


def test_an_original_with_gaps_makes_the_measurement_invalid(run: Run) -> None:
    case = run.cases["parted-original.yaml::c::accuracy"]
    assert case.outcome == "error"
    assert "INVALID: the original has no prediction for 2 examples (r7, r8): 0.67 % of the data, more than 0.1 %" in case.text


def test_a_suite_without_a_verdict_keeps_the_report_it_has(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "kept")
    suite(folder, "other")
    assert pytest_run(folder, "suites").status == 0
    before = (folder / "reports" / "kept" / "index.html").read_bytes()
    (folder / "suites" / "kept.yaml").write_text((folder / "suites" / "kept.yaml").read_text().replace("rows.csv", "lost.csv"))
    assert pytest_run(folder, "suites").status == 1
    assert (folder / "reports" / "kept" / "index.html").read_bytes() == before
