"""Small materials for checks, with known right and wrong answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from harness.arrays.outputs import Outputs
from harness.arrays.segmentation import Segmentation
from harness.arrays.targets import Targets
from harness.catalogue.refs import MetricRef
from harness.checks.material import Examples, Material
from harness.checks.quality import QualityCheck, QualityParameters
from harness.core.models import OutputSpec, OutputType, Task
from harness.core.segment import Segment
from harness.metrics.builtin import METRICS

LABELS = ("no", "yes")


def segmentation(name: str, values: Sequence[str]) -> Segmentation:
    """Every distinct value is a segment."""
    distinct = sorted(set(values))
    codes = np.array([distinct.index(value) for value in values], dtype=np.int32)
    return Segmentation(name, tuple(Segment(name, ((name, value),)) for value in distinct), codes)


def labels(answers: Sequence[int], status: Sequence[int] | None = None) -> Outputs:
    """Predicted label codes of one model."""
    spec = OutputSpec(OutputType.LABEL, Task.MULTICLASS, labels=LABELS)
    filled = np.zeros(len(answers), dtype=np.uint8) if status is None else np.asarray(status, dtype=np.uint8)
    return Outputs(spec, np.asarray(answers, dtype=np.int32), filled, LABELS)


def material(
    original: Outputs | None,
    candidate: Outputs | None,
    truth: Sequence[int],
    segments: Mapping[str, Sequence[str]] | None = None,
    clusters: Sequence[int] | None = None,
) -> Material:
    """Both models on the same examples e0, e1…"""
    found = {name: segmentation(name, values) for name, values in (segments or {}).items()}
    examples = Examples(
        name="test",
        fingerprint="f",
        ids=pa.array([f"e{i}" for i in range(len(truth))]),
        targets=Targets(Task.MULTICLASS, np.asarray(truth, dtype=np.int32), LABELS),
        segmentations=found,
        clusters=None if clusters is None else np.asarray(clusters, dtype=np.int32),
    )
    return Material("s", "int8", examples, original, candidate)


def from_counts(both_right: int, gained: int, lost: int, both_wrong: int) -> tuple[list[int], list[int], list[int]]:
    """(truth, original, candidate) with these paired counts."""
    truth = [1] * (both_right + gained + lost + both_wrong)
    original = [1] * both_right + [0] * gained + [1] * lost + [0] * both_wrong
    candidate = [1] * both_right + [1] * gained + [0] * lost + [0] * both_wrong
    return truth, original, candidate


def quality(max_drop: str = "2pp", metric: str = "accuracy", **parameters: object) -> QualityCheck:
    """A quality check as a suite would declare it."""
    kind = next(kind for kind in METRICS if kind.name == metric)
    made = kind.implementation(kind.parameters(), None)
    reference = MetricRef(metric, kind.parameters())
    return QualityCheck(metric, QualityParameters.model_validate({"metric": reference, "max_drop": max_drop, **parameters}), made)
