"""Adult census income (UCI, 1994): who earns more than 50,000 dollars a year?

Rows that agree in every column fall into the same split, drawn from a hash of the row: 40 % are for training, the rest for testing.
The data set writes a missing value as `?`. Here it stays `?` in `workclass` and `occupation`, and becomes empty in `native-country`, so
that both ways to write it are seen.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pyarrow as pa

TRAIN_SHARE = 0.40
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")


def test() -> pa.Table:
    """Rows of the test split."""
    return _split(train=False)


def train() -> pa.Table:
    """Rows of the training split."""
    return _split(train=True)


def _split(*, train: bool) -> pa.Table:
    with (Path(__file__).parent / "adult.csv").open(newline="", encoding="utf-8") as stream:
        people = list(csv.DictReader(stream))
    rows = [_row(line, person) for line, person in enumerate(people, start=2) if _is_train(person) == train]
    return pa.Table.from_pylist(rows)


def _is_train(person: dict[str, str]) -> bool:
    digest = hashlib.sha256("\0".join(person.values()).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < TRAIN_SHARE


def _row(line: int, person: dict[str, str]) -> dict[str, object]:
    country = person["native-country"]
    numbers = {name: float(person[name]) for name in NUMBERS}
    return {"id": f"line-{line}", **person, **numbers, "native-country": None if country == "?" else country}
