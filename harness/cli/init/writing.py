"""The suite as text, with comments where a person should look again."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.cli.init.inputs import Input
from harness.cli.init.margin import Margin, SegmentMargin
from harness.cli.init.meaning import Meaning
from harness.cli.init.roles import BINS, Roles
from harness.core.numbers import plural
from harness.report.text import one_line

MOST_LABELS = 20
"""Labels up to which they stand in the suite itself."""

LENGTH = "length"
LENGTHS = 3
"""The segmentation by the length of a text, and how many equally filled bins it has."""

_PLAIN = re.compile(r"(?:(?:\.\./)+|/)?[A-Za-z_][\w ./+-]*(?<! )")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "nan", "inf", "y", "n", "na"})


@dataclass(frozen=True)
class Model:
    """One model: `kind` and what stands behind it (`onnx`, a path; `outputs`, a path and a column)."""

    name: str
    path: Path
    column: str | None = None


@dataclass(frozen=True)
class Draft:
    """Everything the suite says; `weight` are the lines of the check of its size."""

    name: str
    original: Model
    candidates: tuple[Model, ...]
    data: Path
    roles: Roles
    margin: Margin
    inputs: tuple[Input, ...] = ()
    meaning: Meaning | None = None
    lengths_of: str | None = None
    weight: tuple[str, ...] = ()


def suite_text(draft: Draft, folder: Path) -> str:
    """The suite file's text; paths in it are relative to `folder`, where it will lie."""
    names = " and ".join(model.name for model in draft.candidates)
    compared = draft.original.path.name if draft.original.column is None else draft.original.column
    lines = [
        "# Written by: harness init. What the files could not say is marked by comments.",
        "schema: 1",
        f"suite: {draft.name}",
        f"about: {scalar(f'{names} against {compared}, on {draft.data.name}.')}",
        "",
        "original:",
        *(f"  {line}" for line in _model(draft.original, folder)),
        *_inputs(draft.inputs, folder),
        *_output(draft, folder),
        "",
        "data:",
        "  test:",
        *(f"    {line}" for line in _data(draft, folder)),
        "",
        "candidates:",
        *(f"  {scalar(model.name)}: {{{', '.join(_model(model, folder))}}}" for model in draft.candidates),
        "",
        "checks:",
        *(f"  {line}" for line in (*_check(draft), *draft.weight)),
    ]
    return "\n".join(lines) + "\n"


def label_file_of(draft: Draft, folder: Path) -> Path | None:
    """The file that labels go to when they are too many for the suite itself."""
    found = draft.meaning
    return folder / f"{draft.name}.labels.txt" if found and found.label_file is None and len(found.labels) > MOST_LABELS else None


def scalar(text: str) -> str:
    """A text as YAML; quoted whenever it could be read as something else."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)


def _model(model: Model, folder: Path) -> list[str]:
    path = scalar(_relative(model.path, folder))
    return [f"onnx: {path}"] if model.column is None else [f"outputs: {path}", f"prediction: {scalar(model.column)}"]


def _inputs(inputs: Sequence[Input], folder: Path) -> list[str]:
    if not inputs:
        return []
    lines = ["  input:"]
    for each in inputs:
        lines += [f"    # {each.comment}"] if each.comment else []
        parts = (
            [f"column: {scalar(each.columns[0])}"] if len(each.columns) == 1 and each.dtype is None else [f"columns: {_list(each.columns)}"]
        )
        parts += [f"tokenizer: {scalar(_relative(each.tokenizer, folder))}"] if each.tokenizer else []
        parts += [f"max_length: {each.max_length}"] if each.max_length else []
        parts += [f"dtype: {each.dtype}"] if each.dtype else []
        parts += [f"shape: [{', '.join(map(str, each.shape))}]"] if each.shape else []
        simple = len(parts) == 1 and parts[0].startswith("column:")
        value = parts[0].partition(": ")[2] if simple else f"{{{', '.join(parts)}}}"
        lines.append(f"    {scalar(each.tensor)}: {value}")
    return lines


def _output(draft: Draft, folder: Path) -> list[str]:
    found = draft.meaning
    if found is None:
        return []
    file = found.label_file or label_file_of(draft, folder)
    parts = [f"name: {scalar(found.name)}"] if found.name else []
    parts += [f"type: {found.type}", f"task: {found.task}"]
    if file is not None:
        parts.append(f"labels: {scalar(_relative(file, folder))}")
    elif found.labels:
        parts.append(f"labels: {_list(found.labels)}")
    parts += [f"positive: {scalar(found.positive)}"] if found.positive else []
    return [*([f"  # labels {found.comment}"] if found.comment else []), f"  output: {{{', '.join(parts)}}}"]


def _data(draft: Draft, folder: Path) -> list[str]:
    roles = draft.roles
    lines = [f"source: {scalar(_relative(draft.data, folder))}"]
    lines.append(f"id: {scalar(roles.id)}" if roles.id else "# no column identifies the examples: they are numbered by row")
    lines += [f"target: {scalar(roles.target)}"] if roles.target else []
    segments = [f"  {scalar(segmentation_name(name))}: {_segmentation(name, draft)}" for name in roles.segments]
    if draft.lengths_of is not None:
        segments.append(f"  {LENGTH}: {{column: {scalar(draft.lengths_of)}, by: characters, quantiles: {LENGTHS}}}")
    return lines + (["segments:", *segments] if segments else [])


def _segmentation(name: str, draft: Draft) -> str:
    margin = draft.margin.segments.get(name)
    if name in draft.roles.binned:
        return f"{{column: {scalar(name)}, quantiles: {BINS}}}"
    if margin is not None and margin.fewest:
        return f"{{column: {scalar(name)}, min_examples: {margin.fewest}, otherwise: merge}} # smaller ones together are (other)"
    return scalar(name)


def _check(draft: Draft) -> list[str]:
    margin = draft.margin
    lines = [f"{margin.name}:", f"  metric: {margin.metric}", f"  # {margin.comment}", f"  max_drop: {margin.max_drop}"]
    if margin.segments:
        lines.append(
            "  # each with what its typical segment can prove; smaller ones may stay unproven (?), and fail only when proven worse"
        )
        lines.append("  segments:")
        lines += [f"    {scalar(segmentation_name(name))}: {_segment_rule(found)}" for name, found in margin.segments.items()]
    if margin.max_unproven is not None:
        lines.append(f"  max_unproven: {margin.max_unproven} # most segments are too small to prove so little")
    return lines + (["  on_inconclusive: warn"] if margin.warn_only else [])


def _segment_rule(found: SegmentMargin) -> str:
    rule = "{}" if found.max_drop is None else f"{{max_drop: {found.max_drop}}}"
    return f"{rule} # the smallest, {one_line(found.smallest.name, 40)}, has {plural(found.smallest.size, 'example')}"


def segmentation_name(column: str) -> str:
    """A name the suite language allows, made from a column's."""
    return re.sub(r"[^\w.-]+", "-", column).strip("-.") or "segment"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"


def _relative(path: Path, folder: Path) -> str:
    """As the suite writes it: relative to its own folder, with forward slashes."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
