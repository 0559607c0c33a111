"""`output:` of a model: what its answers mean, and whether the parts of that fit together."""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.models import OutputSpec, OutputType, Task
from harness.spec.context import Context
from harness.spec.labels import read_labels
from harness.spec.shapes import OutputShape
from harness.spec.tree import Entry, Place, Table
from harness.spec.validate import validate

_TYPES = {
    Task.BINARY: (OutputType.LABEL, OutputType.PROBABILITIES, OutputType.LOGITS, OutputType.SCORE),
    Task.MULTICLASS: (OutputType.LABEL, OutputType.PROBABILITIES, OutputType.LOGITS),
    Task.MULTILABEL: (OutputType.PROBABILITIES, OutputType.LOGITS),
    Task.REGRESSION: (OutputType.VALUES, OutputType.VECTOR),
    Task.RANKING: (OutputType.SCORE,),
    Task.TOKENS: (OutputType.LABEL, OutputType.PROBABILITIES, OutputType.LOGITS),
}
_PER_CLASS = (OutputType.PROBABILITIES, OutputType.LOGITS)
_ONLY_FOR = {
    "labels": (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL, Task.TOKENS),
    "positive": (Task.BINARY,),
    "threshold": (Task.BINARY, Task.MULTILABEL),
    "group": (Task.RANKING,),
    "ignore_index": (Task.TOKENS,),
}


def read_output(context: Context, entry: Entry, *, model_runs: bool) -> OutputSpec | None:
    """The OutputSpec, None with faults noted. A model that runs (has `input:`) must say which class is which."""
    table = context.table(entry.node, entry.place, "output")
    shape = validate(OutputShape, table, entry.place, context.faults, "output") if table else None
    if table is None or shape is None:
        return None
    before = len(context.faults)
    labels = read_labels(context, shape.labels, table.get("labels"))
    _Fit(context, shape, table, entry.place).check(labels, model_runs=model_runs)
    if labels is None or len(context.faults) > before:
        return None
    return OutputSpec(
        type=shape.type,
        task=shape.task,
        name=shape.name,
        labels=labels,
        positive=shape.positive,
        threshold=0.5 if shape.threshold is None else shape.threshold,
        group=shape.group,
        ignore_index=shape.ignore_index,
    )


@dataclass(frozen=True)
class _Fit:
    """Whether the keys of one output fit its task and type."""

    context: Context
    shape: OutputShape
    table: Table
    owner: Place

    def check(self, labels: tuple[str, ...] | None, *, model_runs: bool) -> None:
        task, kind = self.shape.task, self.shape.type
        if kind not in _TYPES[task]:
            self._fault("type", f"a {task} model does not answer with {kind}; task {task} takes type {_either(_TYPES[task])}")
        for key, tasks in _ONLY_FOR.items():
            if key in self.table and task not in tasks:
                self._fault(key, f"{key} has no meaning for task {task}; it belongs to task {_either(tasks)}")
        if task is Task.RANKING and self.shape.group is None:
            self._fault(None, "task ranking needs group: the column whose equal values make one list")
        if task is Task.BINARY:
            self._binary(labels)
        classes = task in (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL)
        if model_runs and classes and kind in _PER_CLASS and self.shape.labels is None:
            self._fault(None, f"type {kind} needs labels: which class is which column of the output (a list, or a file with one per line)")
        self._threshold()

    def _binary(self, labels: tuple[str, ...] | None) -> None:
        positive = self.shape.positive
        if positive is None:
            self._fault(None, "task binary needs positive: the label of the positive class")
        if not labels:
            return
        if len(labels) != 2:
            self._fault("labels", f"task binary has two labels, not {len(labels)}; or is it task multiclass?")
        elif positive is not None and positive not in labels:
            self._fault("positive", f"positive {positive!r} is not among the labels {labels[0]!r} and {labels[1]!r}")

    def _threshold(self) -> None:
        threshold = self.shape.threshold
        if threshold is not None and self.shape.type in _PER_CLASS and not 0 <= threshold <= 1:
            self._fault("threshold", f"threshold {threshold:g} is not a probability; it lies between 0 and 1")

    def _fault(self, key: str | None, message: str) -> None:
        entry = self.table.entries.get(key) if key else None
        self.context.faults.add(entry.node.place if entry else self.owner, message)


def _either(choices: tuple[str, ...]) -> str:
    *most, last = [str(choice) for choice in choices]
    return f"{', '.join(most)} or {last}" if most else last
