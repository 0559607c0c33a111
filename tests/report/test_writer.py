from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.run import SuiteRecord
from harness.errors import StoreError
from harness.report import read_report, read_result, write_reports
from harness.report.files import suite_folder
from tests.report.builders import languages_extras, languages_record, run_of


def test_three_files_per_suite_and_the_history(tmp_path: Path) -> None:
    record = languages_record()
    written = write_reports(run_of(record, replace(record, suite="second")), tmp_path, {"languages": languages_extras()})
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        f"{suite}/{name}" for suite in ("languages", "second") for name in ("index.html", "summary.md", "result.json")
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["history.sqlite", "languages", "second"]
    assert all((path.stat().st_mode & 0o777) == 0o644 for path in written)
    assert read_result(written[2]) == record
    assert read_report(written[2]).extras == languages_extras()


def test_rendering_what_was_read_back_gives_the_same_files(tmp_path: Path) -> None:
    first = write_reports(run_of(languages_record()), tmp_path, {"languages": languages_extras()})
    before = [path.read_bytes() for path in first]
    stored = read_report(first[2])
    second = write_reports(stored.run, tmp_path, {"languages": stored.extras})
    assert [path.read_bytes() for path in second] == before


def test_without_remembering_there_is_no_history(tmp_path: Path) -> None:
    write_reports(run_of(languages_record()), tmp_path, None, remember=False)
    assert [path.name for path in tmp_path.iterdir()] == ["languages"]


def test_the_trend_appears_with_the_second_run(tmp_path: Path) -> None:
    page = tmp_path / "languages" / "index.html"
    write_reports(run_of(languages_record(), run="a", started="2031-05-01T00:00:00Z"), tmp_path)
    assert 'id="trend"' not in page.read_text(encoding="utf-8")
    write_reports(run_of(languages_record(), run="b", started="2031-05-02T00:00:00Z"), tmp_path)
    text = page.read_text(encoding="utf-8")
    assert 'id="trend"' in text
    assert "drop over 2 runs" in text


def test_a_history_that_cannot_be_used_costs_the_trend_only(tmp_path: Path) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"not a database, and long enough to be looked at" * 50)
    write_reports(run_of(languages_record()), tmp_path)
    assert "There is no trend: " in (tmp_path / "languages" / "index.html").read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(StoreError, match=r"index\.html cannot be written: .*choose another report folder") as caught:
        write_reports(run_of(languages_record()), tmp_path / "reports")
    assert "\n" not in str(caught.value)


def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if _writable(tmp_path):
            pytest.skip("this user may write anywhere")
        with pytest.raises(StoreError, match="Permission denied"):
            write_reports(run_of(languages_record()), tmp_path)
    finally:
        tmp_path.chmod(0o755)


def _writable(folder: Path) -> bool:
    try:
        (folder / "probe").touch()
    except PermissionError:
        return False
    (folder / "probe").unlink()
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file sizes are POSIX")
def test_a_disk_that_fills_up_leaves_the_old_report_whole(tmp_path: Path) -> None:
    """A limit on the size of a file stands for the full disk: the write fails in the middle, by the system's own hand."""
    code = f"""
        import resource, signal
        from pathlib import Path
        from harness.errors import StoreError
        from harness.report import write_reports
        from tests.report.builders import languages_record, run_of
        folder = Path({str(tmp_path)!r})
        write_reports(run_of(languages_record()), folder, remember=False)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            write_reports(run_of(languages_record(), run="second"), folder, remember=False)
        except StoreError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert done.stdout.count("\n") == 1
    assert "cannot be written: File too large" in done.stdout
    assert sorted(path.name for path in (tmp_path / "languages").iterdir()) == ["index.html", "result.json", "summary.md"]
    assert read_report(tmp_path / "languages" / "result.json").run.id != "second"
    assert (tmp_path / "languages" / "index.html").read_text(encoding="utf-8").rstrip().endswith("</html>")


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".", "..", "con\nsole", "ö" * 300, ".hidden", "/etc"])
def test_a_suite_cannot_name_its_way_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = suite_folder(tmp_path, name)
    assert folder.parent == tmp_path
    assert folder.resolve().parent == tmp_path.resolve()
    assert len(folder.name) < 100


def test_folder_names_stay_distinct_and_plain_names_stay_themselves(tmp_path: Path) -> None:
    assert suite_folder(tmp_path, "languages-v1.2_a").name == "languages-v1.2_a"
    assert suite_folder(tmp_path, "a b") != suite_folder(tmp_path, "a/b")


def test_a_record_without_verdicts_has_a_report(tmp_path: Path) -> None:
    write_reports(run_of(SuiteRecord("empty", "", "", ())), tmp_path)
    assert "nothing was judged" in (tmp_path / "empty" / "summary.md").read_text(encoding="utf-8")
