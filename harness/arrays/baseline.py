"""What a person accepted: estimates and per-example outcomes that later runs are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Side = Literal["original", "golden", "accepted"]
"""Whose outcomes: the original's, the candidate's at the pinned golden acceptance, the candidate's at the last one."""


@dataclass(frozen=True)
class Acceptance:
    """Who accepted what, when and why. `drops` maps item names to the accepted drop; `overridden` names the spent budget."""

    who: str
    when: str
    note: str
    model: str
    drops: Mapping[str, float] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    overridden: str = ""


@dataclass(frozen=True)
class Outcomes:
    """Per-example outcomes of one model for one check, in the row order of the data set.

    The data set's fingerprint covers its ids and their order, so equal fingerprints pair examples by id.

    `form` says what `values` are: `scores` of a mean metric (n,), `label` codes (n,), `score` of the positive class (n,),
    or `full` outputs (n, …); what is not `scores` feeds a metric of the whole set. `labels` are those of the model they come
    from: codes and columns are indices into them. A row on which the model failed is -1 or NaN.
    """

    form: Literal["scores", "label", "score", "full"]
    values: NDArray[np.generic]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """The accepted state of one candidate of one suite.

    `data` is the fingerprint of the data set per check; `segments` the labels of the segments that stood per check;
    `edges` the frozen bin edges per data set and segmentation, and `edge_rules` the rules by which they were computed;
    `measures` says by what each check measured (metric with its parameters, task, threshold, target): outcomes of another
    measure are not compared. Of checks that the suite has no more, data and measure stay as long as golden outcomes do.
    `outcomes` is None when they were too large to keep beside it.
    """

    suite: str
    candidate: str
    original_model: str
    data: Mapping[str, str]
    segments: Mapping[str, tuple[str, ...]]
    edges: Mapping[str, Mapping[str, tuple[float, ...]]]
    edge_rules: Mapping[str, Mapping[str, str]]
    measures: Mapping[str, str]
    golden: Acceptance
    accepted: Acceptance
    history: tuple[Acceptance, ...] = ()
    attempts: int = 0
    outcomes: Mapping[tuple[Side, str], Outcomes] | None = None
