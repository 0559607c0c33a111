"""A suite file → a Suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.core.suite import Suite
from harness.spec.checks import check_table, read_checks
from harness.spec.context import Context
from harness.spec.data import DATA_KEYS, SOURCE, read_data
from harness.spec.defaults import Defaults
from harness.spec.faults import Faults, unknown_key
from harness.spec.files import gather
from harness.spec.measurable import refuse_unmeasurable
from harness.spec.merge import Exclusive
from harness.spec.models import CANDIDATE_KEYS, COMMON_KEYS, COMPRESS, read_models
from harness.spec.registers import Registers
from harness.spec.segments import WAYS
from harness.spec.shapes import HeadShape
from harness.spec.tree import Place, Table
from harness.spec.validate import validate

HEAD_KEYS = ("schema", "suite", "about", "report", "requires")
PARTS = ("original", "candidates", "data", "checks")
TOP_KEYS = (*HEAD_KEYS, *PARTS, "defaults", "extends")


def load_suite(path: Path, registers: Registers, environ: Mapping[str, str]) -> Suite:
    """The suite in the file at `path`; `SuiteError` with every fault in it, each at its line and column.

    Paths inside the suite stay as written, relative to its folder (`Suite.root`); only files of labels are read.
    """
    faults = Faults()
    table = gather(path, environ, exclusive_keys(registers), faults)
    suite = _read(Context(registers, faults, path.parent), table, path) if table else None
    faults.raise_if_any()
    assert suite is not None, "a suite without faults can be made"
    return suite


def _read(context: Context, table: Table, path: Path) -> Suite | None:
    start = Place(str(path), 1, 1)
    for key, entry in table.entries.items():
        if key not in TOP_KEYS:
            context.faults.add(entry.place, unknown_key(key, TOP_KEYS, "the suite"))
    head = validate(HeadShape, table.only(*HEAD_KEYS), start, context.faults, "the suite")
    for part in PARTS:
        if part not in table:
            context.faults.add(start, f"the suite needs the key {part!r}")
    defaults = Defaults(context, table)
    table = defaults.spread(table)
    data = read_data(context, table)
    checks = read_checks(context, table, defaults)
    original, candidates = read_models(context, table, check_table(context, table).entries)
    if head is None or original is None:
        return None
    refuse_unmeasurable(context, check_table(context, table), checks, original, candidates)
    return Suite(
        name=head.suite,
        path=path,
        original=original,
        candidates=candidates,
        data=data,
        checks=checks,
        about=head.about,
        report_examples=head.report.examples,
        requires=head.requires,
    )


def exclusive_keys(registers: Registers) -> Exclusive:
    """Where one key of a group replaces the others when a suite extends another."""
    models = frozenset((*registers.models.names(), COMPRESS))
    sources = frozenset((*registers.sources.names(), SOURCE))
    none: frozenset[str] = frozenset()

    def exclusive(path: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
        match path:
            case ("original",):
                return models, frozenset(COMMON_KEYS)
            case ("candidates", _):
                return models, frozenset(CANDIDATE_KEYS) - {COMPRESS, "from", "judge"}
            case ("data", _):
                return sources, frozenset(DATA_KEYS)
            case ("data", _, "source"):
                return sources, none
            case ("data", _, "segments", _):
                return frozenset(WAYS), frozenset({"min_examples", "otherwise"})
            case ("checks", _, "metric"):
                return frozenset(registers.metrics.names()), none
        return none, none

    return exclusive
