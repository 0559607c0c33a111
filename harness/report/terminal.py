"""The terminal's pieces of a report, as text: a short block per failure, one table per suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.numbers import Texts, texts
from harness.core.run import SuiteRecord
from harness.core.verdict import Verdict
from harness.report.conclusion import group_headline, group_leader, headline
from harness.report.figures import figure_row
from harness.report.standing import CheckGroup, Standing, check_groups, standing_of, word_of
from harness.report.text import one_line

# rich is imported inside the two functions that draw tables: collecting tests needs the rest of this module only.
if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["failure_block", "headline", "suite_table", "suite_text"]

_EXAMPLES = 5
_COLOURS = {
    Standing.PASS: "green",
    Standing.SKIPPED: "dim",
    Standing.EXPECTED: "blue",
    Standing.SUSPECT: "yellow",
    Standing.WARNED: "yellow",
}


def failure_block(verdict: Verdict) -> str:
    """What a person needs to act on a verdict, in at most a dozen short lines."""
    lines = [f"{word_of(verdict)} {one_line(verdict.item_name)}", f"  {one_line(verdict.reason, 500)}"]
    if verdict.comparison is not None:
        lines += _comparison_lines(verdict, texts(verdict.comparison))
    lines += [f"  {line}" for line in _figure_lines(verdict)]
    if verdict.needs_more:
        lines.append(f"  needs about {verdict.needs_more:,} more examples, {verdict.premise}")
    if verdict.expected is not None:
        lines.append(f"  announced in the suite: {one_line(verdict.expected)}")
    if verdict.worst_examples:
        ids = [one_line(example.id, 60) for example in verdict.worst_examples]
        more = f" and {len(ids) - _EXAMPLES} more" if len(ids) > _EXAMPLES else ""
        lines.append(f"  worst examples: {', '.join(ids[:_EXAMPLES])}{more}")
    lines += [f"  warning: {one_line(warning)}" for warning in verdict.warnings[:3]]
    return "\n".join(lines)


def _comparison_lines(verdict: Verdict, found: Texts) -> list[str]:
    comparison = verdict.comparison
    assert comparison is not None
    rows = [
        ("original", found.original, found.original_interval),
        ("candidate", found.candidate, found.candidate_interval),
        ("drop", None if found.drop is None else found.drop + found.unit.suffix, found.interval),
    ]
    width = max((len(value) for _, value, _ in rows if value), default=0)
    lines = []
    for name, value, interval in rows:
        tail = f" ({found.level} interval {interval})" if interval else ""
        lines.append(f"  {name:<9}  {value or 'not estimable':>{width}}{tail}")
    if found.margin is not None:
        lines[-1] += f", margin {comparison.margin_text or found.margin}"
    flips = ""
    if comparison.gained is not None and comparison.lost is not None:
        flips = f", {comparison.gained + comparison.lost:,} flips: {comparison.lost:,} lost, {comparison.gained:,} gained"
    return [*lines, f"  n = {comparison.n:,}{flips}"]


def _figure_lines(verdict: Verdict) -> list[str]:
    lines = []
    for figure in sorted(verdict.figures, key=lambda figure: figure.met is not False):
        if figure.limit is None:
            continue
        row = figure_row(figure)
        lines.append(
            f"{one_line(row.name)}: {row.original or '–'} → {row.candidate or '–'}, limit {one_line(figure.limit)}: {row.met_word}"
        )
    return lines[:6]


def suite_table(record: SuiteRecord) -> Table:
    """One row per candidate and check; a `rich` renderable."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    title = f"{one_line(record.suite)}: {headline(record)}" + (" (partial run)" if record.partial else "")
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("candidate", "check", "outcome", "original → candidate", "drop (interval)", "margin", "worst segment"):
        table.add_column(name, overflow="fold")
    for group in check_groups(record.verdicts):
        leading = group_leader(group)
        style = _COLOURS.get(standing_of(leading), "bold red")
        outcome = Text(f"{_sign(leading)} {group_headline(group)}", style=style)
        table.add_row(Text(one_line(group.candidate)), Text(one_line(group.check)), outcome, *(Text(cell) for cell in _cells(group)))
    return table


def suite_text(record: SuiteRecord, width: int = 120, colour: bool = False) -> str:
    """`suite_table` drawn as text `width` columns wide."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(width=width, force_terminal=colour, color_system="standard" if colour else None, legacy_windows=False)
    with console.capture() as captured:
        console.print(suite_table(record))
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n")


def _sign(verdict: Verdict) -> str:
    return standing_of(verdict).sign


def _cells(group: CheckGroup) -> tuple[str, str, str, str]:
    """Values, drop and margin of the whole, and the segment that stands worst."""
    comparison = group.whole.comparison if group.whole else None
    segment = _worst_segment(group)
    if comparison is None:
        return _limits(group), "–", "–", segment
    found = texts(comparison)
    values = f"{found.original or '–'} → {found.candidate or '–'}"
    return values, found.drop_with_interval or "–", comparison.margin_text or found.margin or "–", segment


def _limits(group: CheckGroup) -> str:
    """How many limits of a check with figures are met."""
    limited = [figure for verdict in group.verdicts for figure in verdict.figures if figure.limit is not None]
    return f"{sum(figure.met is True for figure in limited)} of {len(limited)} limits met" if limited else "–"


def _worst_segment(group: CheckGroup) -> str:
    if not group.segments:
        return "–"
    verdict = group.segments[0]
    label = one_line(verdict.segment.label, 60) if verdict.segment else ""
    if verdict.comparison is None:
        return f"{label} {word_of(verdict)}"
    found = texts(verdict.comparison)
    drop = "" if found.drop is None else f" {found.drop}" + (f" ({found.interval})" if found.interval else "")
    return f"{label}{drop} {word_of(verdict)}"
