"""`original:` and `candidates:`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from harness.catalogue import Kind
from harness.core.models import Expectation, InputSpec, ModelSpec, OutputSpec, Step
from harness.spec.context import Context
from harness.spec.expectations import read_expectations
from harness.spec.faults import nearest, unknown_key
from harness.spec.inputs import read_inputs
from harness.spec.kinds import parameter_names, parameters
from harness.spec.outputs import read_output
from harness.spec.pipeline import read_steps
from harness.spec.shapes import ModelShape
from harness.spec.tree import Entry, Leaf, Place, Table, describe
from harness.spec.validate import validate

ORIGINAL = "original"
COMPRESS = "compress"
COMMON_KEYS = ("input", "output", "timeout", "batch_size")
CANDIDATE_KEYS = (*COMMON_KEYS, COMPRESS, "from", "judge", "expect")

Judge = Literal["end", "each_step"]


@dataclass(frozen=True)
class _Draft:
    """One model as written, before it inherits anything. `source` is the model it is made from."""

    name: str
    owner: Place
    kind: str
    parameters: object
    steps: tuple[Step, ...]
    source: str
    source_place: Place
    inputs: tuple[InputSpec, ...] | None
    output: OutputSpec | None
    timeout: float | None
    batch_size: int | None
    expect: dict[str, Expectation]
    judge: Judge


def read_models(context: Context, top: Table, checks: Iterable[str]) -> tuple[ModelSpec | None, tuple[ModelSpec, ...]]:
    """The original (None, with faults noted, when it is wrong) and the candidates, each complete with what it inherits."""
    drafts: dict[str, _Draft] = {}
    if ORIGINAL in top and (draft := _Reader(context, ORIGINAL, top.entries[ORIGINAL], ()).read()):
        drafts[ORIGINAL] = draft
    names = (ORIGINAL, *_candidate_names(top))
    for name, entry in _candidates(context, top).entries.items():
        if draft := _Reader(context, name, entry, tuple(checks)).read():
            drafts[name] = draft
    models = {name: _complete(context, drafts, draft, names) for name, draft in drafts.items()}
    return models.get(ORIGINAL), tuple(model for name, model in models.items() if model and name != ORIGINAL)


def _candidates(context: Context, top: Table) -> Table:
    entry = top.entries.get("candidates")
    if entry is None:
        return Table(top.place, {})
    table = context.table(entry.node, entry.place, "candidates (name: model)")
    if table is None:
        return Table(entry.place, {})
    if not table.entries:
        context.faults.add(entry.place, "there is no candidate; a suite compares at least one with the original")
    if ORIGINAL in table:
        context.faults.add(table.entries[ORIGINAL].place, "a candidate cannot be called 'original'; that is the name of the original")
    return context.named(table.without(ORIGINAL), "candidate")


def _candidate_names(top: Table) -> tuple[str, ...]:
    node = top.get("candidates")
    return tuple(node.entries) if isinstance(node, Table) else ()


@dataclass(frozen=True)
class _Reader:
    """Reads one model."""

    context: Context
    name: str
    entry: Entry
    checks: tuple[str, ...]

    @property
    def _what(self) -> str:
        return "the original" if self.name == ORIGINAL else f"candidate {self.name!r}"

    @property
    def _own_keys(self) -> tuple[str, ...]:
        return COMMON_KEYS if self.name == ORIGINAL else CANDIDATE_KEYS

    def read(self) -> _Draft | None:
        table = self.context.table(self.entry.node, self.entry.place, self._what)
        if table is None:
            return None
        before = len(self.context.faults)
        kind = self._kind(table)
        values = self._values(kind, table) if kind else None
        steps = read_steps(self.context, table.entries[COMPRESS]) if kind == COMPRESS else ()
        shape = validate(ModelShape, table.only("timeout", "batch_size"), self.entry.place, self.context.faults, self._what)
        if shape and shape.timeout is not None and shape.timeout <= 0:
            self.context.faults.add(table.entries["timeout"].node.place, "timeout: expected more than no time at all")
        inputs = read_inputs(self.context, table.entries["input"]) if "input" in table else None
        output = read_output(self.context, table.entries["output"], model_runs="input" in table) if "output" in table else None
        if self.name == ORIGINAL and "input" in table and "output" not in table:
            self.context.faults.add(self.entry.place, "the original has input: but no output:, which says what its answers mean")
        expect = read_expectations(self.context, table.entries["expect"], self.checks) if "expect" in table and self.checks else {}
        source, source_place = self._source(table)
        judge = self._judge(table)
        if len(self.context.faults) > before or kind is None or shape is None:
            return None
        timeout, batch_size = shape.timeout, shape.batch_size
        return _Draft(
            self.name, self.entry.place, kind, values, steps, source, source_place, inputs, output, timeout, batch_size, expect, judge
        )

    def _kind(self, table: Table) -> str | None:
        """The one kind key, None with a fault when there are none or several."""
        known = (*self.context.registers.models.names(), COMPRESS)
        found = [key for key in table.entries if key in known]
        if len(found) > 1:
            first, second, *_ = found
            self.context.faults.add(table.entries[second].place, f"{self._what} is both {first} and {second}; a model is one of them")
            return None
        if found == [COMPRESS] and self.name == ORIGINAL:
            self.context.faults.add(table.entries[COMPRESS].place, "the original is given, not made; compress: belongs to a candidate")
            return None
        if found:
            return found[0]
        allowed = known[:-1] if self.name == ORIGINAL else known
        strange = [key for key in table.entries if key not in self._own_keys]
        for key in strange:
            self.context.faults.add(table.entries[key].place, unknown_key(key, (*allowed, *self._own_keys), self._what))
        if not strange:
            self.context.faults.add(self.entry.place, f"{self._what} names no model; give it one of: {', '.join(allowed)}")
        return None

    def _values(self, kind: str, table: Table) -> object:
        own = set(self._own_keys)
        if kind == COMPRESS:
            for key in table.entries.keys() - own:
                self.context.faults.add(table.entries[key].place, unknown_key(key, CANDIDATE_KEYS, self._what))
            return None
        registered: Kind[Any] = self.context.registers.models.get(kind)
        beside = table.without(kind, *own)
        if self.name == ORIGINAL and "expect" in beside and "expect" not in parameter_names(registered):
            self.context.faults.add(
                beside.entries["expect"].place, "expect: belongs to a candidate; the original is what it is measured by"
            )
            beside = beside.without("expect")
        return parameters(self.context, registered, table.entries[kind], self._what, beside, (*own, kind))

    def _source(self, table: Table) -> tuple[str, Place]:
        entry = table.entries.get("from") if self.name != ORIGINAL else None
        if entry is None:
            return ORIGINAL, self.entry.place
        if COMPRESS not in table:
            self.context.faults.add(entry.place, "from: says what compress: starts from; this candidate is given, not made")
        if not isinstance(entry.node, Leaf) or entry.node.blank:
            self.context.faults.add(entry.place, "from: names a candidate, or original")
            return ORIGINAL, entry.place
        return entry.node.text, entry.node.place

    def _judge(self, table: Table) -> Judge:
        entry = table.entries.get("judge") if self.name != ORIGINAL else None
        if entry is None:
            return "end"
        if COMPRESS not in table:
            self.context.faults.add(entry.place, "judge: says whether each step of compress: is judged; this candidate is given, not made")
        match entry.node:
            case Leaf(text=("end" | "each_step") as found):
                return "each_step" if found == "each_step" else "end"
        message = (
            "judge: is each_step (the model after every step is judged too) or end (what comes out alone, as without it), "
            f"not {describe(entry.node)}"
        )
        self.context.faults.add(entry.node.place, message)
        return "end"


def _complete(context: Context, drafts: dict[str, _Draft], draft: _Draft, names: tuple[str, ...]) -> ModelSpec | None:
    chain = _chain(context, drafts, draft, names)
    if chain is None:
        return None
    inputs = next((each.inputs for each in chain if each.inputs is not None), ())
    output = next((each.output for each in chain if each.output is not None), None)
    timeout = next((each.timeout for each in chain if each.timeout is not None), None)
    batch_size = next((each.batch_size for each in chain if each.batch_size is not None), None)
    settled = {"timeout": timeout, "batch_size": batch_size}
    return ModelSpec(
        name=draft.name,
        kind=draft.kind,
        parameters=draft.parameters,
        inputs=inputs,
        output=output,
        steps=draft.steps,
        expect=draft.expect,
        source=draft.source,
        judge=draft.judge,
        **{key: value for key, value in settled.items() if value is not None},  # type: ignore[arg-type]  # each of its own type
    )


def _chain(context: Context, drafts: dict[str, _Draft], draft: _Draft, names: tuple[str, ...]) -> list[_Draft] | None:
    """The model, what it is made from, and so on to the original: whom it inherits from, nearest first."""
    chain = [draft]
    while chain[-1].name != ORIGINAL:
        last = chain[-1]
        if last.source not in names:
            message = f"there is no candidate {last.source!r} to compress; {nearest(last.source, names)}"
            context.faults.add(last.source_place, message)
            return None
        if any(each.name == last.source for each in chain):
            circle = " → ".join([*(each.name for each in chain), last.source])
            context.faults.add(draft.source_place, f"from: goes round in a circle: {circle}")
            return None
        if last.source not in drafts:
            return None
        chain.append(drafts[last.source])
    return chain
