"""One suite file, parsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.core.models import ModelSpec
from harness.core.segment import SegmentationSpec


@dataclass(frozen=True)
class DataSpec:
    """One data set. `parameters` belong to the source kind `kind` of the catalogue. `cluster_by` is a column."""

    name: str
    kind: str
    parameters: object
    id: str | None
    target: str | None
    segments: tuple[SegmentationSpec, ...] = ()
    role: Literal["test", "train", "validation", "calibration"] = "test"
    cluster_by: str | None = None


@dataclass(frozen=True)
class CheckSpec:
    """One check: its name in the suite, its kind in the catalogue, its typed parameters, the data set it reads.

    `place` is the line and column at which it stands in the suite file.
    """

    name: str
    kind: str
    parameters: object
    data: str
    place: tuple[str, int, int] = ("", 1, 1)


@dataclass(frozen=True)
class Suite:
    """Everything one suite file says. `path` is the file; relative paths in it are relative to `root`."""

    name: str
    path: Path
    original: ModelSpec
    candidates: tuple[ModelSpec, ...]
    data: Mapping[str, DataSpec]
    checks: tuple[CheckSpec, ...]
    about: str = ""
    report_examples: Literal["ids", "text"] = "ids"
    requires: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The folder of the suite file."""
        return self.path.parent

    def model(self, name: str) -> ModelSpec:
        """The original (by its name, `original`) or a candidate; KeyError for any other name."""
        for model in (self.original, *self.candidates):
            if model.name == name:
                return model
        raise KeyError(name)
