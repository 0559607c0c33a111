"""Where the real data sets lie, which are not part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

VARIABLE = "HARNESS_REAL_DATA"
"""Names the folder with `adult_census/` and `banking77/`; unset, a folder `data` in any neighbour of the checkout will do."""


def real_data(name: str) -> Path:
    """The file or folder `name` of the real data sets; skips the test where it is missing."""
    given = os.environ.get(VARIABLE)
    neighbours = Path(__file__).resolve().parents[3]
    places = [Path(given)] if given else sorted(neighbours.glob("*/data"))
    found = next((place / name for place in places if (place / name).exists()), None)
    if found is None:
        pytest.skip(f"the real data set {name} is not in {given}" if given else f"{name} is not there; {VARIABLE} says where it is")
    return found
