"""Which columns make which input tensor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from harness.cli.init.columns import Column, Data
from harness.cli.init.onnx_facts import Facts
from harness.cli.init.questions import Questions, names_in
from harness.cli.init.wishes import Wishes
from harness.errors import ModelError
from harness.models.tokenization import COMPANIONS, Tokenization
from harness.ports.model import Tensor

_TEXT_NAMES = ("text", "sentence", "utterance", "document", "content", "query", "question", "body", "phrase", "review")
_LONG = 8.0
"""Mean characters from which a column of many values looks like text that a model reads."""


@dataclass(frozen=True)
class Input:
    """One tensor and the columns it is made from; `comment` says what a person should check."""

    tensor: str
    columns: tuple[str, ...]
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    tokenizer: Path | None = None
    max_length: int | None = None
    comment: str = ""


def match_inputs(model: Facts, data: Data, taken: Collection[str], wishes: Wishes, questions: Questions) -> tuple[Input, ...]:
    """One `Input` per tensor that the suite must declare; what cannot be matched is noted in `questions`."""
    tokenizer = _tokenizer(model, data, taken, wishes, questions)
    tensors = [tensor for tensor in model.inputs if not (tokenizer and tensor.name in COMPANIONS)]
    matched = (_match(tensor, len(tensors), data, taken, tokenizer, wishes, questions) for tensor in tensors)
    return tuple(found for found in matched if found is not None)


def text_column(data: Data, taken: Collection[str], given: str | None, questions: Questions) -> str | None:
    """The column of text that a model reads."""
    possible = [c for c in data.columns if c.sort == "text" and c.name not in taken]
    named = [c.name for c in possible if c.plain_name in _TEXT_NAMES]
    long = [c.name for c in possible if c.characters >= _LONG and c.distinct > data.rows // 2]
    best = named if len(named) == 1 else [name for name in named if name in long] or long or named
    sure = len(named) == 1 or (not named and len(long) == 1)
    choices = [c.name for c in possible] if given is None else list(data.names)
    if not choices:
        questions.miss(f"--text: the model reads text, and {data.path} has no column of text")
        return None
    first = best[0] if best else None
    return questions.choose("--text", "Which column is the text that the model reads?", choices, given=given, best=first, sure=sure)


def _match(
    tensor: Tensor, count: int, data: Data, taken: Collection[str], tokenizer: Path | None, wishes: Wishes, questions: Questions
) -> Input | None:
    free = [column for column in data.columns if column.name not in taken]
    if tokenizer is not None and (tensor.dtype or "").startswith("int") and _rank(tensor) in (2, None):
        column = text_column(data, taken, wishes.text, questions)
        return None if column is None else _tokens(tensor, column, tokenizer, wishes)
    if (same := _same_name(tensor, free)) is not None:
        return _single(tensor, same)
    if tensor.dtype == "str":
        column = text_column(data, taken, wishes.text, questions)
        return None if column is None else _single(tensor, data[column])
    if (tensors := _tensor_columns(tensor, free)) and count == 1:
        return _image(tensor, tensors, questions)
    if count == 1 and _rank(tensor) == 2 and (tensor.dtype or "").startswith("float"):
        return _features(tensor, free, data, wishes, questions)
    if _takes_tokens(tensor, data, taken):
        return None  # the question for a tokenizer has been noted
    _no_column(tensor, free, questions)
    return None


def _tokens(tensor: Tensor, column: str, tokenizer: Path, wishes: Wishes) -> Input:
    width = tensor.shape[1] if tensor.shape is not None and len(tensor.shape) == 2 else None
    return Input(tensor.name, (column,), tokenizer=tokenizer, max_length=wishes.max_length or width)


def _single(tensor: Tensor, column: Column) -> Input:
    """One column; a tensor of shape (batch, 1) needs that second axis said."""
    narrow = tensor.shape is not None and len(tensor.shape) == 2 and tensor.shape[1] in (1, None) and column.sort != "tensor"
    return Input(tensor.name, (column.name,), shape=(1,) if narrow else None)


def _image(tensor: Tensor, columns: Sequence[Column], questions: Questions) -> Input | None:
    names = [column.name for column in columns]
    question = f"Which column is the input {tensor.name!r}?"
    chosen = questions.choose("--column", question, names, best=names[0], sure=len(names) == 1)
    if chosen is None:
        return None
    column = next(column for column in columns if column.name == chosen)
    wanted = tuple(size for size in (tensor.shape or ())[1:] if size is not None)
    reshaped = (
        wanted if wanted != column.shape and prod(wanted) == prod(column.shape) and len(wanted) == len((tensor.shape or ())[1:]) else None
    )
    comment = "values go in as they stand in the file: scale them in a python step if training did"
    return Input(tensor.name, (chosen,), shape=reshaped, comment=comment)


def _features(tensor: Tensor, free: Sequence[Column], data: Data, wishes: Wishes, questions: Questions) -> Input | None:
    width = tensor.shape[1] if tensor.shape is not None else None
    excluded = names_in(wishes.excluded, data.names)
    numbers = [column.name for column in free if column.sort == "number" and column.name not in excluded]
    if wishes.columns:
        return _given_features(tensor, width, data, wishes, questions)
    questions.several("--except", "", data.names, given=excluded, best=())
    chosen = _of_width(numbers, width, wishes) or _asked_features(numbers, width, data, questions)
    if chosen is None:
        return None
    gaps = [name for name in chosen if data[name].missing]
    comment = "in file order: is that the order the model was trained with?"
    if gaps:
        comment += f" {_gaps(gaps)}; where more than 0.1 % of the rows are concerned, nothing can be judged: fill them in"
    return Input(tensor.name, chosen, dtype=tensor.dtype, comment=comment)


def _gaps(columns: Sequence[str]) -> str:
    named = ", ".join(columns[:3]) + (", …" if len(columns) > 3 else "")
    return f"{named} {'has' if len(columns) == 1 else 'have'} gaps: both models fail on such a row, which counts as wrong"


def _given_features(tensor: Tensor, width: int | None, data: Data, wishes: Wishes, questions: Questions) -> Input:
    columns = names_in(wishes.columns, data.names)
    if wishes.excluded:
        questions.miss("--column and --except exclude each other; give one of them")
    known = questions.several("--column", "", data.names, given=columns, best=())
    if width is not None and len(columns) != width:
        questions.miss(f"--column: the model takes {width} numbers per example, and {len(columns)} columns were given")
    return Input(tensor.name, known, dtype=tensor.dtype)


def _asked_features(numbers: Sequence[str], width: int | None, data: Data, questions: Questions) -> tuple[str, ...] | None:
    if width is not None and len(numbers) < width:
        listed = f" ({', '.join(numbers[:12])}{', …' if len(numbers) > 12 else ''})" if numbers else ""
        questions.miss(
            f"--column: the model takes {width} per example, and {data.path} has {len(numbers)} columns of numbers{listed}; "
            "what training computed from other columns, a python step must compute here: docs/suite-language.md"
        )
        return None
    if not questions.person:
        takes = "any number of them" if width is None else f"{width}"
        questions.miss(
            f"--column: the model takes {takes} per example, and {data.path} has {len(numbers)} columns of numbers "
            f"({', '.join(numbers[:12])}{', …' if len(numbers) > 12 else ''}); name those it takes with --column A,B,… in the order "
            "the model was trained with, or leave the others out with --except"
        )
        return None
    which = f"Which of these {len(numbers)} columns" if width is None else f"Which {width} of these {len(numbers)} columns"
    return questions.ordered("--column", f"{which}, in the order the model was trained with?", numbers, width)


def _of_width(numbers: Sequence[str], width: int | None, wishes: Wishes) -> tuple[str, ...] | None:
    """The numeric columns when there are as many as the model takes, with or without those that only make segments."""
    segments = names_in(wishes.segments or (), numbers)
    for names in (numbers, [name for name in numbers if name not in segments]):
        if names and len(names) == width:
            return tuple(names)
    return None


def _same_name(tensor: Tensor, free: Sequence[Column]) -> Column | None:
    wanted = "".join(letter if letter.isalnum() else "_" for letter in tensor.name.lower())
    fitting = [column for column in free if column.plain_name == wanted]
    return fitting[0] if len(fitting) == 1 and (_rank(tensor) in (1, None) or fitting[0].sort == "tensor" or _narrow(tensor)) else None


def _narrow(tensor: Tensor) -> bool:
    return tensor.shape is not None and len(tensor.shape) == 2 and tensor.shape[1] == 1


def _tensor_columns(tensor: Tensor, free: Sequence[Column]) -> list[Column]:
    """Columns of arrays that are shaped like the input, or hold as many numbers."""
    wanted = (tensor.shape or ())[1:]
    fitting = [column for column in free if column.sort == "tensor" and _fits(column.shape, wanted)]
    return fitting or [column for column in free if column.sort == "tensor" and None not in wanted and prod(column.shape) == _size(wanted)]


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(want is None or want == have for want, have in zip(wanted, shape, strict=True))


def _size(shape: tuple[int | None, ...]) -> int:
    return prod(size for size in shape if size is not None)


def _no_column(tensor: Tensor, free: Sequence[Column], questions: Questions) -> None:
    shape = (
        "any shape"
        if tensor.shape is None
        else "(" + ", ".join(["batch", *("any" if s is None else str(s) for s in tensor.shape[1:])]) + ")"
    )
    tokens = "; if it takes tokens, give --tokenizer" if (tensor.dtype or "").startswith("int") else ""
    have = ", ".join(column.name for column in free[:12])
    questions.miss(f"input {tensor.name!r}: the model takes {tensor.dtype} of shape {shape}, and no column fits{tokens}; columns: {have}")


def _tokenizer(model: Facts, data: Data, taken: Collection[str], wishes: Wishes, questions: Questions) -> Path | None:
    """The tokenizer given, beside the model, or asked for when an input looks like tokens."""
    if wishes.tokenizer is not None:
        wrong = _no_tokenizer(wishes.tokenizer)
        if wrong is not None:
            questions.miss(f"--tokenizer {wishes.tokenizer}: {wrong}")
        return wishes.tokenizer
    beside = model.path.with_name("tokenizer.json")
    if beside.is_file():
        return beside
    tokens = next((tensor for tensor in model.inputs if _takes_tokens(tensor, data, taken)), None)
    if tokens is None:
        return None
    return questions.file(
        "--tokenizer",
        f"The input {tokens.name!r} looks like tokens, and no tokenizer.json lies beside the model. Path of the tokenizer.json?",
        _no_tokenizer,
        f"the input {tokens.name!r} looks like tokens of a text, and no tokenizer.json lies beside {model.path}; give its path",
    )


def _no_tokenizer(path: Path) -> str | None:
    """What is wrong with a tokenizer.json, None when it can be used."""
    try:
        Tokenization(path, None)
    except ModelError as error:
        return str(error)
    return None


def _takes_tokens(tensor: Tensor, data: Data, taken: Collection[str]) -> bool:
    """Whether an input must be made from a text by a tokenizer: whole numbers, (batch, tokens), and no column of that name."""
    free = [column for column in data.columns if column.name not in taken]
    whole = (tensor.dtype or "").startswith("int") and _rank(tensor) in (2, None)
    texts = any(column.sort == "text" for column in free)
    return whole and texts and _same_name(tensor, free) is None and not _tensor_columns(tensor, free)


def _rank(tensor: Tensor) -> int | None:
    return None if tensor.shape is None else len(tensor.shape)
