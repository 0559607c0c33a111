"""What the model's answer means: which output, which task, which type, which labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.cli.init.columns import Column
from harness.cli.init.onnx_facts import Facts
from harness.cli.init.questions import Questions
from harness.cli.init.wishes import Wishes
from harness.core.models import OutputType, Task
from harness.errors import UsageError
from harness.ports.model import Tensor

_TASKS = (Task.BINARY.value, Task.MULTICLASS.value, Task.REGRESSION.value)
_TYPES = ("label", "probabilities", "logits", "score", "values")
_PROBABILITIES = ("Softmax", "TreeEnsembleClassifier", "LinearClassifier", "SVMClassifier", "Normalizer")
_LINEAR = ("Gemm", "MatMul", "Add", "Conv", "LogSoftmax", "MatMulInteger", "QLinearMatMul", "FusedGemm", "Mul")
_YES = {
    ("0", "1"): "1",
    ("-1", "1"): "1",
    ("false", "true"): "true",
    ("f", "t"): "t",
    ("no", "yes"): "yes",
    ("n", "y"): "y",
    ("negative", "positive"): "positive",
    ("neg", "pos"): "pos",
}
_NEITHER = "-"
MANY = 20
"""Distinct numbers from which a target looks measured, not counted."""


@dataclass(frozen=True)
class Meaning:
    """`output:` of the suite. `labels` are in the order of the model's output; `label_file` stands in their place."""

    task: str
    type: str
    name: str | None = None
    labels: tuple[str, ...] = ()
    label_file: Path | None = None
    positive: str | None = None
    comment: str = ""


def classes_of(model: Facts, wishes: Wishes) -> int | None:
    """How many classes the model's answer seems to have, None when it does not say."""
    outputs = [tensor for tensor in model.outputs if wishes.model_output in (None, tensor.name) and _is_float(tensor)]
    return _width(outputs[0]) if len(outputs) == 1 else None


def find_meaning(model: Facts, target: Column, wishes: Wishes, questions: Questions) -> Meaning | None:
    """What is declared, seen and asked, put together; None when something is missing, which `questions` then tells."""
    output = _output(model, wishes, questions)
    if output is None:
        return None
    task = _task(output, target, wishes, questions)
    if task is None:
        return None
    type_ = _type(output, model.ends_in.get(output.name, ""), task, wishes, questions)
    if type_ is None:
        return None
    name = output.name if len(model.outputs) > 1 else None
    if task == Task.REGRESSION:
        return Meaning(task, type_, name)
    return _with_labels(Meaning(task, type_, name), output, model, target, wishes, questions)


def _output(model: Facts, wishes: Wishes, questions: Questions) -> Tensor | None:
    by_name = {tensor.name: tensor for tensor in model.outputs}
    floats = [tensor.name for tensor in model.outputs if _is_float(tensor)]
    obvious = [name for name in floats if name in ("logits", "probabilities")] or floats
    best = (obvious or list(by_name))[0]
    sure = len(by_name) == 1 or len(obvious) == 1
    chosen = questions.choose(
        "--model-output", "Which output of the model is the answer?", list(by_name), given=wishes.model_output, best=best, sure=sure
    )
    return None if chosen is None else by_name[chosen]


def _task(output: Tensor, target: Column, wishes: Wishes, questions: Questions) -> str | None:
    width = _width(output)
    if not _is_float(output):
        best, sure = Task.MULTICLASS.value, True
    elif width is not None and width > 1:
        best, sure = Task.MULTICLASS.value, target.distinct <= width
    elif target.sort == "text":
        best, sure = (Task.BINARY.value if target.distinct == 2 else Task.MULTICLASS.value), width is None or target.distinct == 2
    elif target.distinct == 2:
        best, sure = Task.BINARY.value, target.whole
    else:
        best, sure = Task.REGRESSION.value, width == 1 and (not target.whole or target.distinct > MANY)
    columns = "any number of" if width is None else f"{width:,}"
    question = f"What is the model asked? Its output has {columns} columns, and the target {target.name!r} has {target.distinct:,} values."
    return questions.choose("--task", question, _TASKS, given=wishes.task, best=best, sure=sure)


def _type(output: Tensor, operator: str, task: str, wishes: Wishes, questions: Questions) -> str | None:
    if task == Task.REGRESSION:
        best, sure = OutputType.VALUES.value, True
    elif output.name in (OutputType.LOGITS, OutputType.PROBABILITIES):
        best, sure = output.name, True
    elif not _is_float(output):
        best, sure = OutputType.LABEL.value, True
    elif operator in _PROBABILITIES or (operator == "Sigmoid" and _width(output) == 1):
        best, sure = OutputType.PROBABILITIES.value, True
    else:
        best, sure = OutputType.LOGITS.value, operator in _LINEAR
    question = f"What are the numbers in output {output.name!r} (computed by {operator or 'an unknown operator'})?"
    return questions.choose("--output-type", question, _TYPES, given=wishes.output_type, best=best, sure=sure)


def _with_labels(found: Meaning, output: Tensor, model: Facts, target: Column, wishes: Wishes, questions: Questions) -> Meaning | None:
    if _names_itself(output, target, wishes):
        return _as_binary(found, target.values, target, wishes, questions) if target.distinct == 2 else found
    if _is_float(output) and _width(output) == 1:
        return _one_number(found, target, wishes, questions)
    labels, comment = _labels(output, model, target, wishes, questions)
    if labels is None:
        return None
    missing = [value for value in target.values if value not in labels]
    if missing:
        questions.miss(
            f"the target {target.name!r} has values that are none of the {len(labels)} labels ({', '.join(missing[:5])}); "
            "give the labels as they stand in the data with --labels or --label-file"
        )
        return None
    made = _made(found, labels=labels, label_file=wishes.label_file, comment=comment)
    return _as_binary(made, labels, target, wishes, questions) if len(labels) == 2 or found.task == Task.BINARY else made


def _as_binary(found: Meaning, labels: tuple[str, ...], target: Column, wishes: Wishes, questions: Questions) -> Meaning | None:
    """A task of two labels, one of which is the positive one; left as it is when nobody says which, and it need not be known."""
    if found.task == Task.BINARY or wishes.positive is not None or (wishes.task is None and _obvious(labels) is not None):
        positive = _positive(labels, wishes, questions)
        return None if positive is None else _made(found, task=Task.BINARY.value, positive=positive)
    if wishes.task is not None:
        return found
    if questions.person:
        rarer = min(labels, key=lambda label: dict(zip(target.values, target.counts, strict=True)).get(label, 0))
        question = f"Two labels: which one is the positive one, of which f1, recall and the like speak? {_NEITHER} for neither"
        chosen = questions.choose("--positive", question, (*labels, _NEITHER), best=rarer)
        return found if chosen in (_NEITHER, None) else _made(found, task=Task.BINARY.value, positive=chosen)
    questions.announce(
        f"note: two labels ({', '.join(labels)}), and nothing says which is the positive one: the task is multiclass; "
        "for f1, recall and the like of one label give --positive LABEL, which makes it binary"
    )
    return found


def _names_itself(output: Tensor, target: Column, wishes: Wishes) -> bool:
    """Whether the model answers with the labels themselves: texts, or the numbers that stand in the data."""
    if wishes.labels or wishes.label_file is not None or _is_float(output):
        return False
    return output.dtype == "str" or target.sort == "number"


def _one_number(found: Meaning, target: Column, wishes: Wishes, questions: Questions) -> Meaning | None:
    """One number per example: how much it is the positive one of two labels."""
    labels = wishes.labels or (_lines(wishes.label_file) if wishes.label_file is not None else target.values)
    if len(labels) != 2:
        questions.miss(
            f"--task: one number per example tells two labels apart, and the target {target.name!r} has {target.distinct:,} values"
        )
        return None
    positive = _positive(tuple(labels), wishes, questions)
    if positive is None:
        return None
    negative = next(label for label in labels if label != positive)
    return _made(found, task=Task.BINARY.value, labels=(negative, positive), positive=positive)


def _made(found: Meaning, **changes: object) -> Meaning:
    return Meaning(**{**vars(found), **changes})


def _labels(output: Tensor, model: Facts, target: Column, wishes: Wishes, questions: Questions) -> tuple[tuple[str, ...] | None, str]:
    """The labels in the order of the output, and what a person should check about them."""
    width = _width(output) if _is_float(output) else None
    given = wishes.labels or (_lines(wishes.label_file) if wishes.label_file is not None else ())
    if given:
        if width is not None and len(given) != width:
            questions.miss(f"{len(given)} labels were given, and output {output.name!r} has {width} columns; give one label per column")
            return None, ""
        return given, ""
    if model.labels and (width is None or len(model.labels) == width):
        return model.labels, "as the model itself names them"
    count = width or target.distinct
    if target.sort == "number" and target.whole and target.values and all(0 <= float(value) < count for value in target.values):
        return tuple(str(index) for index in range(count)), ""
    best = target.values if target.distinct == count else ()
    question = f"Which label is which index of output {output.name!r}? Nothing in the files says it." + _other_way(output, model)
    return questions.words(
        "--labels or --label-file", question, count, best=best, needed=target.values if len(target.values) <= count else ()
    ), ""


def _other_way(output: Tensor, model: Facts) -> str:
    """An output that needs no labels because it gives them."""
    named = [tensor.name for tensor in model.outputs if tensor.dtype == "str" and tensor.name != output.name]
    return f" The output {named[0]!r} answers with the labels themselves: --model-output {named[0]}." if named else ""


def _lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the label file {path} cannot be read: {error}; expected one label per line") from error


def _positive(labels: tuple[str, ...], wishes: Wishes, questions: Questions) -> str | None:
    obvious = _obvious(labels)
    question = "Which label is the positive one?"
    return questions.choose("--positive", question, labels, given=wishes.positive, best=obvious, sure=obvious is not None)


def _obvious(labels: tuple[str, ...]) -> str | None:
    """The positive one of two labels that say so themselves."""
    by_word = {label.lower(): label for label in labels}
    positive = _YES.get(tuple(sorted(by_word)))  # type: ignore[arg-type]  # of any length: what is not a pair is not there
    return by_word[positive] if positive is not None else None


def _is_float(tensor: Tensor) -> bool:
    return (tensor.dtype or "").startswith(("float", "bfloat"))


def _width(tensor: Tensor) -> int | None:
    """Columns of an output: 1 for a plain vector, None when it does not say."""
    if tensor.shape is None:
        return None
    return 1 if len(tensor.shape) <= 1 else tensor.shape[-1]
