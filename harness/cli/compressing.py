"""`harness compress`: candidates made, and what each step did to them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import wiring
from harness.cli.console import draw, near, plain_table, say, tell
from harness.cli.ending import sentence_of
from harness.cli.finding import candidates_in, find_suites
from harness.core.suite import Suite
from harness.core.units import format_bytes
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError, StoreError
from harness.ports.compress import Artefact


def list_techniques() -> int:
    """Print every technique; 0."""
    rows = []
    for kind in wiring.registers().techniques:
        about = (kind.parameters.__doc__ or "").strip().splitlines()[0]
        rows.append((kind.name, about, kind.implementation.works_on, kind.implementation.needs))
    draw(plain_table(("technique", "what it does", "works on", "needs"), rows))
    say("every parameter: docs/suite-language.md, or harness schema")
    return 0


def compress_suites(paths: Sequence[Path], names: Sequence[str], *, every_layer: bool, copy_to: Path | None, quiet: bool) -> int:
    """Make the candidates of the suites; the exit status, 2 when a suite is wrong or a candidate could not be made."""
    found = find_suites(paths)
    chosen = candidates_in(found.suites, names) if found.suites else {}
    failed, made = False, 0
    for suite in found.suites:
        reason = wiring.missing_requirement(suite)
        if reason is not None:
            tell(f"suite {suite.name} SKIPPED: {reason}")
            continue
        session = wiring.session(suite, wiring.find_project(suite.path, Path.cwd()), Options())
        for name in chosen.get(suite.name, ()):
            if suite.model(name).steps:
                made += 1
                failed |= not _make(session, suite, name, every_layer=every_layer, copy_to=copy_to, quiet=quiet)
    for error in found.errors:
        tell(sentence_of(error))
    if not made and not found.errors:
        tell("no candidate is made by compress: in these suites; a candidate given as a file has nothing to make")
    return 2 if failed or found.errors else 0


def _make(session: Session, suite: Suite, name: str, *, every_layer: bool, copy_to: Path | None, quiet: bool) -> bool:
    if not quiet:
        tell(f"{suite.name}: making {name} …")
    try:
        session.resolve(suite.model(name))
        artefact = session.artefacts[name]
        if copy_to is not None:
            _copy(artefact, copy_to / suite.name / name)
    except HarnessError as error:
        tell(f"ERROR {sentence_of(error)}")
        return False
    if not quiet:
        _show(suite, name, artefact, every_layer=every_layer)
    return True


def _copy(artefact: Artefact, folder: Path) -> None:
    try:
        shutil.copytree(artefact.folder, folder, dirs_exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror or error}; choose another place with --copy-to") from error


def _show(suite: Suite, name: str, artefact: Artefact, *, every_layer: bool) -> None:
    record: Any = artefact.record
    rows = [_row(step) for step in record["steps"]]
    draw(plain_table(("step", ">layers", ">before", ">after", ">seconds"), rows, f"{suite.name}: {name}"))
    for step in record["steps"]:
        for note in step["notes"]:
            say(f"note: {step['technique']}: {note}")
        for entry in step.get("trace", ()):
            say(f"stage {entry['stage']}: {_stage(entry)}")
        if every_layer:
            for layer in step["layers"]:
                say(f"  {layer['name']} {'×'.join(map(str, layer['shape']))}: {layer['done'] or 'left alone: ' + layer['reason']}")
    say(f"{near(artefact.folder)}\n")


def _row(step: Mapping[str, Any]) -> tuple[str, ...]:
    done = sum(bool(layer["done"]) for layer in step["layers"])
    before, after = step["bytes"]
    name = step["technique"] + (" (put in by itself)" if step["implied"] else "")
    layers = f"{done} of {len(step['layers'])}" if step["layers"] else ""
    return name, layers, format_bytes(before), format_bytes(after), f"{step['seconds']:.1f}"


def _stage(entry: Mapping[str, Any]) -> str:
    if "score" not in entry:
        return f"{entry['seconds']:.1f} s"
    drop = f"{entry['score']:.4g} on validation rows, {entry['drop']:+.4g} lost since the stage before, {entry['total_drop']:+.4g} in all"
    return drop if entry["kept"] else f"{drop}; undone: {entry['stopped']}"
