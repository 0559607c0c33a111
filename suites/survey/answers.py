"""A magazine's survey of married women (Fair 1978, 6,366 answers), from statsmodels: who reports an extramarital affair?

Several women gave the same answers about themselves, so rows with equal features fall into the same split, drawn from a
hash of those features. 40 % are for training, the rest for testing.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import pyarrow as pa
import statsmodels.api as sm

TRAIN_SHARE = 0.40
FEATURES = ("rate_marriage", "age", "yrs_married", "children", "religious", "educ", "occupation", "occupation_husb")

_RELIGIOUS = {1: "not", 2: "mildly", 3: "fairly", 4: "strongly"}
_EDUCATION = {
    9: "high school or less",
    12: "high school or less",
    14: "some college",
    16: "college",
    17: "some graduate school",
    20: "advanced degree",
}
_OCCUPATION = {1: "student", 2: "manual", 3: "white-collar", 4: "teacher or skilled", 5: "managerial", 6: "professional"}


def test() -> pa.Table:
    """Rows of the test split."""
    return _split(train=False)


def train() -> pa.Table:
    """Rows of the training split."""
    return _split(train=True)


def _split(*, train: bool) -> pa.Table:
    """One row per answer, in order of id: id, affair, the features as numbers, and religiousness, education, job in words."""
    rows, seen = [], Counter[str]()
    for answer in sm.datasets.fair.load_pandas().data.to_dict("records"):
        features = {name: float(answer[name]) for name in FEATURES}
        thing = hashlib.sha256(repr(tuple(features.values())).encode())
        content = hashlib.sha256(repr(tuple(answer.values())).encode()).hexdigest()[:14]
        seen[content] += 1
        if (int.from_bytes(thing.digest()[:8]) / 2**64 < TRAIN_SHARE) != train:
            continue
        rows.append(
            {
                "id": f"{content}-{seen[content]}",
                "affair": "yes" if answer["affairs"] > 0 else "no",
                **features,
                "religiousness": _RELIGIOUS[int(answer["religious"])],
                "education": _EDUCATION[int(answer["educ"])],
                "job": _OCCUPATION[int(answer["occupation"])],
            }
        )
    return pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]))
