"""How many deaths and questions it takes to find the rows that kill a worker, with workers that only pretend."""

from __future__ import annotations

import math
import re
import time
from collections import deque
from collections.abc import Iterator
from typing import cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.arrays.outputs import RowStatus
from harness.errors import ModelError
from harness.models.answer import Answer, joined
from harness.models.gathering import Gathering, Request
from harness.models.process import WorkerDiedError, WorkerProcess
from harness.models.protocol import Frame, pack_arrays, unpack_batch


class Bench:
    """Starts workers that die on the rows `deadly` and take too long on `slow`, and keeps count."""

    def __init__(self, deadly: set[int], slow: set[int] | None = None) -> None:
        self.deadly = deadly
        self.slow = slow or set()
        self.failures = 0
        self.answered: list[int] = []

    def start(self) -> WorkerProcess:
        return cast(WorkerProcess, Pretender(self))

    def gather(self, rows: int, size: int = 64) -> Answer:
        gathering = Gathering("m", self.start, 60.0, rows, lambda row: f"example {row}")
        return joined(list(gathering.answers(self.requests(rows, size))))

    @staticmethod
    def requests(rows: int, size: int) -> Iterator[Request]:
        for low in range(0, rows, size):
            yield Request(low, pa.record_batch({"x": np.arange(low, min(low + size, rows))}))


class Pretender:
    """What `Gathering` sees of a worker. The answer to row x is x."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.asked: deque[Frame] = deque()

    def ready(self) -> float:
        return 0.0

    def send(self, frame: Frame) -> None:
        self.asked.append(frame)

    def receive(self, timeout: float) -> tuple[float, Frame] | None:
        x = unpack_batch(self.asked.popleft().buffers[0])["x"].to_numpy()
        rows = set(x.tolist())
        if rows & (self.bench.deadly | self.bench.slow):
            self.bench.failures += 1
            if rows & self.bench.slow:
                return None
            raise WorkerDiedError("was killed by SIGSEGV", "")
        self.bench.answered.append(len(x))
        described, buffers = pack_arrays({"values": x.astype(float), "status": np.zeros(len(x), np.uint8)})
        return time.monotonic(), Frame({"is": "answer", "index": 0, "arrays": described, "messages": {}}, buffers)

    def close(self) -> None: ...


def check(answer: Answer, rows: int, crashed: set[int], timed_out: set[int] | None = None) -> None:
    assert len(answer) == rows
    assert set(np.flatnonzero(answer.status == RowStatus.CRASHED).tolist()) == crashed
    assert set(np.flatnonzero(answer.status == RowStatus.TIMED_OUT).tolist()) == (timed_out or set())
    ok = answer.status == RowStatus.OK
    assert answer.values is not None
    np.testing.assert_array_equal(answer.values[ok], np.arange(rows)[ok])


@pytest.mark.parametrize("row", range(64))
def test_one_row_of_a_batch_costs_its_halvings_and_one_death_to_be_sure(row: int) -> None:
    """Batches of 64, 32, 16, 8, 4 and 2, the row and the row again are 8 deaths; the other halves are 6 answers."""
    bench = Bench({row})
    check(bench.gather(64), 64, {row})
    assert bench.failures == 8
    assert sorted(bench.answered) == [1, 2, 4, 8, 16, 32]


def test_seventeen_scattered_rows_of_three_thousand_cost_only_themselves() -> None:
    deadly = {97 + 170 * i for i in range(17)}
    bench = Bench(deadly)
    check(bench.gather(3000), 3000, deadly)
    assert bench.failures <= 17 * 8
    assert len(bench.answered) <= 47 + 17 * 6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 70), st.data())
def test_any_few_rows_are_found_and_all_others_answered(rows: int, size: int, data: st.DataObject) -> None:
    """Each of the rows is held against the model three times at most: nine rows never reach the limit of 30."""
    deadly = data.draw(st.sets(st.integers(min(rows, 140), rows - 1), max_size=9)) if rows > 140 else set()
    bench = Bench(deadly)
    check(bench.gather(rows, size), rows, deadly)
    assert bench.failures <= len(deadly) * (math.ceil(math.log2(size)) + 2)


@pytest.mark.parametrize("size", [1, 2, 64, 1024])
def test_the_first_row_alone_never_ends_a_run(size: int) -> None:
    check(Bench({0}).gather(2000, size), 2000, {0})


@pytest.mark.parametrize(("rows", "found"), [(200, 15), (600, 15), (3000, 75), (3020, 76)])
def test_the_limit_is_thirty_or_a_twentieth_of_the_rows(rows: int, found: int) -> None:
    """Asked alone from the start, each deadly row is two deaths: of 30, 30, 150 and 151."""
    deadly = set(range(10, rows))
    limit = max(30, rows // 20)
    bench = Bench(deadly)
    with pytest.raises(ModelError, match=f"failed {limit} times, on {found} of {rows:,} examples") as caught:
        bench.gather(rows, 1)
    assert bench.failures == limit
    named = re.findall(r"example \d+", str(caught.value))
    assert named == [f"example {row}" for row in range(10, 15)]


def test_a_model_that_dies_just_below_the_limit_is_not_given_up() -> None:
    deadly = set(range(10, 84))
    bench = Bench(deadly)
    check(bench.gather(3000, 1), 3000, deadly)
    assert bench.failures == 148


def test_time_outs_are_asked_alone_at_once_and_end_at_thirty_however_large_the_data() -> None:
    """A slow row costs its batch and itself twice: nine are 27 time-outs, and the tenth is the thirtieth."""
    slow = {70 + 128 * i for i in range(9)}
    bench = Bench(set(), slow)
    check(bench.gather(3000), 3000, set(), slow)
    assert bench.failures == 27
    with pytest.raises(ModelError, match="failed 30 times, on 10 of 3,000 examples"):
        Bench(set(), slow | {2000}).gather(3000)


def test_before_any_answer_eight_failures_are_enough() -> None:
    bench = Bench(set(range(3000)))
    with pytest.raises(ModelError, match=r"failed 8 times, on 4 of 3,000 examples \(example 0, example 1, example 2, example 3\)"):
        bench.gather(3000, 1)
    slow = Bench(set(), set(range(3000)))
    with pytest.raises(ModelError, match=r"failed 8 times, on 4 of 3,000 examples .*; the last time no answer within 60 s"):
        slow.gather(3000)
