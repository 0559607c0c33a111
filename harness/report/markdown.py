"""`summary.md`: the result for a pull-request comment, in GitHub-flavoured Markdown.

GitHub takes 65,536 characters. Blocking verdicts come first; what would not fit is counted, and stands in the other files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.core.numbers import plural, texts
from harness.core.run import RunRecord, SuiteRecord
from harness.core.verdict import Verdict
from harness.report.conclusion import group_headline, group_leader, headline
from harness.report.each_step import CellWords, step_words
from harness.report.extras import ReportExtras
from harness.report.figures import FigureRow, figure_row, footprint_table
from harness.report.made_words import made_words
from harness.report.material import Material
from harness.report.measured import Cell, candidate_table
from harness.report.pareto import plots
from harness.report.standing import Standing, standing_of, word_of
from harness.report.text import one_line

LIMIT = 60_000
_ROWS = 25
_FIGURES = 60
_CELL = 160
_HEADER = "| Outcome | Candidate | Check | Segment | n | Original | Candidate | Drop (interval) | Margin | Lost / gained | Needs |"
_RULE = "|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|"
_OPEN = (Standing.SUSPECT, Standing.WARNED)
_EMPTY = "–"


def summary_text(material: Material) -> str:
    """The whole comment, shorter than `LIMIT` characters."""
    run, record, extras = material.run, material.record, material.extras
    partial = " (partial run)" if record.partial else ""
    title = f"## {material.standing.sign} {escaped(record.suite)}: {escaped(headline(record), 1500)}{partial}"
    return _fitted(
        [
            [title],
            _facts(run, record),
            _candidates(material),
            _tradeoff(material),
            _verdict_table("Blocking, suspect and unproven", material.those(lambda s: s.blocks or s in _OPEN), opened=True),
            _verdict_table("Expected failures", material.those(lambda s: s is Standing.EXPECTED), reasons=True),
            _each_step(extras),
            _warnings(record),
            _flips(extras),
            _footprints(extras),
            _figures(material),
            _made(material),
            _verdict_table("Proven within the margin", material.those(lambda s: s is Standing.PASS)),
            _environment(run, record),
        ]
    )


def escaped(text: str, limit: int = _CELL) -> str:
    """A user's string as literal text: no Markdown, no HTML, no mention, no link, no table cell comes of it."""
    flat = re.sub(
        r"[^\w\s.,;:/=%()+·–−→…-]|_", lambda found: f"&#{ord(found[0])};" if found[0].isascii() else found[0], one_line(text, limit)
    )
    return flat.replace("://", "&#58;//").replace("www.", "www&#46;")


def code(text: str, limit: int = _CELL) -> str:
    """The same, set as code."""
    return f"<code>{escaped(text, limit)}</code>" if text else _EMPTY


def _fitted(blocks: Iterable[list[str]]) -> str:
    """Blocks of lines, as many as fit; a block is taken whole or not at all."""
    taken, length, left_out = [], 0, 0
    for block in blocks:
        text = "\n".join(block)
        if not text:
            continue
        if length + len(text) + 2 > LIMIT:
            left_out += 1
            continue
        taken.append(text)
        length += len(text) + 2
    if left_out:
        taken.append(f"_{plural(left_out, 'section')} did not fit here: see `index.html` and `result.json`._")
    return "\n\n".join(taken) + "\n"


def _facts(run: RunRecord, record: SuiteRecord) -> list[str]:
    facts = [plural(len(record.verdicts), "verdict"), f"{record.seconds:,.0f} s", plural(record.model_calls, "model call")]
    partial = ["**Partial run: only a part of the suite was judged.**", ""] if record.partial else []
    about = ["About: " + escaped(record.about, 600), ""] if record.about else []
    return [*partial, *about, " · ".join(facts) + f" · run {code(run.id, 80)}, {escaped(run.started, 40)}"]


def _candidates(material: Material) -> list[str]:
    lines = ["| Candidate | Check | Result | Drop of the whole (interval) | Margin |", "|---|---|---|--:|--:|"]
    for result in material.results[:_ROWS]:
        for group in result.groups[:_ROWS]:
            whole = group.whole.comparison if group.whole else None
            found = texts(whole) if whole else None
            drop = (found.drop_with_interval if found else None) or _EMPTY
            margin = escaped(whole.margin_text or found.margin or _EMPTY) if whole and found else _EMPTY
            outcome = f"{standing_of(group_leader(group)).sign} {group_headline(group)}"
            lines.append(f"| {code(group.candidate)} | {code(group.check)} | {outcome} | {drop} | {margin} |")
    return lines if len(lines) > 2 else []


def _verdict_table(title: str, verdicts: list[Verdict], *, opened: bool = False, reasons: bool = False) -> list[str]:
    if not verdicts:
        return []
    lines = [_HEADER, _RULE, *(_row(verdict) for verdict in verdicts[:_ROWS])]
    if len(verdicts) > _ROWS:
        lines.append(f"\n… and {len(verdicts) - _ROWS:,} more, in `index.html` and `result.json`.")
    lines += [""] + [line for verdict in verdicts[:10] for line in _because(verdict, opened or reasons)]
    if opened:
        return [f"### {title}", "", *lines]
    return [f"<details><summary>{title} ({len(verdicts):,})</summary>", "", *lines, "", "</details>"]


def _row(verdict: Verdict) -> str:
    comparison = verdict.comparison
    found = texts(comparison) if comparison else None
    segment = code(verdict.segment.label) if verdict.segment else "whole"
    flips = (
        f"{comparison.lost:,} / {comparison.gained:,}"
        if comparison and comparison.lost is not None and comparison.gained is not None
        else _EMPTY
    )
    drop = (found.drop_with_interval if found else None) or _EMPTY
    cells = [
        f"{standing_of(verdict).sign} {word_of(verdict)}",
        code(verdict.candidate),
        code(verdict.check),
        segment,
        f"{comparison.n:,}" if comparison else _EMPTY,
        (found.original if found else None) or _EMPTY,
        (found.candidate if found else None) or _EMPTY,
        drop,
        escaped((comparison.margin_text if comparison else "") or (found.margin if found else None) or _EMPTY),
        flips,
        f"≈ {verdict.needs_more:,} more" if verdict.needs_more else _EMPTY,
    ]
    return f"| {' | '.join(cells)} |"


def _because(verdict: Verdict, wanted: bool) -> list[str]:
    """The reason, the figures that miss their limits, and the worst examples."""
    if not wanted:
        return []
    announced = f" Announced in the suite: {escaped(verdict.expected, 300)}" if verdict.expected is not None else ""
    lines = [f"- {code(verdict.item_name)}: {escaped(verdict.reason, 400)}{announced}"]
    lines += [f"  - {_limit(row)}" for row in (figure_row(figure) for figure in verdict.figures if figure.met is False)][:7]
    if verdict.worst_examples:
        lines.append("  - worst examples: " + ", ".join(code(example.id, 60) for example in verdict.worst_examples[:5]))
    return lines


def _limit(row: FigureRow) -> str:
    values = f"{escaped(row.original or _EMPTY)} → {escaped(row.candidate or _EMPTY)}"
    return f"{escaped(row.name)}: {values}, limit {escaped(row.limit or _EMPTY)}"


def _each_step(extras: ReportExtras) -> list[str]:
    """Outcome and drop after every step, and the first after which a row was as bad as it is in the end."""
    lines: list[str] = []
    for table in map(step_words, extras.each_step[:_ROWS]):
        lines += ["", f"{code(table.candidate)} {code(table.check)}", ""]
        lines += [f"| Segment | {' | '.join(escaped(name) for name in table.header)} |", "|---|" + "---|" * len(table.header)]
        for row in table.rows[:_ROWS]:
            segment = "the whole" if row.segment is None else code(row.segment)
            lines.append(f"| {segment} | {' | '.join(map(_step_cell, row.cells))} |")
        left_out = table.left_out + max(0, len(table.rows) - _ROWS)
        lines += [f"\n… and {left_out:,} more segments, in `result.json`."] if left_out else []
        lines += ["", *(f"- {escaped(sentence, 400)}" for sentence in table.not_run)] if table.not_run else []
    return ["<details><summary>After each step</summary>", *lines, "", "</details>"] if lines else []


def _step_cell(cell: CellWords) -> str:
    if cell.standing is None:
        return cell.word
    drop = f" {escaped(cell.drop)}" if cell.drop else ""
    return f"{cell.standing.sign} {cell.word}{drop}" + (", since here" if cell.broke else "")


def _warnings(record: SuiteRecord) -> list[str]:
    return [f"- ⚠ {escaped(warning, 400)}" for warning in record.warnings[:20]]


def _flips(extras: ReportExtras) -> list[str]:
    if not extras.flips:
        return []
    lines = ["<details><summary>Flips</summary>", "", "| Candidate | Both right | Lost | Gained | Both wrong |", "|---|--:|--:|--:|--:|"]
    lines += [f"| {code(t.candidate)} | {t.both_right:,} | {t.lost:,} | {t.gained:,} | {t.both_wrong:,} |" for t in extras.flips[:_ROWS]]
    return [*lines, "", "</details>"]


def _footprints(extras: ReportExtras) -> list[str]:
    table = footprint_table(extras)
    if table is None:
        return []
    lines = [f"| Model | {' | '.join(table.header)} |", "|---|" + "--:|" * len(table.header)]
    for model, cells in table.rows[:_ROWS]:
        shown = (f"{value or _EMPTY}" + (f" ({difference})" if difference else "") for value, difference in cells)
        lines.append(f"| {code(model)} | {' | '.join(shown)} |")
    return ["<details><summary>Footprint</summary>", "", *lines, "", "</details>"]


def _tradeoff(material: Material) -> list[str]:
    """Candidates side by side, and which of them no other beats."""
    table = candidate_table(material)
    if table is None:
        return []
    lines = [f"| Model | {' | '.join(escaped(name) for name in table.header)} |", "|---|" + "--:|" * len(table.header)]
    lines += [f"| {code(model)} | {' | '.join(map(_cell, cells))} |" for model, cells in table.rows[:_ROWS]]
    fronts = [f"- {plot.title}: {escaped(plot.sentence, 1000)}." for plot in plots(material)]
    return ["<details><summary>Size, quality and speed</summary>", "", *lines, "", *fronts, "", "</details>"]


def _cell(cell: Cell) -> str:
    return escaped((cell.value or _EMPTY) + (f" ({cell.small})" if cell.small else ""))


def _made(material: Material) -> list[str]:
    """One line per made candidate; what saved no bytes is said."""
    made = made_words(material)
    if not made:
        return []
    idle = [f"; {escaped(name)} saved no bytes" for name in (", ".join(each.idle) for each in made[:_ROWS])]
    lines = [
        f"- {code(each.candidate)} {escaped(each.told, 400)}" + (nothing if each.idle else "")
        for each, nothing in zip(made[:_ROWS], idle, strict=True)
    ]
    return ["<details><summary>How candidates were made</summary>", "", *lines, "", "</details>"]


def _figures(material: Material) -> list[str]:
    """Figures that have a limit or an interval; those that miss their limits first."""
    told = [(v, figure_row(f)) for v in material.ordered for f in v.figures if f.limit is not None or f.low is not None]
    if not told:
        return []
    lines = ["| Candidate | Check | Figure | Original | Candidate (interval) | Limit | |", "|---|---|---|--:|--:|---|---|"]
    for verdict, row in sorted(told, key=lambda pair: pair[1].met is not False)[:_FIGURES]:
        cells = [escaped(text or _EMPTY) for text in (row.name, row.original, row.candidate, row.limit, row.met_word)]
        lines.append(f"| {code(verdict.candidate)} | {code(verdict.check)} | {' | '.join(cells)} |")
    if len(told) > _FIGURES:
        lines.append(f"\n… and {len(told) - _FIGURES:,} more, in `index.html` and `result.json`.")
    return [f"<details><summary>Figures ({len(told):,})</summary>", "", *lines, "", "</details>"]


def _environment(run: RunRecord, record: SuiteRecord) -> list[str]:
    facts = [*run.environment.items(), *record.fingerprints.items()][:60]
    if not facts:
        return []
    lines = [f"| {escaped(name)} | {code(value, 80)} |" for name, value in facts]
    return ["<details><summary>Environment and fingerprints</summary>", "", "| | |", "|---|---|", *lines, "", "</details>"]
