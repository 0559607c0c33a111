"""`segments:` of a data set."""

from __future__ import annotations

import itertools

from harness.core.predicate import PredicateError, parse
from harness.core.segment import ByBins, ByColumn, ByPredicate, ByProduct, Rule, SegmentationSpec
from harness.spec.context import Context
from harness.spec.defaults import long_form
from harness.spec.faults import nearest
from harness.spec.shapes import SegmentationShape
from harness.spec.tree import Entry, Items, Leaf, Node, Table
from harness.spec.validate import validate

WAYS = ("column", "where", "of")


def read_segments(context: Context, entry: Entry, data: str) -> tuple[SegmentationSpec, ...]:
    """The segmentations in order; faults are noted, and what is wrong is left out."""
    table = context.table(entry.node, entry.place, f"segments of data {data!r} (name: column, or a rule)")
    if table is None:
        return ()
    long = {name: Entry(found.place, long_form(found)) for name, found in table.entries.items()}
    named = context.named(Table(table.place, long), "segmentation")
    specs = tuple(spec for name, found in named.entries.items() if (spec := _Reader(context, name, found).read()))
    _check_products(context, named)
    return specs


class _Reader:
    """Reads one segmentation in its long form."""

    def __init__(self, context: Context, name: str, entry: Entry) -> None:
        self._context = context
        self._name = name
        self._entry = entry
        self._what = f"segmentation {name!r}"

    def read(self) -> SegmentationSpec | None:
        table = self._context.table(self._entry.node, self._entry.place, self._what)
        shape = validate(SegmentationShape, table, self._entry.place, self._context.faults, self._what) if table else None
        if table is None or shape is None:
            return None
        before = len(self._context.faults)
        rule = self._rule(shape, table)
        if rule is None or len(self._context.faults) > before:
            return None
        return SegmentationSpec(self._name, rule, shape.min_examples, shape.otherwise)

    def _rule(self, shape: SegmentationShape, table: Table) -> Rule | None:
        ways = [key for key in WAYS if key in table]
        if not ways:
            self._fault(None, table, f"{self._what} needs column:, where: or of:")
            return None
        if len(ways) > 1:
            self._fault(ways[1], table, f"{self._what} has both {ways[0]} and {ways[1]}; keep one")
            return None
        if ways == ["column"]:
            return self._by_column(shape, table)
        for key in ("by", "edges", "quantiles", "tokenizer"):
            if key in table:
                self._fault(key, table, f"{key} belongs to column:, not to {ways[0]}:")
        if shape.where is not None:
            return self._predicate(shape.where, table.entries["where"].node)
        return ByProduct(shape.of or ())

    def _by_column(self, shape: SegmentationShape, table: Table) -> Rule | None:
        column = shape.column or ""
        if shape.edges and shape.quantiles:
            self._fault("quantiles", table, f"{self._what} has both edges and quantiles; keep one")
        if shape.by and not shape.edges and not shape.quantiles:
            self._fault("by", table, f"by: {shape.by} makes a length, which needs edges: or quantiles: to cut it into bins")
        if shape.by == "tokens" and not shape.tokenizer:
            self._fault("by", table, "by: tokens needs tokenizer: a tokenizer.json to count with")
        if shape.tokenizer and shape.by != "tokens":
            self._fault("tokenizer", table, "tokenizer belongs to by: tokens")
        if shape.edges:
            self._ascending(shape.edges, table)
        if not shape.edges and not shape.quantiles:
            return ByColumn(column)
        return ByBins(column, shape.edges, shape.quantiles, shape.by, shape.tokenizer)

    def _ascending(self, edges: tuple[float, ...], table: Table) -> None:
        node = table.entries["edges"].node
        for index, (low, high) in enumerate(itertools.pairwise(edges)):
            if high <= low and isinstance(node, Items):
                self._context.faults.add(node.items[index + 1].place, f"edges must ascend, and {high:g} does not lie above {low:g}")

    def _predicate(self, text: str, node: Node) -> ByPredicate | None:
        try:
            parse(text)
        except PredicateError as error:
            place = node.at(error.offset) if isinstance(node, Leaf) else node.place
            self._context.faults.add(place, f"where: {error}")
            return None
        return ByPredicate(text)

    def _fault(self, key: str | None, table: Table, message: str) -> None:
        self._context.faults.add(table.entries[key].place if key else self._entry.place, message)


def _check_products(context: Context, table: Table) -> None:
    """Whether every product is made of other segmentations that are none themselves."""
    products = {name: found for name, entry in table.entries.items() if isinstance(entry.node, Table) and (found := _factors(entry.node))}
    for name, factors in products.items():
        seen: set[str] = set()
        for factor in factors:
            if factor.text not in table:
                others = [other for other in table.entries if other not in products]
                context.faults.add(factor.place, f"there is no segmentation {factor.text!r} here; {nearest(factor.text, others)}")
            elif factor.text in products:
                itself = "itself" if factor.text == name else "another product"
                context.faults.add(factor.place, f"product {name!r} is made of {itself}; name the columns' segmentations")
            elif factor.text in seen:
                context.faults.add(factor.place, f"{factor.text!r} is there twice")
            seen.add(factor.text)


def _factors(table: Table) -> tuple[Leaf, ...]:
    node = table.get("of")
    return tuple(item for item in node.items if isinstance(item, Leaf)) if isinstance(node, Items) else ()
