"""A gate that cries wolf is loosened until it is blind: with nothing wrong, hardly anything fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.adversity.door import pytest_run
from tests.adversity.material import RECORDED, outcomes, project, rows, suite

CANDIDATES = 50
SEGMENTS = 20
EACH = 300


def test_the_original_against_itself_passes(tmp_path: Path) -> None:
    folder = project(tmp_path)
    suite(folder, "same", RECORDED, ("prediction: b}", "prediction: a}"))
    (folder / "suites" / "rows.csv").write_text(rows(2_000, b=lambda i: "never read"))
    assert pytest_run(folder, "suites").status == 0
    assert set(outcomes(folder, "same").values()) == {"PASS"}


def test_fifty_candidates_that_lost_nothing(tmp_path: Path) -> None:
    """5 % of the answers flip, as many to right as to wrong. STATISTICS: some segment FAILs in about 0.6 % of such suites, at most 1.5 %.

    Of 50 candidates 3 or more fail with a probability of at most 1 − P(X ≤ 2), X ~ Binomial(50, 0.015): 4 %; the seed is fixed.
    """
    random = np.random.default_rng(20)
    n = SEGMENTS * EACH
    right = random.random(n) < 0.5
    flips = random.random((CANDIDATES, n)) < 0.05
    columns = {"fp32": right} | {f"c{index}": right ^ flips[index] for index in range(CANDIDATES)}
    folder = project(tmp_path)
    lines = [",".join(["id", "group", "y", *columns])]
    answers = np.stack([np.where(column, "yes", "no") for column in columns.values()], axis=1)
    lines += [",".join([f"r{row}", f"g{row % SEGMENTS}", "yes", *answers[row]]) for row in range(n)]
    (folder / "suites" / "rows.csv").write_text("\n".join(lines) + "\n")
    listed = "".join(f"  c{index}: {{outputs: rows.csv, prediction: c{index}}}\n" for index in range(CANDIDATES))
    suite(
        folder,
        "harmless",
        RECORDED,
        ("  c: {outputs: rows.csv, prediction: b}\n", listed),
        ("prediction: a}", "prediction: fp32}"),
        ("max_drop: 10pp", "max_drop: 2pp, max_unproven: 100%"),
    )
    pytest_run(folder, "suites", "-n", "2", "-q")
    found = outcomes(folder, "harmless")
    assert len(found) == CANDIDATES * (1 + SEGMENTS)
    assert set(found.values()) <= {"PASS", "INCONCLUSIVE", "FAIL"}
    blamed = {item.partition("::")[0] for item, outcome in found.items() if outcome == "FAIL"}
    assert len(blamed) <= 2, blamed
    wholes = [outcome for item, outcome in found.items() if "[" not in item]
    # n = 6,000 at 5 % flips: the smallest margin provable at 80 % is 1.1pp for 3,000 already, so 2pp passes nearly always.
    assert wholes.count("PASS") >= CANDIDATES - 1
