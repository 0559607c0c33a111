"""Distances between two models' answers to the same examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.errors import MeasurementError
from harness.metrics.labels import predicted_codes
from harness.metrics.probabilities import probabilities

Floats = NDArray[np.float64]
_TINY = 1e-12

WORST_KL = float(-np.log(_TINY))
"""Nats: the original is certain of an answer to which the candidate gives the smallest probability that is told apart from 0."""


@dataclass(frozen=True)
class Fidelity:
    """Distances over `n` examples; None where the outputs do not carry it.

    `flip_rate`: share of examples that exactly one model gets right (needs targets; without them the share of changed
    answers, its upper bound). `kl` (n,) nats, KL(original ‖ candidate). `right_answer_change`: mean change of the
    probability of the right answer. `cosine` (n,) of raw outputs. `sqnr` dB over all raw outputs:
    10·log10(Σ original² / Σ (original − candidate)²).
    """

    n: int
    flip_rate: float | None = None
    top1_agreement: float | None = None
    kl: Floats | None = None
    kl_p99: float | None = None
    right_answer_change: float | None = None
    cosine: Floats | None = None
    sqnr: float | None = None


def fidelity(original: Outputs, candidate: Outputs, targets: Targets | None) -> Fidelity:
    """How far `candidate` moved.

    A row on which the candidate failed has changed its answer and counts with the worst distance (KL `WORST_KL`, cosine
    -1, all of its signal as noise). Rows on which the original failed are left out of means: too many of them make the
    measurement INVALID.

    Raises `MeasurementError` when the two outputs have different types or shapes.
    """
    if original.spec.type is not candidate.spec.type and OutputType.LABEL not in (original.spec.type, candidate.spec.type):
        raise MeasurementError(
            f"agreement compares outputs of one type, and the original gives {original.spec.type}, the candidate {candidate.spec.type}; "
            "give both the same `output:`"
        )
    both = original.ok & candidate.ok
    n = len(original)
    known = targets if targets is not None else _unlabelled(original)
    agreement = flips = None
    if original.spec.task in (Task.BINARY, Task.MULTICLASS) and original.spec.type is not OutputType.VECTOR:
        one, other = predicted_codes(original, known), predicted_codes(candidate, known)
        same = (one == other) & both
        agreement = float(same.mean())
        if targets is not None:
            right, kept = (one == targets.values) & original.ok, (other == targets.values) & candidate.ok
            flips = float((right != kept).mean())
        else:
            flips = 1 - agreement
    if original.values.dtype.kind != "f" or candidate.values.dtype.kind != "f" or original.offsets is not None:
        return Fidelity(n, flips, agreement)
    if original.values.shape[1:] != candidate.values.shape[1:]:
        raise MeasurementError(
            f"the original's outputs have shape {original.values.shape[1:]} per example, the candidate's {candidate.values.shape[1:]}"
        )
    there, failed = original.ok, ~candidate.ok[original.ok]
    raw = tuple(outputs.values[there].reshape(int(there.sum()), -1) for outputs in (original, candidate))
    kl = right_change = None
    if original.spec.task in (Task.BINARY, Task.MULTICLASS) and original.spec.type in (
        OutputType.PROBABILITIES,
        OutputType.LOGITS,
        OutputType.SCORE,
    ):
        p, q = probabilities(original, known)[there], probabilities(candidate, known)[there]
        kl = np.sum(p * (np.log(np.maximum(p, _TINY)) - np.log(np.maximum(q, _TINY))), axis=1)
        kl = np.where(failed, WORST_KL, np.maximum(kl, 0.0))
        right_change = _right_answer_change(p, np.where(failed[:, None], 0.0, q), targets, there)
    return Fidelity(
        n,
        flips,
        agreement,
        kl,
        float(np.quantile(kl, 0.99)) if kl is not None and len(kl) else None,
        right_change,
        np.where(failed, -1.0, _cosine(*raw)) if raw[0].shape[1] > 1 else None,
        _sqnr(*raw),
    )


def _unlabelled(outputs: Outputs) -> Targets:
    """Stand-in for true answers that are not known: carries the labels, so that answers can be coded."""
    labels = outputs.labels or outputs.spec.labels
    if outputs.spec.task is Task.BINARY and outputs.spec.positive in labels and len(labels) == 2:
        labels = (labels[1 - labels.index(outputs.spec.positive)], outputs.spec.positive)
    return Targets(outputs.spec.task, np.zeros(len(outputs), dtype=np.int32), labels)


def _right_answer_change(p: Floats, q: Floats, targets: Targets | None, both: NDArray[np.bool_]) -> float | None:
    if targets is None or not both.any():
        return None
    rows = np.arange(len(p))
    right = targets.values[both].astype(np.int64)
    return float(np.mean(q[rows, right] - p[rows, right]))


def _cosine(one: NDArray[np.generic], other: NDArray[np.generic]) -> Floats:
    a, b = one.astype(np.float64), other.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine: Floats = np.sum(a * b, axis=1) / np.maximum(norms, _TINY)
    return cosine


def _sqnr(one: NDArray[np.generic], other: NDArray[np.generic]) -> float | None:
    """Infinite when the outputs are identical, None when the original's are all zero."""
    signal = float(np.sum(one.astype(np.float64) ** 2))
    noise = float(np.sum((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    if noise == 0:
        return float("inf")
    return 10 * float(np.log10(signal / noise)) if signal > 0 else None
