"""`harness baseline accept | show | diff`."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness import wiring
from harness.api import accept, judge
from harness.arrays.baseline import Acceptance, Baseline
from harness.cli.console import draw, near, plain_table, say
from harness.cli.finding import candidates_in, find_suite
from harness.cli.moves import Moves, moves
from harness.cli.progress import progress_for
from harness.cli.reporting import partial_result, result_of
from harness.cli.units import Units
from harness.core.numbers import plural
from harness.core.run import SuiteRecord
from harness.core.suite import Suite
from harness.core.units import format_bytes
from harness.errors import BaselineError, UsageError
from harness.report import read_report
from harness.store.baselines import LARGEST_OUTCOMES, FileBaselines

_DIFF = ("item", ">accepted drop", ">drop now", ">change", "accepted", "now")


def accept_suite(wanted: str, candidates: Sequence[str], *, note: str, who: str | None, override: str, golden: bool) -> None:
    """Accept, and say what was written."""
    if not note.strip():
        raise UsageError("an acceptance needs a note: say with --note what changed and why it is accepted")
    suite = find_suite(wanted)
    person = who or default_person()
    done = accept(suite, note=note, who=person, candidates=candidates, override=override, golden=golden, progress=progress_for(quiet=False))
    for one in done:
        baseline = one.baseline
        repinned = ", and pinned as golden" if baseline.golden == baseline.accepted else ""
        say(f"accepted {suite.name}/{baseline.candidate} by {person}{repinned}")
        for path in one.files:
            say(f"  {near(path)} ({format_bytes(path.stat().st_size)})")
        if one.left_out:
            say(
                f"  the per-example outcomes take {format_bytes(one.outcomes_bytes)}, and at most {format_bytes(LARGEST_OUTCOMES)} "
                "are kept beside a baseline: they were left out, and neither --without-original nor drift can use this baseline; "
                "docs/ci.md says where else to keep them"
            )
    say("commit these files: they are what later runs are compared with")


def show_suite(wanted: str, candidates: Sequence[str]) -> None:
    """Who accepted what, when and why; the drops, largest first."""
    suite, found = _baselines(wanted, candidates)
    for baseline in found:
        say(f"{suite.name}/{baseline.candidate}")
        for name, acceptance in (("accepted", baseline.accepted), ("golden", baseline.golden)):
            say(f"  {name}: {_about(acceptance)}")
        data = ", ".join(f"{check} {fingerprint[:12]}" for check, fingerprint in baseline.data.items())
        say(f"  accepted {_times(len(baseline.history))}; data of {data}")
        kept = baseline.outcomes
        say("  per-example outcomes: " + (f"kept, {max(len(o.values) for o in kept.values()):,} examples" if kept else "not kept"))
        accepted = baseline.accepted
        unit = Units(suite)
        names = sorted(accepted.outcomes, key=lambda name: -accepted.drops.get(name, float("-inf")))
        rows = [
            (name, accepted.outcomes[name], unit(name, accepted.drops.get(name)), unit(name, baseline.golden.drops.get(name)))
            for name in names
        ]
        draw(plain_table(("item", "outcome", ">accepted drop", ">golden drop"), rows))
        say()


def diff_suite(wanted: str, candidates: Sequence[str], folder: Path | None, *, stored: bool) -> None:
    """What moved between the accepted baselines and now, the largest change first."""
    suite, found = _baselines(wanted, candidates)
    record, now = _now(suite, candidates, folder, stored=stored)
    for baseline in found:
        say(f"{suite.name}/{baseline.candidate}: accepted {baseline.accepted.when} by {baseline.accepted.who} → {now}")
        verdicts = {v.item_name: v for v in record.verdicts if v.candidate == baseline.candidate}
        _tell_moves(moves(baseline.accepted, verdicts, partial=record.partial), Units(suite))


def default_person() -> str:
    """Git's user.name, else the login."""
    try:
        done = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False, timeout=10)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    except (OSError, subprocess.SubprocessError):
        pass  # No git: the login is known all the same.
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise UsageError("nobody knows who accepts: there is neither a git user.name nor a login; say it with --who") from None


def _baselines(wanted: str, candidates: Sequence[str]) -> tuple[Suite, list[Baseline]]:
    suite = find_suite(wanted)
    names = candidates_in([suite], candidates)[suite.name]
    store = FileBaselines(wiring.find_project(suite.path, Path.cwd()).baselines)
    found = [baseline for name in names if (baseline := store.load(suite.name, name)) is not None]
    if not found:
        raise BaselineError(f"nothing of suite {suite.name} was accepted yet; run: harness baseline accept {suite.path} --note …")
    return suite, found


def _now(suite: Suite, candidates: Sequence[str], folder: Path | None, *, stored: bool) -> tuple[SuiteRecord, str]:
    """The latest report of the suite, or what stored evidence says."""
    path = result_of(suite.name, suite.path, folder)
    if path.is_file() and not stored:
        report = read_report(path)
        return report.record, f"run of {report.run.started}{_newer(suite, path, folder)}"
    if folder is not None:
        raise UsageError(f"there is no result of suite {suite.name} at {path}; run: harness run {suite.path} --report {folder}")
    return judge(suite, candidates=candidates), "stored evidence"


def _newer(suite: Suite, compared: Path, folder: Path | None) -> str:
    """That a run of some items came after the one that is compared, "" when none did."""
    partial = partial_result(suite.name, suite.path, folder)
    if partial == compared or not partial.is_file() or partial.stat().st_mtime <= compared.stat().st_mtime:
        return ""
    return f"; a newer run of some of its items is not compared: run the whole suite, or look at {partial}"


def _tell_moves(found: Moves, unit: Units) -> None:
    """What moved, in a table; the rest in a line."""
    if found.moved:
        rows = [
            (m.item, unit(m.item, m.before), unit(m.item, m.after), unit(m.item, m.change, sign=True), m.accepted, m.now)
            for m in found.moved
        ]
        draw(plain_table(_DIFF, rows))
    if found.still:
        say(f"  {plural(found.still, 'other item')} did not move" if found.moved else f"  nothing moved, in {plural(found.still, 'item')}")
    if found.unseen:
        say(f"  not in the latest run, which was partial: {plural(found.unseen, 'item')}")
    if not (found.moved or found.still or found.unseen):
        say("  nothing to compare: neither has a drop")
    say()


def _about(acceptance: Acceptance) -> str:
    override = f" (overridden: {acceptance.overridden})" if acceptance.overridden else ""
    return f"{acceptance.when} by {acceptance.who}: {acceptance.note or 'no note'}{override}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
