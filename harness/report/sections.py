"""What each section of the page shows. A section is a builder here and a template of the same name; None leaves it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.core.numbers import Texts, texts
from harness.core.verdict import Verdict
from harness.report.conclusion import CandidateResult, group_headline, group_leader
from harness.report.each_step import StepWords, step_words
from harness.report.extras import ReportExtras
from harness.report.figures import FigureRow, figure_row, footprint_table
from harness.report.made_words import MadeWords, made_words
from harness.report.material import Material
from harness.report.measured import CandidateTable, candidate_table
from harness.report.pareto import Plot, plots
from harness.report.standing import CheckGroup, Standing, standing_of, word_of, worst_first
from harness.report.trend import Sparkline, sparkline

_MOST_FINDINGS = 8
_MOST_EXAMPLES = 12
_MOST_FIGURES = 30
_OPEN = (Standing.SUSPECT, Standing.WARNED)


@dataclass(frozen=True)
class Section:
    """One part of the page: `view` is what its template `section_<key>.html` sees."""

    key: str
    title: str
    view: Any


@dataclass(frozen=True)
class Finding:
    """A verdict with all its words."""

    verdict: Verdict
    standing: Standing
    word: str
    texts: Texts | None
    figures: tuple[FigureRow, ...]
    trend: Sparkline | None

    @property
    def limited(self) -> tuple[FigureRow, ...]:
        """The figures that have a limit."""
        return tuple(row for row in self.figures if row.limit is not None)


def sections(material: Material) -> list[Section]:
    """The sections that have something to show, in the order of the page."""
    views = ((key, title, build(material)) for key, title, build in _SECTIONS)
    return [Section(key, title, view) for key, title, view in views if view is not None]


def _finding(material: Material, verdict: Verdict) -> Finding:
    return Finding(
        verdict=verdict,
        standing=standing_of(verdict),
        word=word_of(verdict),
        texts=texts(verdict.comparison) if verdict.comparison else None,
        figures=tuple(figure_row(figure) for figure in sorted(verdict.figures, key=lambda figure: figure.met is not False)),
        trend=sparkline(verdict, material.trends.get(verdict.item_name, ())),
    )


@dataclass(frozen=True)
class Findings:
    """Some verdicts of one sort, and how many there are in all."""

    shown: tuple[Finding, ...]
    total: int


def _findings(material: Material, wanted: Callable[[Standing], bool], most: int = _MOST_FINDINGS) -> Findings:
    verdicts = material.those(wanted)
    return Findings(tuple(_finding(material, verdict) for verdict in verdicts[:most]), len(verdicts))


def _blocking(material: Material) -> tuple[Findings, Findings]:
    """What blocks, and what is open without blocking."""
    return _findings(material, lambda s: s.blocks), _findings(material, lambda s: s in _OPEN, 10)


def _expected(material: Material) -> tuple[tuple[Finding, int], ...] | None:
    """Per candidate and check the verdict that stands for it, and how many more stand so."""
    found = []
    for group in (group for result in material.results for group in result.groups):
        alike = [verdict for verdict in worst_first(group.verdicts) if standing_of(verdict) is Standing.EXPECTED]
        if alike:
            found.append((_finding(material, alike[0]), len(alike) - 1))
    return tuple(found) or None


@dataclass(frozen=True)
class Bar:
    """One part of a stacked bar, in per cent of its width."""

    key: str
    label: str
    x: float
    width: float


@dataclass(frozen=True)
class CheckCard:
    """One check of a candidate."""

    group: CheckGroup
    standing: Standing
    headline: str
    finding: Finding | None
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class CandidateCard:
    """One candidate."""

    result: CandidateResult
    checks: tuple[CheckCard, ...]


def _candidates(material: Material) -> tuple[CandidateCard, ...] | None:
    cards = tuple(CandidateCard(result, tuple(_check_card(material, group) for group in result.groups)) for result in material.results)
    return cards or None


def _check_card(material: Material, group: CheckGroup) -> CheckCard:
    finding = _finding(material, group.whole) if group.whole else None
    return CheckCard(group, standing_of(group_leader(group)), group_headline(group), finding, _bars(group))


def _bars(group: CheckGroup) -> tuple[Bar, ...]:
    """How the segments stand, as parts of 100 %."""
    bars, x = [], 0.0
    for standing in Standing:
        count = group.count(standing)
        if count:
            width = 100 * count / len(group.segments)
            bars.append(Bar(standing.key, f"{count:,} {standing.word.lower()}", round(x, 3), round(width, 3)))
            x += width
    return tuple(bars)


def _each_step(material: Material) -> tuple[StepWords, ...] | None:
    return tuple(step_words(table) for table in material.extras.each_step) or None


@dataclass(frozen=True)
class TradeOff:
    """Candidates side by side, and their drops against size and speed."""

    table: CandidateTable
    plots: tuple[Plot, ...]


def _tradeoff(material: Material) -> TradeOff | None:
    table = candidate_table(material)
    return None if table is None else TradeOff(table, plots(material))


def _made(material: Material) -> tuple[MadeWords, ...] | None:
    return made_words(material) or None


def _always(_: Material) -> bool:
    return True


def _plot(material: Material) -> bool | None:
    return any(verdict.comparison is not None for verdict in material.record.verdicts) or None


def _flips(material: Material) -> ReportExtras | None:
    return material.extras if material.extras.flips else None


def _footprint(material: Material) -> Any:
    return footprint_table(material.extras)


def _figures(material: Material) -> Findings | None:
    verdicts = [verdict for verdict in material.ordered if verdict.figures]
    if not verdicts:
        return None
    return Findings(tuple(_finding(material, verdict) for verdict in verdicts[:_MOST_FIGURES]), len(verdicts))


def _examples(material: Material) -> Findings | None:
    verdicts = [v for v in material.ordered if v.worst_examples and standing_of(v) not in (Standing.PASS, Standing.SKIPPED)]
    if not verdicts:
        return None
    return Findings(tuple(_finding(material, verdict) for verdict in verdicts[:_MOST_EXAMPLES]), len(verdicts))


def _trend(material: Material) -> tuple[Finding, ...] | None:
    """Every check's whole that has a history."""
    wholes = (verdict for verdict in material.ordered if verdict.segment is None)
    found = tuple(finding for finding in (_finding(material, verdict) for verdict in wholes) if finding.trend)
    return found or None


@dataclass(frozen=True)
class Method:
    """Which intervals were used, in order of how often, and what the words mean."""

    methods: tuple[tuple[str, int], ...]
    standings: tuple[Standing, ...]


def _method(material: Material) -> Method:
    counts: dict[str, int] = {}
    for verdict in material.record.verdicts:
        if verdict.comparison:
            counts[verdict.comparison.method] = counts.get(verdict.comparison.method, 0) + 1
    return Method(tuple(sorted(counts.items(), key=lambda item: -item[1])), tuple(Standing))


def _environment(material: Material) -> Material:
    return material


_SECTIONS: tuple[tuple[str, str, Callable[[Material], Any]], ...] = (
    ("candidates", "Candidates", _candidates),
    ("blocking", "What blocks", _blocking),
    ("expected", "Expected failures", _expected),
    ("each_step", "After each step", _each_step),
    ("tradeoff", "Size, quality and speed", _tradeoff),
    ("plot", "Drops against the margin", _plot),
    ("verdicts", "All verdicts", _always),
    ("flips", "Flips", _flips),
    ("figures", "Figures and limits", _figures),
    ("footprint", "Footprint", _footprint),
    ("made", "How candidates were made", _made),
    ("examples", "Worst examples", _examples),
    ("trend", "Trend", _trend),
    ("method", "How to read this", _method),
    ("environment", "Environment and fingerprints", _environment),
)
