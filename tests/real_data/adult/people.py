"""Adult census income (UCI, 1994): who earns more than 50,000 dollars a year?

Rows that agree in every column the network reads fall into the same split, drawn from a hash of these columns, so that nobody is both
learnt from and tested on: 40 % are for training, the rest for testing.
The data set writes a missing value as `?`. Here it stays `?` in `workclass` and `occupation` and becomes an empty field in
`native-country`, so that both ways of writing it are seen.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pyarrow as pa

TRAIN_SHARE = 0.40
NUMBERS = ("age", "education-num", "capital-gain", "capital-loss", "hours-per-week")
CATEGORIES = ("workclass", "occupation", "relationship", "race", "sex")
FILE = Path(__file__).parent / "adult.csv"


def test() -> pa.Table:
    """Rows of the test split."""
    return pa.Table.from_pylist(people(FILE, train=False))


def train() -> pa.Table:
    """Rows of the training split."""
    return pa.Table.from_pylist(people(FILE, train=True))


def people(file: Path, *, train: bool) -> list[dict[str, object]]:
    """One dict per person of a split, in the order of the file."""
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return [_person(line, row) for line, row in enumerate(rows, start=2) if _is_train(row) == train]


def _is_train(row: dict[str, str]) -> bool:
    digest = hashlib.sha256("\0".join(row[name] for name in (*NUMBERS, *CATEGORIES)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < TRAIN_SHARE


def _person(line: int, row: dict[str, str]) -> dict[str, object]:
    country = row["native-country"]
    numbers = {name: float(row[name]) for name in NUMBERS}
    return {"id": f"line-{line}", **row, **numbers, "native-country": None if country == "?" else country}
