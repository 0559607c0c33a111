"""Very many segments, very many columns, very long values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adversity.door import pytest_run
from tests.adversity.material import RECORDED, outcomes, project, suite


def test_five_thousand_columns_and_ids_of_five_thousand_characters(tmp_path: Path) -> None:
    folder = project(tmp_path)
    wide = ",".join(f"c{number}" for number in range(5_000))
    ones = ",".join("1" * 5_000)
    lines = [
        f"id,group,y,a,b,{wide}",
        *(f"{'i' * 5_000}{i},g{i % 3},{i % 2},{i % 2},{i % 2 if i else 1 - i % 2},{ones}" for i in range(300)),
    ]
    (folder / "suites" / "rows.csv").write_text("\n".join(lines) + "\n")
    suite(folder, "wide")
    run = pytest_run(folder, "suites", limit=60)
    assert run.status == 0
    assert set(outcomes(folder, "wide").values()) == {"PASS"}
    assert len(run.text) < 20_000


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_ten_thousand_segments(tmp_path: Path) -> None:
    folder = project(tmp_path)
    lines = ["id,group,y,a,b", *(f"{i},s{i % 10_000},{i % 2},{i % 2},{i % 2}" for i in range(50_000))]
    (folder / "suites" / "rows.csv").write_text("\n".join(lines) + "\n")
    suite(folder, "many", RECORDED, ("per: [group]", "per: [group], max_unproven: 100%"))
    run = pytest_run(folder, "suites", "-q", limit=400)
    assert run.status == 0
    assert len(run.cases) == 10_001
    found = outcomes(folder, "many")
    assert len(found) == 10_001
    assert found["c::accuracy"] == "PASS"
    # Five examples prove nothing about 10pp: without a flip 27 are needed (z²/(n + z²) < 0.1).
    assert set(found.values()) == {"PASS", "INCONCLUSIVE"}
    assert (folder / "reports" / "many" / "index.html").stat().st_size < 20_000_000
