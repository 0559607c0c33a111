"""`input:` of a model."""

from __future__ import annotations

from harness.core.models import InputSpec
from harness.spec.context import Context
from harness.spec.shapes import InputShape
from harness.spec.tree import Entry, Leaf, Table
from harness.spec.validate import validate


def read_inputs(context: Context, entry: Entry) -> tuple[InputSpec, ...]:
    """One InputSpec per tensor; faults are noted, and what is wrong is left out."""
    table = context.table(entry.node, entry.place, "input (tensor name: column, or how it is made)")
    if table is None:
        return ()
    if not table.entries:
        context.faults.add(entry.place, "input names no tensor; write for instance input: {tokens: text}")
    made = (_input(context, tensor, found) for tensor, found in table.entries.items())
    return tuple(spec for spec in made if spec)


def _input(context: Context, tensor: str, entry: Entry) -> InputSpec | None:
    node = entry.node
    if isinstance(node, Leaf) and not node.blank:
        node = Table(node.place, {"column": Entry(node.place, node)})
    table = context.table(node, entry.place, f"input {tensor!r}")
    shape = validate(InputShape, table, entry.place, context.faults, f"input {tensor!r}") if table else None
    if table is None or shape is None or not _fits(context, tensor, shape, table, entry):
        return None
    return InputSpec(
        tensor=tensor,
        columns=(shape.column,) if shape.column else shape.columns or (),
        step=shape.with_.python if shape.with_ else None,
        tokenizer=shape.tokenizer,
        max_length=shape.max_length,
        dtype=shape.dtype,
        shape=shape.shape,
    )


def _fits(context: Context, tensor: str, shape: InputShape, table: Table, entry: Entry) -> bool:
    before = len(context.faults)
    if shape.column and shape.columns:
        context.faults.add(table.entries["columns"].place, f"input {tensor!r} has both column and columns; keep one")
    if not shape.column and not shape.columns:
        context.faults.add(entry.place, f"input {tensor!r} needs column: or columns:")
    if shape.with_ and shape.tokenizer:
        context.faults.add(table.entries["tokenizer"].place, f"input {tensor!r} has both with and tokenizer; keep one")
    if shape.tokenizer and shape.columns and len(shape.columns) > 1:
        context.faults.add(table.entries["tokenizer"].place, "a tokenizer reads one column; give each its own tensor")
    if shape.max_length and not shape.tokenizer:
        context.faults.add(table.entries["max_length"].place, "max_length belongs to a tokenizer; there is none here")
    return len(context.faults) == before
