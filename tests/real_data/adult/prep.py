"""What the network reads beside the numbers: one column of zeros and ones per value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

VALUES: Mapping[str, tuple[str, ...]] = {
    "workclass": (
        "?", "Federal-gov", "Local-gov", "Never-worked", "Private", "Self-emp-inc", "Self-emp-not-inc", "State-gov", "Without-pay",
    ),
    "occupation": (
        "?", "Adm-clerical", "Armed-Forces", "Craft-repair", "Exec-managerial", "Farming-fishing", "Handlers-cleaners",
        "Machine-op-inspct", "Other-service", "Priv-house-serv", "Prof-specialty", "Protective-serv", "Sales", "Tech-support",
        "Transport-moving",
    ),
    "relationship": ("Husband", "Not-in-family", "Other-relative", "Own-child", "Unmarried", "Wife"),
    "race": ("Amer-Indian-Eskimo", "Asian-Pac-Islander", "Black", "Other", "White"),
    "sex": ("Female", "Male"),
}  # fmt: skip
"""Columns in the order the network sees them, each with its values in order."""

UNITS = tuple(f"{name}={value}" for name, values in VALUES.items() for value in values)
"""Unit i of the network's categorical input is the i-th of these."""


def one_hot(*columns: Iterable[str]) -> NDArray[np.float32]:
    """(n, 37) zeros and ones; a value that is not known leaves all units of its column at zero."""
    parts = [_units(column, values) for column, values in zip(columns, VALUES.values(), strict=True)]
    return np.concatenate(parts, axis=1)


def _units(column: Iterable[str], values: tuple[str, ...]) -> NDArray[np.float32]:
    return np.asarray(np.array([str(value) for value in column])[:, None] == np.array(values), np.float32)
