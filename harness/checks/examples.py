"""The examples on which a candidate got worst."""

from __future__ import annotations

import numpy as np

from harness.arrays.outputs import Outputs, RowStatus
from harness.arrays.targets import Targets
from harness.checks.judging import Reader
from harness.checks.material import Examples, Material
from harness.checks.table import Evaluator, Groups
from harness.core.models import OutputType, Task
from harness.core.verdict import WorstExample

SHOWN = 5


def worst_reader(material: Material) -> Reader:
    """Finds the `SHOWN` examples with the largest loss in a group and says what each model answered."""

    def worst(evaluator: Evaluator, groups: Groups, group: int) -> tuple[WorstExample, ...]:
        losses = evaluator.losses()
        if losses is None:
            return ()
        rows = groups.rows(group)
        rows = rows[losses[rows] > 0]
        if len(rows) > SHOWN:
            rows = rows[np.argsort(-losses[rows], kind="stable")[:SHOWN]]
        return tuple(_example(material, int(row), float(losses[row])) for row in rows)

    return Reader(worst)


def _example(material: Material, row: int, loss: float) -> WorstExample:
    examples = material.examples
    return WorstExample(
        id=str(examples.ids[row].as_py()),
        target=target_text(examples.targets, row),
        original=answer_text(material.original, row),
        candidate=answer_text(material.outputs, row),
        loss=loss,
        text=_text(examples, row),
    )


def _text(examples: Examples, row: int) -> str | None:
    return examples.texts([row])[0] if examples.texts is not None else None


def target_text(targets: Targets | None, row: int) -> str:
    """The true answer of one example in words, "" when it has no short form."""
    if targets is None or targets.offsets is not None:
        return ""
    value = targets.values[row]
    if targets.task in (Task.BINARY, Task.MULTICLASS):
        return targets.labels[int(value)]
    if targets.task is Task.MULTILABEL:
        return "|".join(label for label, is_set in zip(targets.labels, np.atleast_1d(value), strict=False) if is_set)
    return f"{float(value):.6g}"


def answer_text(outputs: Outputs | None, row: int) -> str:
    """One model's answer in words, "" when it has no short form."""
    if outputs is None or outputs.offsets is not None:
        return ""
    if outputs.status[row] != RowStatus.OK:
        return "(failed)"
    value, labels = outputs.values[row], outputs.labels or outputs.spec.labels
    if outputs.spec.type is OutputType.LABEL:
        return labels[int(value)] if int(value) >= 0 else "(outside the labels)"
    if (
        outputs.spec.type in (OutputType.LOGITS, OutputType.PROBABILITIES)
        and np.ndim(value) == 1
        and outputs.spec.task is not Task.MULTILABEL
    ):
        best = int(np.argmax(value))
        return labels[best] if best < len(labels) else str(best)
    return f"{float(value):.6g}" if np.ndim(value) == 0 else ""
