"""What the command line said; everything else is found out or asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wishes:
    """`segments` is None when nothing was said about them. `ask` is False with --yes.

    An entry of `columns`, `excluded` or `segments` may hold several names with commas between them.
    """

    original: Path | None = None
    candidate: Path | None = None
    data: Path | None = None
    output: Path | None = None
    name: str | None = None
    ask: bool = True
    force: bool = False
    target: str | None = None
    id: str | None = None
    segments: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    text: str | None = None
    tokenizer: Path | None = None
    max_length: int | None = None
    task: str | None = None
    model_output: str | None = None
    output_type: str | None = None
    label_file: Path | None = None
    labels: tuple[str, ...] = ()
    positive: str | None = None
    outputs: Path | None = None
    original_column: str | None = None
    candidate_columns: tuple[str, ...] = ()
