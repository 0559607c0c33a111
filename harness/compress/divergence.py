"""How far the answers of a compressed model are from the original's, without true answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from harness.core.models import OutputSpec, OutputType, Task

_LEAST = 1e-12


def measure_of(output: OutputSpec | None) -> str:
    """Name of the measure: `kl` where answers are distributions, else `mse`."""
    return "kl" if output is not None and output.type in (OutputType.LOGITS, OutputType.PROBABILITIES) else "mse"


def divergence(original: NDArray[Any], made: NDArray[Any], output: OutputSpec | None) -> float | None:
    """None where an answer is not finite; else, over all answers,

    kl:   mean Kullback-Leibler divergence of the made distribution from the original one, in nats
    mse:  mean squared difference, as a share of the original's mean square

    >>> logits = np.log(np.array([[0.5, 0.5]]))
    >>> spec = OutputSpec(OutputType.LOGITS, Task.MULTICLASS)
    >>> round(divergence(logits, np.log(np.array([[0.25, 0.75]])), spec), 4)  # 0.5 ln 2 + 0.5 ln 2/3
    0.1438
    """
    if not np.isfinite(made).all():
        return None
    if output is not None and measure_of(output) == "kl":
        wanted, found = _log_probabilities(original, output), _log_probabilities(made, output)
        return max(0.0, float(np.mean(np.sum(np.exp(wanted) * (wanted - found), axis=-1))))
    exact = original.astype(np.float64)
    return float(np.mean(np.square(exact - made)) / max(float(np.mean(np.square(exact))), _LEAST))


def _log_probabilities(answers: NDArray[Any], output: OutputSpec) -> NDArray[np.float64]:
    """Log-probabilities along the last axis: of the classes, or of yes and no where there is one number per question."""
    single = output.task is Task.MULTILABEL or answers.ndim == 1 or answers.shape[-1] == 1
    values = answers.astype(np.float64)
    if output.type is OutputType.PROBABILITIES:
        values = np.clip(values, _LEAST, 1)
        return np.log(np.stack([np.clip(1 - values, _LEAST, 1), values], axis=-1) if single else values)
    if single:
        values = np.stack([np.zeros_like(values), values], axis=-1)
    return np.asarray(log_softmax(values, axis=-1))
