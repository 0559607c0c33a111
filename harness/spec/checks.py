"""`checks:`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from harness.catalogue import Kind
from harness.catalogue.refs import MetricRef
from harness.core.suite import CheckSpec
from harness.spec.annotations import fields_of, options
from harness.spec.context import Context
from harness.spec.defaults import Defaults
from harness.spec.faults import nearest
from harness.spec.kinds import expanded, parameter_names, parameters
from harness.spec.tree import Entry, Given, Items, Leaf, Node, Table
from harness.spec.validate import validate

QUALITY = "quality"
ROLES = ("test", "train", "validation", "calibration")
CHECK_KEYS = ("kind", "data", "per")


def read_checks(context: Context, top: Table, defaults: Defaults) -> tuple[CheckSpec, ...]:
    """The checks in order; faults are noted, and what is wrong is left out."""
    table = check_table(context, top)
    specs = (_Reader(context, name, entry, top, defaults).read() for name, entry in table.entries.items())
    return tuple(spec for spec in specs if spec)


def check_table(context: Context, top: Table) -> Table:
    """The checks as written, by name."""
    entry = top.entries.get("checks")
    table = context.table(entry.node, entry.place, "checks (name: what must hold)") if entry else None
    if entry is None or table is None:
        return Table(top.place, {})
    if not table.entries:
        context.faults.add(entry.place, "there is no check; a suite without one judges nothing")
    return context.named(table, "check")


@dataclass(frozen=True)
class _Reader:
    """Reads one check."""

    context: Context
    name: str
    entry: Entry
    top: Table
    defaults: Defaults

    @property
    def _what(self) -> str:
        return f"check {self.name!r}"

    def read(self) -> CheckSpec | None:
        kind = self._kind()
        if kind is None:
            return None
        table = expanded(self.context, kind, self.entry, self._what)
        if table is None:
            return None
        before = len(self.context.faults)
        data = self._data(table)
        table = self.defaults.applied_to(kind, self._with_segments(kind, table))
        self._known_segments(table, data)
        table = self._with_metric(kind, table.without(*CHECK_KEYS))
        values = validate(kind.parameters, table, self.entry.place, self.context.faults, self._what, CHECK_KEYS)
        if values is None or data is None or len(self.context.faults) > before:
            return None
        place = self.entry.place
        return CheckSpec(self.name, kind.name, values, data, (place.path, place.line, place.column))

    def _kind(self) -> Kind[Any] | None:
        """By `kind:`, by the presence of `metric:`, or by the check's name."""
        checks = self.context.registers.checks
        table = self.entry.node if isinstance(self.entry.node, Table) else Table(self.entry.place, {})
        name, place = self.name, self.entry.place
        if "kind" in table:
            node = table.entries["kind"].node
            name, place = (node.text if isinstance(node, Leaf) else ""), node.place
        elif "metric" in table and not self._names_a_kind_with_metric():
            name = QUALITY
        if name in checks:
            return checks.get(name)
        if "kind" in table:
            self.context.faults.add(place, checks.unknown(name))
        else:
            self._nameless(table)
        return None

    def _names_a_kind_with_metric(self) -> bool:
        checks = self.context.registers.checks
        return self.name in checks and "metric" in parameter_names(checks.get(self.name))

    def _nameless(self, table: Table) -> None:
        """The check is no kind by its name, and says neither `metric:` nor `kind:`."""
        registers = self.context.registers
        for key, entry in table.entries.items():
            if meant := difflib.get_close_matches(key, ("metric", "kind"), n=1, cutoff=0.7):
                self.context.faults.add(entry.place, f"unknown key {key!r} in {self._what}; did you mean {meant[0]!r}?")
                return
        if self.name in registers.metrics:
            self.context.faults.add(self.entry.place, f"{self._what} has no metric; add metric: {self.name}")
            return
        near = nearest(self.name, registers.checks.names())
        self.context.faults.add(self.entry.place, f"{self._what} says neither metric: nor kind:, and its name is no kind of check; {near}")

    def _data(self, table: Table) -> str | None:
        """The data set it reads; None, with a fault, when that cannot be told."""
        if "data" in table:
            node = table.entries["data"].node
            written = _names(self.top.get("data"))
            if isinstance(node, Leaf) and node.text in written:
                return node.text
            named = node.text if isinstance(node, Leaf) else ""
            self.context.faults.add(node.place, f"there is no data set {named!r}; {nearest(named, written)}")
            return None
        tests = [name for name in _names(self.top.get("data")) if self._role(name) == "test"]
        if len(tests) == 1:
            return tests[0]
        if len(tests) > 1:
            self.context.faults.add(self.entry.place, f"{self._what} could read {' or '.join(tests)}; say which with data:")
        elif _names(self.top.get("data")):
            self.context.faults.add(self.entry.place, f"no data set has the role test; say which one {self._what} reads with data:")
        return None

    def _role(self, data: str) -> str:
        """The role as written, so that another fault in a data set does not make a second one here."""
        sets = self.top.get("data")
        spec = sets.get(data) if isinstance(sets, Table) else None
        role = spec.get("role") if isinstance(spec, Table) else None
        return role.text if isinstance(role, Leaf) and role.text in ROLES else "test"

    def _with_segments(self, kind: Kind[Any], table: Table) -> Table:
        """`per: [a, b]` written out, and `language:` with nothing behind it as no special rules."""
        if "per" in table and "segments" not in parameter_names(kind):
            self.context.faults.add(table.entries["per"].place, f"a {kind.name} check is not made per segment")
            return table.without("segments")
        segments = table.entries.get("segments")
        rules = dict(segments.node.entries) if segments and isinstance(segments.node, Table) else {}
        if "per" in table:
            if segments and not isinstance(segments.node, Table):
                return table
            for leaf in self._per(table.entries["per"]):
                rules.setdefault(leaf.text, Entry(leaf.place, Table(leaf.place, {})))
        if not rules:
            return table
        rules = {name: Entry(entry.place, _no_rules(entry)) for name, entry in rules.items()}
        place = segments.place if segments else table.entries["per"].place
        return table.with_entry("segments", Entry(place, Table(place, rules)))

    def _per(self, entry: Entry) -> tuple[Leaf, ...]:
        items = entry.node.items if isinstance(entry.node, Items) else (entry.node,)
        found: dict[str, Leaf] = {}
        for item in items:
            if not isinstance(item, Leaf) or item.blank:
                self.context.faults.add(item.place, "per is a list of segmentations, such as [language, length]")
            elif item.text in found:
                self.context.faults.add(item.place, f"{item.text!r} is there twice")
            else:
                found[item.text] = item
        return tuple(found.values())

    def _known_segments(self, table: Table, data: str | None) -> None:
        node = table.get("segments")
        if data is None or not isinstance(node, Table):
            return
        declared = self.top.get("data")
        spec = declared.get(data) if isinstance(declared, Table) else None
        known = _names(spec.get("segments")) if isinstance(spec, Table) else ()
        for name, entry in node.entries.items():
            if name not in known:
                self.context.faults.add(entry.place, f"data {data!r} has no segmentation {name!r}; {nearest(name, known)}")

    def _with_metric(self, kind: Kind[Any], table: Table) -> Table:
        """`metric:` replaced by the typed reference that the kind's parameters hold."""
        field = fields_of(kind.parameters).get("metric")
        if field is None or "metric" not in table:
            return table
        if not any(option.type is MetricRef for option in options(field.annotation)):
            return table
        entry = table.entries["metric"]
        reference = read_metric(self.context, entry)
        given = Given(entry.place, reference or MetricRef("", None))
        return table.with_entry("metric", Entry(entry.place, given))


def read_metric(context: Context, entry: Entry) -> MetricRef | None:
    """`metric: f1` or `metric: {f1: {average: macro}}`; None with faults noted."""
    metrics = context.registers.metrics
    node = entry.node
    if isinstance(node, Leaf) and not node.blank:
        name, written = node.text, Entry(node.place, Table(node.place, {}))
    elif isinstance(node, Table) and len(node.entries) == 1:
        name, written = next(iter(node.entries.items()))
    else:
        context.faults.add(entry.place, "metric is a name, or one name with its parameters, such as {f1: {average: macro}}")
        return None
    if name not in metrics:
        context.faults.add(written.place, metrics.unknown(name))
        return None
    values = parameters(context, metrics.get(name), written, f"metric {name!r}")
    return None if values is None else MetricRef(name, values)


def _names(node: Node | None) -> tuple[str, ...]:
    return tuple(node.entries) if isinstance(node, Table) else ()


def _no_rules(entry: Entry) -> Node:
    node = entry.node
    return Table(entry.place, {}) if isinstance(node, Leaf) and node.blank and node.plain else node
