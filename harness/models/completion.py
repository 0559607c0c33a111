"""Completing what a suite says about a model's output from the data: labels, and their order."""

from __future__ import annotations

from dataclasses import replace

from harness.core.models import ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.parameters import OutputsParameters
from harness.ports.data import Dataset


def declared_output(model: ModelSpec) -> OutputSpec:
    """The output as the suite declares it, labels in the model's own order.

    Recorded predictions need no declaration (labels of a multiclass task), and recorded scores name their own labels.
    """
    recorded = model.parameters if isinstance(model.parameters, OutputsParameters) else None
    spec = model.output
    if spec is None:
        if recorded is None or recorded.prediction is None:
            raise ModelError(f"model {model.name!r}: nothing says what its output means; write output: {{type: …, task: …}}")
        spec = OutputSpec(OutputType.LABEL, Task.MULTICLASS)
    if spec.labels or spec.task in (Task.REGRESSION, Task.RANKING, Task.TOKENS):
        return spec
    if recorded is not None and recorded.scores is not None:
        return replace(spec, labels=tuple(recorded.scores))
    if spec.task is not Task.BINARY and spec.type in (OutputType.LOGITS, OutputType.PROBABILITIES):
        raise ModelError(
            f"model {model.name!r}: nothing says which label each column of its {spec.type} stands for; "
            "write labels: under output:, in the order of the columns"
        )
    return spec


def completed_output(model: ModelSpec, dataset: Dataset) -> OutputSpec:
    """The declared output with all labels: those of the data where none are declared, (negative, positive) when binary.

    `Outputs` and `Targets` both use this order; answers are brought into it from the model's own.
    """
    spec = declared_output(model)
    if spec.task is Task.TOKENS or spec.type is OutputType.VECTOR:
        return spec
    if not spec.labels and spec.task in (Task.BINARY, Task.MULTICLASS, Task.MULTILABEL):
        return replace(spec, labels=dataset.targets(spec).labels)
    if spec.task is Task.BINARY and spec.positive is not None:
        return replace(spec, labels=_negative_first(model.name, spec.labels, spec.positive))
    return spec


def _negative_first(name: str, labels: tuple[str, ...], positive: str) -> tuple[str, ...]:
    if len(labels) != 2 or positive not in labels:
        raise ModelError(f"model {name!r}: a binary task has two labels, one of them the positive {positive!r}; found {', '.join(labels)}")
    return tuple(sorted(labels, key=lambda label: label == positive))
