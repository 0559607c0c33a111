"""Every fault points at the token that is wrong: in mistakes planted at random, however the file is laid out."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spec.fakes import MARK, marked, spots
from tests.spec.test_suite import FULL

relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120, deadline=None)

MISSPELT = [
    ("about", "abuot"),
    ("torch", "toch"),
    ("factory", "factori"),
    ("weights: languages", "weihts: languages"),
    ("input", "imput"),
    ("with", "wiht"),
    ("task", "taks"),
    ("target", "taget"),
    ("segments:\n", "segmnts:\n"),
    ("column", "colum"),
    ("where", "wher"),
    ("compress:\n", "compres:\n"),
    ("expect", "expct"),
    ("reason", "resaon"),
    ("max_drop: 2pp", "max_dorp: 2pp"),
    ("critical: [", "crtical: ["),
    ("max_kl", "max_lk"),
    ("max_peak_memory", "max_peek_memory"),
]
"""Keys of the full suite, each with a slip of the pen."""

WRONG = [
    ("schema: ", "1", "2"),
    ("type: ", "logits", "logit"),
    ("task: ", "multiclass", "multiklass"),
    ("by: ", "characters", "letters"),
    ("edges: [0, ", "20", "twenty"),
    ('where: "speakers ', "<", "="),
    ("both: [", "language", "langage"),
    ("role: ", "train", "trian"),
    ("mode: ", "static", "statik"),
    ("bits: ", "8", "9"),
    ("outcome: ", "FAIL", "FALL"),
    ("metric: ", "accuracy", "acuracy"),
    ("max_drop: ", "2pp", "2%"),
    ("{max_drop: ", "1pp", "1%"),
    ("max_flip_rate: ", "3%", "3pp"),
    ("max_kl: ", "0.05", "nan"),
    ("min_size_reduction: ", "70%rel", "70%"),
    ("max_peak_memory: ", "500MB", "500"),
]
"""What stands before a value, the value, and a wrong one in its place."""


ALONE = [("edges: [0, ", "20", "-3")]
"""The same, of faults that are only looked for where each value by itself makes sense."""


def blank(text: str, draw: random.Random) -> str:
    """The same suite with comments, empty lines and more space than needed."""
    lines = []
    for line in text.splitlines():
        if draw.random() < 0.3:
            lines.append(" " * draw.randrange(5) + "# a comment: {with: [punctuation")
        if draw.random() < 0.2:
            lines.append("")
        lines.append(line.replace(", ", "," + " " * draw.randrange(1, 4)) if draw.random() < 0.5 else line)
    return "\n".join(lines) + "\n"


def check(folder: Path, text: str, seed: int) -> Any:
    (folder / "labels.txt").write_text("bn\nmr\nde\n", encoding="utf-8")
    text, spot = marked(blank(text, random.Random(seed)))
    found = spots(folder, text)
    assert any(fault.startswith(f"{spot}: ") for fault in found), (spot, found)
    return [fault for fault in found if fault.startswith(f"{spot}: ")]


@relaxed
@given(st.sampled_from(MISSPELT), st.integers(0, 2**32))
def test_a_misspelt_key(tmp_path: Path, slip: tuple[str, str], seed: int) -> None:
    right, wrong = slip
    assert right in FULL
    (fault,) = check(tmp_path, FULL.replace(right, MARK + wrong, 1), seed)
    key, meant = wrong.split(":")[0], right.split(":")[0]
    assert f"unknown key '{key}'" in fault
    assert fault.endswith(f"did you mean '{meant}'?")


@relaxed
@given(st.sampled_from(WRONG + ALONE), st.integers(0, 2**32))
def test_a_wrong_value(tmp_path: Path, case: tuple[str, str, str], seed: int) -> None:
    before, right, wrong = case
    assert before + right in FULL
    (fault,) = check(tmp_path, FULL.replace(before + right, before + MARK + wrong, 1), seed)
    assert wrong.split("]")[0] in fault


@relaxed
@given(st.lists(st.sampled_from(WRONG), min_size=2, max_size=5, unique_by=lambda case: case[0]), st.integers(0, 2**32))
def test_several_wrong_values_are_all_told(tmp_path: Path, cases: list[tuple[str, str, str]], seed: int) -> None:
    text = FULL
    for before, right, wrong in cases:
        text = text.replace(before + right, before + wrong, 1)
    for before, _, wrong in cases:
        check(tmp_path, text.replace(before + wrong, before + MARK + wrong, 1), seed)


@relaxed
@given(st.sampled_from(["schema", "about", "original", "data", "candidates", "checks"]), st.integers(0, 2**32))
def test_a_key_written_twice(tmp_path: Path, key: str, seed: int) -> None:
    (fault,) = check(tmp_path, f"{FULL}{MARK}{key}: 1\n", seed)
    assert f"key '{key}' is written twice" in fault
