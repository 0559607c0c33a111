"""A suite file becomes a session that can judge it."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from harness.catalogue.refs import MetricRef
from harness.checks.builtin import CheckContext, make_check
from harness.checks.check import Check
from harness.core.suite import CheckSpec, Suite
from harness.data.opener import DataOpener
from harness.engine.session import Session
from harness.engine.tools import Options, Tools
from harness.errors import Fault, SuiteError, UsageError
from harness.models.observer import ModelObserver
from harness.models.timing import ModelTimer
from harness.ports.progress import Progress, Silent
from harness.report.benchmark_file import BenchmarkFolder
from harness.report.history import attempts
from harness.report.writer import HISTORY
from harness.spec import load_suite
from harness.store.baselines import FileBaselines
from harness.store.files import FileStore
from harness.wiring.environment import environment
from harness.wiring.making import SubprocessMaker
from harness.wiring.pipelines import pipeline_faults
from harness.wiring.project import Project
from harness.wiring.registers import registers


def load(path: Path) -> Suite:
    """The suite in a file; `SuiteError` with every fault in it, those of checks that make no sense included."""
    suite = load_suite(path, registers(), os.environ)
    faults = pipeline_faults(suite, registers().techniques)
    for spec in suite.checks:
        try:
            check_of(spec, suite)
        except UsageError as error:
            faults.append(Fault(*spec.place, f"checks.{spec.name}: {error}"))
    if faults:
        raise SuiteError(tuple(faults))
    return suite


def session(suite: Suite, project: Project, options: Options, progress: Progress | None = None) -> Session:
    """A session that judges `suite` and keeps what it gathers in the project's cache."""
    _keep_out_of_version_control(project.cache)
    return Session(suite, tools(project, progress), options)


def _keep_out_of_version_control(cache: Path) -> None:
    """Evidence and copies of data are not for committing; a folder that cannot be written is noticed where it matters."""
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        ignore = cache / ".gitignore"
        if not ignore.exists():
            ignore.write_text("# Written by the harness: nothing here is for committing.\n*\n", encoding="utf-8")


def tools(project: Project, progress: Progress | None = None) -> Tools:
    """Ports joined to their implementations."""
    kinds = registers()
    return Tools(
        observer=ModelObserver(kinds.models, warn=partial(warnings.warn, category=UserWarning, stacklevel=2)),
        timer=ModelTimer(kinds.models),
        data=DataOpener(kinds.sources, project.cache),
        store=FileStore(project.cache),
        maker=lambda suite: SubprocessMaker(suite, project),
        baselines=FileBaselines(project.baselines),
        make_check=check_of,
        environment=environment,
        attempts=partial(attempts, project.reports / HISTORY),
        progress=progress or Silent(),
        benchmarks=BenchmarkFolder(project.root),
    )


def check_of(spec: CheckSpec, suite: Suite) -> Check:
    """The check a suite describes."""
    kinds = registers()

    def metric(reference: MetricRef) -> Any:
        return kinds.metrics.get(reference.name).implementation(reference.parameters, suite.root)

    return make_check(spec, kinds.checks, CheckContext(metric, {other.name: other for other in suite.checks}))
