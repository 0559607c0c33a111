"""Every verdict as a compact row for the page's own script: repeated words are kept once and referred to by index."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.core.numbers import known, scaled, texts
from harness.core.verdict import Verdict
from harness.report.figures import FigureRow, figure_row
from harness.report.standing import Standing, standing_of, word_of
from harness.report.text import one_line

EXAMPLES_PER_ROW = 5


class Words:
    """Distinct strings in order of first use."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, word: str) -> int:
        """Its index, the same each time."""
        return self.index.setdefault(word, len(self.index))

    def listed(self) -> list[str]:
        """The words by index."""
        return list(self.index)


def page_data(ordered: Iterable[Verdict]) -> dict[str, Any]:
    """What the page's script reads: one row per verdict, in the order given, which is the table's own."""
    words = {name: Words() for name in ("candidate", "check", "segmentation", "metric", "method")}
    rows = [_row(verdict, words) for verdict in ordered]
    return {
        "standings": [{"key": s.key, "sign": s.sign, "word": s.word, "meaning": s.meaning, "blocks": s.blocks} for s in Standing],
        "words": {name: found.listed() for name, found in words.items()},
        "rows": rows,
    }


def _row(verdict: Verdict, words: dict[str, Words]) -> dict[str, Any]:
    """Keys are short because ten thousand rows repeat them; absent means missing."""
    segment = verdict.segment
    row: dict[str, Any] = {
        "s": standing_of(verdict).rank,
        "w": word_of(verdict),
        "c": words["candidate"](verdict.candidate),
        "k": words["check"](verdict.check),
        "g": None if segment is None else words["segmentation"](segment.segmentation),
        "l": None if segment is None else one_line(segment.label, 300),
        "why": one_line(verdict.reason, 600),
        "more": verdict.needs_more,
        "if": verdict.premise if verdict.needs_more else None,
        "expected": None if verdict.expected is None else one_line(verdict.expected, 400),
        "critical": verdict.critical or None,
        "warnings": [one_line(w, 300) for w in verdict.warnings[:5]] or None,
        "worst": [one_line(example.id, 80) for example in verdict.worst_examples[:EXAMPLES_PER_ROW]] or None,
        "figures": [_figure(row) for row in map(figure_row, verdict.figures[:20])] or None,
        **_numbers(verdict, words),
    }
    return {key: value for key, value in row.items() if value is not None}


def _figure(row: FigureRow) -> list[str]:
    limit = (
        ""
        if row.limit is None
        else f"limit {one_line(row.limit, 60)}" + {True: ", met", False: ", not met", None: ", not measured"}[row.met]
    )
    return [one_line(row.name, 80), row.original or "–", row.candidate or "–", limit]


def _numbers(verdict: Verdict, words: dict[str, Words]) -> dict[str, Any]:
    comparison = verdict.comparison
    if comparison is None:
        return {}
    found = texts(comparison)
    drop = scaled(comparison, found.unit.factor)
    return {
        "n": comparison.n,
        "o": known(comparison.original.value),
        "a": known(comparison.candidate.value),
        "d": [None if v is None else round(v, 6) for v in drop],
        "to": found.original,
        "ta": found.candidate,
        "td": found.drop,
        "ti": found.interval,
        "tm": None if found.margin is None else one_line(comparison.margin_text, 40) or found.margin,
        "u": found.unit.suffix,
        "lost": comparison.lost,
        "gained": comparison.gained,
        "metric": words["metric"](comparison.metric),
        "method": words["method"](f"{comparison.method}; interval level {found.level}"),
        "p": _p_values(verdict),
        "notes": [one_line(note, 300) for note in comparison.notes[:5]] or None,
    }


def _p_values(verdict: Verdict) -> str | None:
    comparison = verdict.comparison
    assert comparison is not None
    named = (
        ("p of harm beyond the whole's", comparison.p_harm),
        ("McNemar exact p", comparison.mcnemar_exact),
        ("McNemar mid-p", comparison.mcnemar_mid),
        ("smallest detectable drop", comparison.smallest_detectable),
    )
    return "; ".join(f"{name} {value:.3g}" for name, value in named if value is not None) or None
