"""`harness plan`: what the data can prove and what a run costs, before anything runs."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness import wiring
from harness.api import faults_of
from harness.cli.console import draw, plain_table, say, tell
from harness.cli.cost import Cost, cost_of
from harness.cli.ending import sentence_of
from harness.cli.finding import candidates_in, find_suites
from harness.core.numbers import percent, plural
from harness.core.suite import Suite
from harness.engine.items import Item
from harness.engine.latency_planning import provable_latency
from harness.engine.planning import not_counted, underpowered
from harness.engine.tools import Options
from harness.errors import HarnessError, system_sentence

_COLUMNS = ("check", "judged", ">examples", ">margin", ">power", ">provable", ">detectable", ">needs in all")


@dataclass(frozen=True)
class Plan:
    """What is known of one suite before it runs. `skipped` is why it cannot run here; then there is nothing else.

    `errors` are what is wrong with its files and columns; without its data there is nothing but them. `speed` says what
    margins on latency can be proved.
    """

    suite: Suite
    items: tuple[Item, ...] = ()
    cost: Cost | None = None
    skipped: str | None = None
    errors: tuple[str, ...] = ()
    speed: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """What the data and the rounds cannot prove, or can."""
        return [*underpowered(self.items), *not_counted(self.items), *self.speed]


def plan_suites(paths: Sequence[Path], candidates: Sequence[str], *, every_segment: bool, as_json: bool) -> int:
    """Print the plans; the exit status, 2 when a suite, a file of it or a column is wrong."""
    found = find_suites(paths)
    chosen = candidates_in(found.suites, candidates) if found.suites else {}
    plans = [_plan(suite, chosen[suite.name]) for suite in found.suites if suite.name in chosen]
    if as_json:
        say(json.dumps({"suites": [_document(plan) for plan in plans]}, indent=1, ensure_ascii=False))
    else:
        for plan in plans:
            _show(plan, every_segment=every_segment)
    for error in found.errors:
        tell(sentence_of(error))
    return 2 if found.errors or any(plan.errors for plan in plans) else 0


def _plan(suite: Suite, candidates: tuple[str, ...]) -> Plan:
    reason = wiring.missing_requirement(suite)
    if reason is not None:
        return Plan(suite, skipped=reason)
    project = wiring.find_project(suite.path, Path.cwd())
    session = wiring.session(suite, project, Options(gather=False))
    faults = faults_of(session, candidates)
    try:
        items, cost = session.items(candidates), cost_of(session, candidates, project.cache)
    except (HarnessError, OSError) as error:
        sentence = system_sentence(error) if isinstance(error, OSError) else str(error)
        return Plan(suite, errors=tuple(dict.fromkeys((*faults, sentence))))
    # What can be proved does not depend on the candidate: each question is shown once.
    questions = {(item.check, item.segment.label if item.segment else ""): item for item in items}
    return Plan(suite, tuple(questions.values()), cost, errors=faults, speed=tuple(provable_latency(session)))


def _show(plan: Plan, *, every_segment: bool) -> None:
    suite = plan.suite
    if plan.skipped is not None:
        say(f"suite {suite.name} SKIPPED: {plan.skipped}\n")
        return
    rows = [row for spec in suite.checks for row in _rows([item for item in plan.items if item.check == spec.name], every_segment)]
    if rows:
        draw(plain_table(_COLUMNS, rows, f"suite {suite.name}"))
    else:
        say(f"suite {suite.name}")
    for line in plan.notes:
        say(f"note: {line.partition(': ')[2]}")
    for line in _assumptions(plan.items):
        say(f"note: {line}")
    if plan.cost is not None:
        for line in plan.cost.lines():
            say(f"cost: {line}")
    for line in plan.errors:
        say(f"ERROR {line}")
    say()


def _rows(items: list[Item], every_segment: bool) -> list[tuple[str, ...]]:
    """The whole, then every segment, or one row per segmentation."""
    wholes = [item for item in items if item.segment is None]
    segments = [item for item in items if item.segment is not None]
    rows = [_row("the whole" + ("" if item.clusters is None else f", in {item.clusters:,} clusters"), [item]) for item in wholes]
    if every_segment:
        rows += [_row(item.segment.label + (" (critical)" if item.critical else ""), [item]) for item in segments if item.segment]
    else:
        groups: dict[str, list[Item]] = {}
        for item in segments:
            if item.segment is not None:
                groups.setdefault(item.segment.segmentation, []).append(item)
        rows += [_row(f"{name}: {plural(len(members), 'segment')}", members) for name, members in groups.items()]
    return rows


def _row(what: str, items: list[Item]) -> tuple[str, ...]:
    notes = [item.power for item in items if item.power is not None]
    hopeless = sum(not note.can_pass for note in notes)
    return (
        items[0].check,
        what + (f", {hopeless:,} need a gain" if hopeless and len(items) > 1 else ", needs a gain" if hopeless else ""),
        _span([item.size for item in items], "{:,}"),
        _span([note.margin for note in notes], "{:.4g}pp", 100),
        _span([note.power for note in notes], "{:.0f} %", 100),
        _span([_up(note.provable) for note in notes], "{:.1f}pp", 100),
        _span([note.detectable for note in notes], "{:.1f}pp", 100),
        _span([note.needed for note in notes], "{:,}"),
    )


def _assumptions(items: Sequence[Item]) -> list[str]:
    """What the table's numbers hold for, a line per share of flips."""
    checks: dict[float, dict[str, None]] = {}
    for item in items:
        if item.power is not None and item.power.assumed_flip_rate is not None:
            checks.setdefault(item.power.assumed_flip_rate, {})[item.check] = None
    return [
        f"{', '.join(names)}: for a candidate that loses nothing and changes {percent(rate, 0 if rate >= 0.1 else 1).replace('.0 ', ' ')} "
        "of the answers, as many to right as to wrong; a run that finds other flips names another number"
        for rate, names in checks.items()
    ]


def _span(values: Sequence[float | None], form: str, factor: int = 1) -> str:
    """`1.2pp`, `1.2pp to 3.4pp`, or a dash for what cannot be said."""
    known = [value * factor for value in values if value is not None]
    if not known:
        return "–"
    low, high = form.format(min(known)), form.format(max(known))
    return low if low == high else f"{low} to {high}"


def _up(share: float | None) -> float | None:
    """Rounded up to a tenth of a point: what is shown can be proved."""
    return None if share is None else math.ceil(share * 1_000 - 1e-9) / 1_000


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "suite": plan.suite.name,
        "path": str(plan.suite.path),
        "skipped": plan.skipped,
        "errors": list(plan.errors),
        "items": [_item(item) for item in plan.items],
        "notes": plan.notes,
        "cost": None if plan.cost is None else plan.cost.document(),
    }


def _item(item: Item) -> dict[str, Any]:
    note = item.power
    facts = {
        "margin": None,
        "power": None,
        "provable": None,
        "detectable": None,
        "needed": None,
        "can_pass": None,
        "assumed_flip_rate": None,
    }
    if note is not None:
        facts = {key: value for key, value in asdict(note).items() if key != "n"}
    return {
        "check": item.check,
        "segment": item.segment.as_mapping() if item.segment else None,
        "critical": item.critical,
        "n": item.size,
        "clusters": item.clusters,
        **facts,
        "missing": None if note is None or note.needed is None else max(note.needed - note.n, 0),
    }
