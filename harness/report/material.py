"""What a report is made of: one suite's record with its run, its extras and its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import Verdict
from harness.report.conclusion import CandidateResult, candidate_results
from harness.report.extras import ReportExtras
from harness.report.history import TrendPoint
from harness.report.standing import Standing, standing_of, worst_first

Trends = Mapping[str, tuple[TrendPoint, ...]]
"""Points by item name, oldest first."""


@dataclass(frozen=True)
class Material:
    """Everything the page and the summary may look at.

    `no_trend` says why there is no history, when that is not because there are too few runs.
    """

    run: RunRecord
    record: SuiteRecord
    extras: ReportExtras = field(default_factory=ReportExtras)
    trends: Trends = field(default_factory=dict)
    no_trend: str | None = None

    @cached_property
    def ordered(self) -> tuple[Verdict, ...]:
        """All verdicts, worst first."""
        return tuple(worst_first(self.record.verdicts))

    @cached_property
    def results(self) -> tuple[CandidateResult, ...]:
        """Every candidate, in the suite's order."""
        return tuple(candidate_results(self.record))

    @cached_property
    def standing(self) -> Standing:
        """How the suite stands: as its worst verdict, PASS when nothing blocks, SKIPPED when nothing was judged."""
        standings = [standing_of(verdict) for verdict in self.ordered]
        if standings and standings[0].blocks:
            return standings[0]
        return Standing.PASS if any(standing is not Standing.SKIPPED for standing in standings) else Standing.SKIPPED

    def those(self, wanted: Callable[[Standing], bool]) -> list[Verdict]:
        """The verdicts that stand so, worst first."""
        return [verdict for verdict in self.ordered if wanted(standing_of(verdict))]
