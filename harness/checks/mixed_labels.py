"""Signs that a model's labels are in another order than the suite says: whole classes answered with each other's names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness import stats
from harness.arrays.outputs import Outputs
from harness.arrays.targets import Targets
from harness.core.models import OutputType, Task
from harness.core.numbers import listed, percent
from harness.metrics.labels import predicted_codes

ADVICE = "look at the order of the labels (index 0 first), the preprocessing and the output's name"

CAUTION = 0.998
"""Level of the two-sided interval that must lie above one half before a class counts as answered with another's name."""


def exchanged_labels(outputs: Outputs, targets: Targets) -> str:
    """Which classes a model answers with each other's labels, "" when there are none.

    A class counts when more than half of its examples, proven at one-sided 0.1 %, get the name of one other class, and
    the classes that count exchange their names among themselves: poor models confuse classes too, but not in turn.
    """
    if targets.task not in (Task.BINARY, Task.MULTICLASS) or outputs.spec.type in (OutputType.VECTOR, OutputType.VALUES):
        return ""
    truth, answers = targets.values.astype(np.int64), predicted_codes(outputs, targets)
    wrong = {code: name for code in np.unique(truth).tolist() if (name := _name_given(code, answers[truth == code])) != code}
    turned = _in_turn({code: name for code, name in wrong.items() if name is not None})
    if not turned:
        return ""
    members = np.isin(truth, list(turned))
    share = float(np.mean(answers[members] == [turned[code] for code in truth[members].tolist()]))
    pairs = [f"{_label(targets, code)} is answered with {_label(targets, name)}" for code, name in sorted(turned.items())]
    return f"{listed(pairs)} (on {percent(share)} of their examples)"


def _name_given(code: int, answers: NDArray[np.int64]) -> int | None:
    """The class that most examples of class `code` are answered with; None when no class has more than half, surely."""
    given = answers[answers >= 0]
    if not len(given):
        return None
    name = int(np.bincount(given).argmax())
    interval = stats.wilson_interval(float(np.count_nonzero(answers == name)), float(len(answers)), CAUTION)
    return name if name == code or float(interval.low) > 0.5 else None


def _in_turn(names: dict[int, int]) -> dict[int, int]:
    """What is left of the mapping when only classes stay that exchange their names among themselves."""
    while (kept := {code: name for code, name in names.items() if name in names and code in names.values()}) != names:
        names = kept
    return names if len(set(names.values())) == len(names) else {}


def _label(targets: Targets, code: int) -> str:
    return repr(targets.labels[code]) if code < len(targets.labels) else str(code)
