"""The user's doors, `pytest` and `harness`, each in a process of its own and with a time limit, and what is always true of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from harness.cli import main

LIMIT = 120.0
"""Seconds after which a run counts as hanging."""

_MARK = "HARNESS_ADVERSITY_RUN"
# Python's own traceback, pytest's, and a crash of pytest itself.
_TRACEBACK = re.compile(r"Traceback \(most recent call last\)|INTERNALERROR|^E   |^\S*\.py:\d+: (in |\w+Error)", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One test of a JUnit file. `outcome`: passed, failed, error or skipped; `text` is what was said about it."""

    outcome: str
    text: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str
    seconds: float
    cases: Mapping[str, Case] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.out + self.err


def pytest_run(
    folder: Path,
    *arguments: str | Path,
    environ: Mapping[str, str | None] | None = None,
    limit: float = LIMIT,
    polite: bool = True,
    prefix: Sequence[str] = (),
) -> Run:
    """`pytest …` as typed in `folder`; the cases by `suite.yaml::candidate::check[segment]`, a broken suite by `suite.yaml`."""
    junit = Path(tempfile.gettempdir()) / f"junit-{uuid.uuid4().hex}.xml"
    command = [*prefix, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={junit}", *map(str, arguments)]
    run = _run(command, folder, environ or {}, limit)
    cases = _cases(junit) if junit.exists() else {}
    junit.unlink(missing_ok=True)
    found = Run(run.status, run.out, run.err, run.seconds, cases)
    if polite:
        assert_polite(found)
    return found


def harness_run(
    folder: Path,
    *arguments: str | Path,
    environ: Mapping[str, str | None] | None = None,
    limit: float = LIMIT,
    polite: bool = True,
    prefix: Sequence[str] = (),
) -> Run:
    """`harness …` as typed in `folder`; `prefix` is a command that runs it."""
    command = [*prefix, sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)]
    found = _run(command, folder, environ or {}, limit)
    if polite:
        assert_polite(found)
    return found


class InProcess:
    """`harness …` in this process, where nothing is tested that a process of its own would change: it starts in no time."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, folder: Path, *arguments: str) -> Run:
        self._monkeypatch.chdir(folder)
        self._capsys.readouterr()
        began = time.monotonic()
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        said = self._capsys.readouterr()
        code = stopped.value.code
        found = Run(code if isinstance(code, int) else 0, said.out, said.err, time.monotonic() - began)
        assert_polite(found)
        return found


def assert_polite(run: Run) -> None:
    """No traceback reaches a person."""
    found = _TRACEBACK.search(run.text)
    assert found is None, run.text[max(0, (found.start() if found else 0) - 500) :][:3000]


def clean_environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment without what pytest or a developer put there; None removes a variable."""
    ignored = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_PLUGINS", "PYTEST_XDIST_WORKER", "COLUMNS", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in ignored}
    merged = {**kept, "NO_COLOR": "1", **changes}
    return {name: value for name, value in merged.items() if value is not None}


def _run(command: list[str], folder: Path, changes: Mapping[str, str | None], limit: float) -> Run:
    mark = uuid.uuid4().hex
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**clean_environment(changes), _MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate(timeout=30)
        raise AssertionError(f"{command[2:]} was not done after {limit:g} s: {out[-2000:]}{err[-2000:]}") from None
    finally:
        left = remaining(mark)
        for each in left:
            each.kill()
    assert not left, f"processes were left behind: {left}"
    return Run(process.returncode, out, err, time.monotonic() - began)


def remaining(mark: str, patience: float = 10.0) -> list[psutil.Process]:
    """Processes that inherited the mark and are still there after a while."""
    deadline = time.monotonic() + patience
    while (found := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def marked_environment(changes: Mapping[str, str | None], mark: str) -> dict[str, str]:
    """An environment by which `remaining` finds a process and what it starts."""
    return {**clean_environment(changes), _MARK: mark}


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(_MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _cases(junit: Path) -> dict[str, Case]:
    cases = {}
    for element in ET.parse(junit).getroot().iter("testcase"):
        path = element.get("classname") or ""
        name = element.get("name") or ""
        suite, _, candidate = path.rpartition(".yaml.")
        key = (
            f"{suite.rpartition('.')[2]}.yaml::{candidate}::{name}"
            if candidate
            else f"{name.removesuffix('.yaml').rpartition('.')[2]}.yaml"
        )
        cases[key] = _case(element)
    return cases


def _case(element: ET.Element) -> Case:
    properties = {each.get("name") or "": each.get("value") or "" for each in element.iter("property")}
    for outcome, tag in (("error", "error"), ("failed", "failure"), ("skipped", "skipped")):
        found = element.find(tag)
        if found is not None:
            return Case(outcome, f"{found.get('message') or ''}\n{found.text or ''}", properties)
    return Case("passed", "", properties)
