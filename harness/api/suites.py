"""Suites from Python: load, run, judge."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from harness import wiring
from harness.api.judging import judge_session, skipped_record
from harness.core.run import SuiteRecord
from harness.core.suite import Suite
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.ports.progress import Progress


def load_suite(path: Path | str) -> Suite:
    """The suite in a file; `SuiteError` with every fault in it, each at its line and column."""
    return wiring.load(Path(path))


def run(
    suite: Suite | Path | str,
    *,
    candidates: str | Sequence[str] = (),
    fresh: bool = False,
    without_original: bool = False,
    project: Path | str | None = None,
    progress: Progress | None = None,
) -> SuiteRecord:
    """Judge a suite, running the models where no evidence is stored; what is gathered is stored.

    `candidates` restricts the run to these; `fresh` runs the models again whatever is stored; `without_original` judges
    against the original's outcomes in the accepted baseline. `project` is the folder with `.harness/` and `baselines/`,
    by default the nearest one above the suite that looks like a project. No report is written.
    """
    options = Options(fresh_since=time.time() if fresh else None, without_original=without_original, run_id=uuid.uuid4().hex[:12])
    return _record(suite, candidates, options, project, progress)


def judge(
    suite: Suite | Path | str,
    *,
    candidates: str | Sequence[str] = (),
    without_original: bool = False,
    project: Path | str | None = None,
) -> SuiteRecord:
    """Judge a suite from stored evidence alone: no model is run. What is not stored becomes an ERROR that says so."""
    return _record(suite, candidates, Options(gather=False, without_original=without_original, run_id=new_run_id()), project, None)


def open_session(
    suite: Suite | Path | str, options: Options, project: Path | str | None = None, progress: Progress | None = None
) -> Session:
    """A session over a suite, in the given project folder or the one the suite lies in."""
    loaded = suite if isinstance(suite, Suite) else load_suite(suite)
    home = wiring.Project(Path(project).resolve()) if project is not None else wiring.find_project(loaded.path, Path.cwd())
    return wiring.session(loaded, home, options, progress)


def new_run_id() -> str:
    """What tells one run from another."""
    return uuid.uuid4().hex[:12]


def names(candidates: str | Sequence[str]) -> tuple[str, ...]:
    """Names of candidates; one text is one name."""
    return (candidates,) if isinstance(candidates, str) else tuple(candidates)


def _record(
    suite: Suite | Path | str, candidates: str | Sequence[str], options: Options, project: Path | str | None, progress: Progress | None
) -> SuiteRecord:
    session = open_session(suite, options, project, progress)
    chosen = names(candidates)
    reason = wiring.missing_requirement(session.suite)
    if reason is not None:
        session.candidates(chosen)
        return skipped_record(session.suite, reason, chosen)
    return judge_session(session, chosen)
