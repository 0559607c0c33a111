"""From wishes to a suite file that loads."""

from __future__ import annotations

import re
from pathlib import Path

from harness import wiring
from harness.cli.console import say
from harness.cli.init.columns import Column, Data, look_at_data
from harness.cli.init.inputs import match_inputs
from harness.cli.init.margin import Margin, margin_for_answers, margin_for_numbers
from harness.cli.init.meaning import MANY, Meaning, classes_of, find_meaning
from harness.cli.init.onnx_facts import Facts, look_at_model
from harness.cli.init.parts import Part, even_bins, parts_of
from harness.cli.init.questions import Questions, names_in
from harness.cli.init.roles import Roles, binned, find_id, find_segments, find_target, likely_target
from harness.cli.init.trial import try_original
from harness.cli.init.weight import weight_lines
from harness.cli.init.wishes import Wishes
from harness.cli.init.writing import LENGTH, LENGTHS, Draft, Model, label_file_of, suite_text
from harness.core.models import Task
from harness.engine.tools import Options
from harness.errors import HarnessError, ModelError, StoreError, UsageError

_FOR_LENGTHS = 90
"""Examples from which three segments by the length of the text can say something."""

_PRECISIONS = re.compile(r"(?:u?int\d+|fp\d+|bf16|q\d\w*|w\d+a\d+|pruned|sparse|distilled|quant\w*)", re.IGNORECASE)


def write_suite(wishes: Wishes) -> None:
    """Look, ask, write, load what was written, and say what to do next."""
    questions = Questions(ask=wishes.ask)
    _may_write(wishes, questions)
    draft = _recorded(wishes, questions) if wishes.outputs is not None else _modelled(wishes, questions)
    path = wishes.output or Path("suites") / f"{draft.name}.yaml"
    _write(path, draft)
    say(f"wrote {path}")
    say(suite_text(draft, path.parent).rstrip("\n"))
    try_original(path)
    say(f"\nnext: harness plan {path}    what the data can prove, before anything runs")
    say(f"      harness run {path}     or: pytest {path.parent}/")


def _may_write(wishes: Wishes, questions: Questions) -> None:
    """Before anything is asked: may the file be replaced that is there?"""
    first = wishes.outputs or wishes.original
    name = wishes.name or (_suite_name(first) if first is not None else None)
    path = wishes.output or (Path("suites") / f"{name}.yaml" if name else None)
    if path is not None and path.exists() and not wishes.force and not questions.confirm(f"{path} is there already; replace it?"):
        questions.miss(f"{path} is there already; choose another with --output, or replace it with --force")


def _modelled(wishes: Wishes, questions: Questions) -> Draft:
    """Two ONNX files and data."""
    if wishes.original is None or wishes.candidate is None or wishes.data is None:
        raise UsageError(
            "init needs two models and a data file: harness init ORIGINAL.onnx CANDIDATE.onnx DATA.csv "
            "(or recorded predictions: harness init --outputs runs.csv)"
        )
    original, candidate = look_at_model(wishes.original), look_at_model(wishes.candidate)
    _require_same_tensors(original, candidate)
    data = look_at_data(wishes.data, _project(wishes))
    _require_rows(data)
    id_ = find_id(data, wishes.id, questions)
    target = find_target(data, wishes.target, _some(id_), classes_of(original, wishes), questions)
    if target is None:
        target = likely_target(data, _some(id_), classes_of(original, wishes))
        questions.assume(f"if the target is {target!r}")
    if target is None:
        questions.refuse_missing()
    assert target is not None
    inputs = match_inputs(original, data, _some(id_, target), wishes, questions)
    meaning = find_meaning(original, data[target], wishes, questions)
    texts = [name for each in inputs for name in each.columns if data[name].sort == "text" and data[name].distinct > data.rows // 2]
    segments = find_segments(data, wishes.segments, _some(id_, target, *texts), target, questions)
    questions.refuse_missing()
    assert meaning is not None
    by_length = texts and wishes.segments is None and LENGTH not in segments and data.rows >= _FOR_LENGTHS
    parts = _parts(data, segments) | ({LENGTH: even_bins(data.rows, LENGTHS)} if by_length else {})
    numbers = meaning.task == Task.REGRESSION
    return Draft(
        name=wishes.name or _suite_name(wishes.original),
        original=Model("original", wishes.original),
        candidates=(Model(_candidate_name(wishes.original, wishes.candidate), wishes.candidate),),
        data=wishes.data,
        roles=Roles(id_, target, segments, binned(data, segments)),
        margin=_margin(data, target, parts, numbers=numbers),
        inputs=inputs,
        meaning=meaning,
        lengths_of=texts[0] if by_length else None,
        weight=weight_lines(wishes.original, wishes.candidate),
    )


def _recorded(wishes: Wishes, questions: Questions) -> Draft:
    """Predictions of both models in one file."""
    assert wishes.outputs is not None
    if wishes.candidate is not None:
        raise UsageError("with --outputs no models are given, only the data file when the right answers are not in the recording")
    data = look_at_data(wishes.outputs, _project(wishes))
    answers = look_at_data(wishes.original, _project(wishes)) if wishes.original is not None else data
    _require_rows(data)
    id_ = find_id(answers, wishes.id, questions, required=True)
    target = find_target(answers, wishes.target, _some(id_, wishes.original_column, *wishes.candidate_columns), None, questions)
    recorded = [name for name in data.names if name not in (id_, target)]
    original = questions.choose(
        "--original-column", "Which column holds the original's predictions?", recorded, given=wishes.original_column
    )
    rest = [name for name in recorded if name != original]
    candidates = questions.several(
        "--candidate-column",
        "Which columns hold predictions of candidates?",
        rest,
        given=names_in(wishes.candidate_columns, data.names) or None,
        best=(),
    )
    if not candidates:
        questions.miss(f"--candidate-column: Which columns hold predictions of candidates? Some of: {', '.join(rest[:12])}")
    taken = _some(id_, target, original, *candidates)
    segments = find_segments(answers, wishes.segments, taken, target, questions)
    questions.refuse_missing()
    assert target is not None
    assert original is not None
    numbers = wishes.task == Task.REGRESSION or (wishes.task is None and _measured(answers[target], data[original]))
    return Draft(
        name=wishes.name or _suite_name(wishes.outputs),
        original=Model("original", wishes.outputs, original),
        candidates=tuple(Model(_as_name(name), wishes.outputs, name) for name in candidates),
        data=answers.path,
        roles=Roles(id_, target, segments, binned(answers, segments)),
        margin=_margin(answers, target, _parts(answers, segments), numbers=numbers),
        meaning=Meaning(Task.REGRESSION.value, "values") if numbers else None,
    )


def _margin(data: Data, target: str, parts: dict[str, tuple[Part, ...]], *, numbers: bool) -> Margin:
    return margin_for_numbers(data.rows, parts, data[target]) if numbers else margin_for_answers(data.rows, parts)


def _parts(data: Data, segments: tuple[str, ...]) -> dict[str, tuple[Part, ...]]:
    bins = binned(data, segments)
    return {name: parts_of(data, name, binned=name in bins) for name in segments}


def _measured(target: Column, predictions: Column) -> bool:
    """Whether the answers are measured numbers, not names of classes."""
    many = target.distinct > MANY or not target.whole
    return target.sort == "number" and predictions.sort == "number" and many and not (target.whole and predictions.whole)


def _write(path: Path, draft: Draft) -> None:
    """Write the suite, and take it back when it does not load: a suite that runs, or none."""
    labels = label_file_of(draft, path.parent)
    before = path.read_bytes() if path.exists() else None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if labels is not None and draft.meaning is not None:
            labels.write_text("\n".join(draft.meaning.labels) + "\n", encoding="utf-8")
        path.write_text(suite_text(draft, path.parent), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the suite {path} cannot be written: {error.strerror or error}; choose another file with --output") from error
    try:
        suite = wiring.load(path)
        wiring.session(suite, wiring.find_project(path, Path.cwd()), Options(gather=False)).items()
    except HarnessError:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        raise


def _require_same_tensors(original: Facts, candidate: Facts) -> None:
    for what, one, other in (("inputs", original.inputs, candidate.inputs), ("outputs", original.outputs, candidate.outputs)):
        before, after = [tensor.name for tensor in one], [tensor.name for tensor in other]
        if before != after:
            raise ModelError(
                f"{candidate.path} has the {what} {', '.join(after)}, and {original.path} has {', '.join(before)}; "
                "export both alike, or write the suite by hand with input: and output: of its own for the candidate"
            )


def _require_rows(data: Data) -> None:
    if data.rows == 0:
        raise UsageError(f"{data.path} has no rows; nothing can be compared on it")


def _project(wishes: Wishes) -> wiring.Project:
    return wiring.find_project(Path.cwd() / (wishes.output or Path("suites") / "any.yaml"), Path.cwd())


def _some(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name is not None)


def _suite_name(path: Path) -> str:
    """`models/income.fp32.onnx` → `income`."""
    parts = [part for part in re.split(r"[._-]+", path.name.partition(".")[0]) if part and not _PRECISIONS.fullmatch(part)]
    return re.sub(r"[^\w-]+", "-", "-".join(parts) or path.stem).strip("-") or "comparison"


def _candidate_name(original: Path, candidate: Path) -> str:
    """What the candidate's file name says that the original's does not: `income.int8.onnx` → `int8`."""
    known = set(re.split(r"[._-]+", original.stem))
    parts = [part for part in re.split(r"[._-]+", candidate.stem) if part and part not in known]
    said = "-".join(parts)
    return _as_name(said if len(said) > 1 else candidate.stem)


def _as_name(text: str) -> str:
    name = re.sub(r"[^\w.-]+", "-", text).strip("-.")
    return name if name and name != "original" else "candidate"
