"""The models and data that making a candidate works with, joined by the wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.core.models import ModelSpec
from harness.ports.compress import Batch, Feed, Lessons


@dataclass(frozen=True)
class Resources:
    """What a maker asks of the rest of the house.

    feed:       (model, data set, rows) → batches of its inputs
    lessons:    (model, data set, rows) → batches of its inputs with the true answers
    data_hash:  (data set) → content hash of its rows
    tested:     () → content hashes of the data that checks read
    sources:    (references to functions of the suite's tree) → what their code is: hashes and versions of what it imports
    target:     (data set) → its target column
    metric:     () → by what `score` measures, in words
    overlap:    (model, data set, rows) → how many of these rows also stand in data that is tested on
    score:      (model, how it answers a batch, data set) → the suite's metric there, turned so that more is better
    module:     (model of kind torch) → its `torch.nn.Module`, with its weights
    onnx_path:  (model of kind onnx) → its file, None for any other kind
    size:       (model) → bytes of its files
    verify_on:  the data set some of whose rows stand for real input: to trace a network with, to prove an export on
    """

    feed: Callable[[ModelSpec, str, int | None], Feed]
    lessons: Callable[[ModelSpec, str, int | None], Lessons]
    data_hash: Callable[[str], str]
    tested: Callable[[], tuple[str, ...]]
    sources: Callable[[tuple[str, ...]], object]
    target: Callable[[str], str | None]
    metric: Callable[[], str]
    overlap: Callable[[ModelSpec, str, int | None], int]
    score: Callable[[ModelSpec, Callable[[Batch], Batch], str], float]
    module: Callable[[ModelSpec], Any]
    onnx_path: Callable[[ModelSpec], Path | None]
    size: Callable[[ModelSpec], int]
    verify_on: str
