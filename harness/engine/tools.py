"""Everything outside the engine that it works with, and how a run was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.checks.check import Check
from harness.core.suite import CheckSpec, Suite
from harness.ports.baselines import Baselines
from harness.ports.benchmarks import BenchmarkLog, NoLog
from harness.ports.compress import Maker
from harness.ports.data import DataOpener
from harness.ports.model import Observer
from harness.ports.progress import Progress, Silent
from harness.ports.store import EvidenceStore
from harness.ports.timing import Timer

Edges = Mapping[str, tuple[float, ...]]
"""Frozen bin edges by segmentation."""


@dataclass(frozen=True)
class Tools:
    """Ports joined to their implementations by the wiring.

    `attempts(suite, candidate, since)` is how many different models were judged under a candidate's name since a moment.
    """

    observer: Observer
    timer: Timer
    data: DataOpener
    store: EvidenceStore
    maker: Callable[[Suite], Maker]
    baselines: Baselines
    make_check: Callable[[CheckSpec, Suite], Check]
    environment: Callable[[], Mapping[str, str]]
    attempts: Callable[[str, str, str], int]
    progress: Progress = field(default_factory=Silent)
    benchmarks: BenchmarkLog = field(default_factory=NoLog)


@dataclass(frozen=True)
class Options:
    """How a run was asked for.

    `fresh_since`: evidence finished before this moment (seconds since the epoch) is gathered again. `gather` False: only
    what is stored may be judged. `run_id` tells evidence of unversioned models of one run from that of another.
    """

    fresh_since: float | None = None
    gather: bool = True
    without_original: bool = False
    run_id: str = ""
