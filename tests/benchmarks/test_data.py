"""Opening large data sets and storing their evidence, against bare readings of the same files.

Ratios are printed and kept in pytest-benchmark's records; nothing here fails because a machine is slow.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from harness.core.models import Task
from harness.core.segment import ByBins, ByColumn, ByPredicate, ByProduct, SegmentationSpec
from tests.data.helpers import opener, output, spec
from tests.store.helpers import KEY, LABELS, chunk, store

pytestmark = pytest.mark.slow

ROWS = 1_000_000
SEGMENTS = (
    SegmentationSpec("language", ByColumn("language")),
    SegmentationSpec("content", ByColumn("content")),
    SegmentationSpec("both", ByProduct(("language", "content"))),
    SegmentationSpec("length", ByBins("id", edges=(5, 10, 20), by="characters")),
    SegmentationSpec("rare", ByPredicate("language in ['l1', 'l2'] and content != 'news'")),
)
TEXTS = ("id", "language", "fp32", "int6", "content")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`rows.csv.gz` and `rows.parquet`: a million rows of 50 languages and 4 kinds of content."""
    import polars

    rng = np.random.default_rng(7)
    languages = np.array([f"l{number}" for number in range(50)])
    language = languages[rng.integers(0, 50, ROWS)]
    frame = polars.DataFrame(
        {
            "id": [f"example-{number:07d}" for number in range(ROWS)],
            "language": language,
            "fp32": np.where(rng.random(ROWS) < 0.9, language, "l0"),
            "int6": np.where(rng.random(ROWS) < 0.85, language, "l1"),
            "content": np.array(["news", "chat", "code", "law"])[rng.integers(0, 4, ROWS)],
        }
    )
    place = tmp_path_factory.mktemp("million")
    frame.write_parquet(place / "rows.parquet")
    frame.write_csv(place / "rows.csv")
    (place / "rows.csv.gz").write_bytes(gzip.compress((place / "rows.csv").read_bytes(), 1))
    return place


def seconds(work: Callable[[], Any]) -> float:
    """The best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def report(benchmark: Any, what: str, bare: float) -> None:
    ours = benchmark.stats.stats.min
    benchmark.extra_info.update(rows=ROWS, bare_seconds=bare, ratio=ours / bare)
    print(f"\n{what}, n = {ROWS:,}: {ours:.2f} s, bare reading {bare:.2f} s, ratio {ours / bare:.1f}")  # what a benchmark is for


def read_csv(path: Path) -> None:
    texts = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(TEXTS, "string"))
    pyarrow.csv.read_csv(path, convert_options=texts)


def test_csv_for_the_first_time(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    declared = spec("rows.csv.gz", target="language", segments=SEGMENTS)
    count = iter(range(100))

    def work() -> None:
        dataset = opener(tmp_path / f"{next(count)}").open(declared, folder)
        assert len(dataset.segmentations()) == 5

    benchmark.pedantic(work, rounds=3)
    report(benchmark, "csv.gz, first opening with segments", seconds(lambda: read_csv(folder / "rows.csv.gz")))


def test_csv_again(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    declared = spec("rows.csv.gz", target="language", segments=SEGMENTS)
    opener(tmp_path).open(declared, folder)
    benchmark.pedantic(lambda: opener(tmp_path).open(declared, folder).segmentations(), rounds=3)
    report(benchmark, "csv.gz, opened again with segments", seconds(lambda: read_csv(folder / "rows.csv.gz")))


def test_parquet_ids_targets_segments(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    declared = spec("rows.parquet", target="language", segments=SEGMENTS)

    def work() -> None:
        dataset = opener(tmp_path).open(declared, folder)
        assert len(dataset.ids()) == len(dataset.targets(output(Task.MULTICLASS)).values) == ROWS
        assert len(dataset.segmentations()) == 5

    benchmark.pedantic(work, rounds=3)
    bare = seconds(lambda: pq.read_table(folder / "rows.parquet", columns=["id", "language", "content"]))
    report(benchmark, "Parquet, ids and targets and segments", bare)


def test_batches(benchmark: Any, folder: Path, tmp_path: Path) -> None:
    dataset = opener(tmp_path).open(spec("rows.parquet"), folder)
    benchmark.pedantic(lambda: sum(batch.num_rows for batch in dataset.batches(["id", "content"], 64)), rounds=3)
    report(benchmark, "batches of 64", seconds(lambda: pq.read_table(folder / "rows.parquet", columns=["id", "content"])))


def test_collecting_ten_thousand_segments(benchmark: Any, tmp_path: Path) -> None:
    (tmp_path / "many.csv").write_text("id,a\n" + "".join(f"{number},v{number % 10_000}\n" for number in range(20_000)))
    declared = spec("many.csv", segments=(SegmentationSpec("a", ByColumn("a")),))
    opener(tmp_path).index(declared, tmp_path)
    index = benchmark(lambda: opener(tmp_path).index(declared, tmp_path))
    assert len(index.segmentations[0].segments) == 10_000


def test_storing_and_loading_evidence(benchmark: Any, tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 3, ROWS).astype(np.int32)
    start = time.perf_counter()
    with store(tmp_path).open(KEY) as entry:
        for at in range(0, ROWS, 64):
            entry.append(chunk(at, labels[at : at + 64]))
        entry.finish({})
    stored = time.perf_counter() - start
    found = benchmark.pedantic(lambda: store(tmp_path).load(KEY, LABELS), rounds=3)
    np.testing.assert_array_equal(found.values, labels)
    np.save(tmp_path / "labels.npy", labels)
    print(f"\nstored in chunks of 64: {stored:.2f} s")  # what a benchmark is for
    report(benchmark, "evidence of one label per row, loaded", seconds(lambda: np.load(tmp_path / "labels.npy")))
