"""How candidates were made, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core.numbers import is_share, known, number, plural, quantity
from harness.report.figures import change
from harness.report.made import Made, MadeLayer, MadeStage, MadeStep, Scalar
from harness.report.material import Material
from harness.report.measured import duration, measured
from harness.report.text import one_line

_MOST_LAYERS = 400
_MOST_ROWS = 200
_MOST_COLUMNS = 10
_FACTS = {"bits": "Bits", "sparsity": "Sparsity", "rank": "Rank", "kept": "Kept", "sqnr_db": "SQNR"}
_SHARES = ("sparsity", "kept")


@dataclass(frozen=True)
class Grid:
    """A table; cells are None for what is not known. `left_out` counts the rows that were not taken."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    left_out: int = 0


@dataclass(frozen=True)
class LayerRow:
    """One layer: what was done or, when `alone`, why not, and its facts in the table's order."""

    name: str
    shape: str
    text: str
    alone: bool
    facts: tuple[str | None, ...]


@dataclass(frozen=True)
class StepWords:
    """One step of a made candidate."""

    title: str
    implied: bool
    facts: str
    nothing_saved: bool
    notes: tuple[str, ...]
    fact_names: tuple[str, ...]
    layers: tuple[LayerRow, ...]
    layers_left_out: int
    trace: Grid | None
    table: Grid | None


@dataclass(frozen=True)
class MadeWords:
    """One made candidate; `told` says in one line what became of it, `idle` names the steps that saved no bytes."""

    candidate: str
    told: str
    idle: tuple[str, ...]
    steps: tuple[StepWords, ...]


def made_words(material: Material) -> tuple[MadeWords, ...]:
    """Every made candidate, in the suite's order."""
    share = any(one.drop is not None and is_share(one.drop) for one in measured(material))
    return tuple(_words(one.made, share) for one in measured(material) if one.made is not None)


def _words(made: Made, share: bool) -> MadeWords:
    names = [one_line(step.technique, 40) for step in made.steps]
    told = " → ".join(names[:12]) + (" → …" if len(names) > 12 else "")
    source = f"from {one_line(made.source, 60)}: " if made.source else ""
    size = sizes(made.before, made.after)
    took = "" if made.seconds is None else f"made in {duration(made.seconds)}"
    idle = tuple(dict.fromkeys(one_line(step.technique, 40) for step in made.steps if saved_nothing(step)))
    return MadeWords(made.candidate, source + ", ".join(filter(None, (told, size, took))), idle, tuple(_step(s, share) for s in made.steps))


def saved_nothing(step: MadeStep) -> bool:
    """Whether a step that was asked for left the file as large as it was."""
    return not step.implied and step.before is not None and step.after is not None and step.after >= step.before > 0


def sizes(before: int | None, after: int | None) -> str:
    """`237 KB → 33.6 KB (−86 %)`."""
    if before is None or after is None:
        return quantity(after, "B") or ""
    moved = change(before, after)
    return f"{quantity(before, 'B')} → {quantity(after, 'B')}" + (f" ({moved})" if moved else "")


def _step(step: MadeStep, share: bool) -> StepWords:
    took = "" if step.seconds is None else duration(step.seconds)
    names = _fact_names(step.layers)
    shown = sorted(step.layers, key=lambda layer: not layer.done)[:_MOST_LAYERS]
    touched = sum(bool(layer.done) for layer in step.layers)
    layers = f"{touched:,} of {plural(len(step.layers), 'layer')} changed" if step.layers else ""
    return StepWords(
        title=one_line(step.technique, 60),
        implied=step.implied,
        facts=", ".join(filter(None, (sizes(step.before, step.after), took, layers))),
        nothing_saved=saved_nothing(step),
        notes=tuple(one_line(note, 400) for note in step.notes[:30]),
        fact_names=tuple(_FACTS.get(name, one_line(name.replace("_", " "), 30)) for name in names),
        layers=tuple(_layer(layer, names) for layer in shown),
        layers_left_out=len(step.layers) - len(shown),
        trace=_trace(step.trace, share) if step.trace else None,
        table=_grid(step.table) if step.table else None,
    )


def _fact_names(layers: Sequence[MadeLayer]) -> list[str]:
    """The known facts that any layer has, in their order, then others."""
    found = dict.fromkeys(name for layer in layers for name in layer.facts)
    return [*(name for name in _FACTS if name in found), *(name for name in found if name not in _FACTS)][:_MOST_COLUMNS]


def _layer(layer: MadeLayer, names: Sequence[str]) -> LayerRow:
    alone = not layer.done
    text = layer.reason if alone else ", ".join(filter(None, (layer.done, layer.reason)))
    return LayerRow(
        one_line(layer.name, 120),
        " × ".join(map(str, layer.shape[:8])) or "scalar",
        one_line(text, 300),
        alone,
        tuple(_fact(name, layer.facts.get(name)) for name in names),
    )


def _fact(name: str, value: float | None) -> str | None:
    if known(value) is None or value is None:
        return None
    if name in _SHARES:
        return quantity(value, "share")
    return f"{number(value, 1)} dB" if name == "sqnr_db" else quantity(value, "")


def _trace(stages: Sequence[MadeStage], share: bool) -> Grid:
    settings = list(dict.fromkeys(name for stage in stages for name in stage.settings))[:4]
    header = ("Stage", *(one_line(name.replace("_", " "), 30) for name in settings), "Score", "Drop", "Drop in all", "Took", "Outcome")
    rows = tuple(
        (
            str(stage.stage),
            *(_cell(stage.settings.get(name)) for name in settings),
            _score(stage.score, share),
            _drop(stage.drop, share),
            _drop(stage.total_drop, share),
            None if stage.seconds is None else duration(stage.seconds),
            "kept" if stage.kept else f"undone: {one_line(stage.stopped, 200)}",
        )
        for stage in stages
    )
    return Grid(header, rows[:_MOST_ROWS], max(0, len(rows) - _MOST_ROWS))


def _score(value: float | None, share: bool) -> str | None:
    return quantity(value, "share") if share and value is not None and 0 <= value <= 1 else quantity(value, "")


def _drop(value: float | None, share: bool) -> str | None:
    if value is None:
        return None
    return f"{number(value * 100, 2)}pp" if share else quantity(value, "")


def _grid(rows: Sequence[Mapping[str, Scalar]]) -> Grid:
    names = list(dict.fromkeys(name for row in rows for name in row))[:_MOST_COLUMNS]
    cells = tuple(tuple(_cell(row.get(name)) for name in names) for row in rows[:_MOST_ROWS])
    return Grid(tuple(one_line(name.replace("_", " "), 40) for name in names), cells, max(0, len(rows) - _MOST_ROWS))


def _cell(value: Scalar) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else one_line(value, 200)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quantity(value, "")
