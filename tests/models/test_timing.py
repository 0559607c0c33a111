"""Models timed in worker processes of their own."""

from __future__ import annotations

import gc
import json
import os
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from harness.core.models import InputSpec, ModelSpec
from harness.core.timing import InputSize, Lengths
from harness.errors import DataError, ModelError
from harness.models.stopwatch import Stopwatch
from harness.models.timing import MOST_CALLS, Block, ModelTimer, block_of
from harness.models.timing_rows import batches_of, rows_for
from harness.ports.timing import Pace, Round
from tests.models.fakes import MemoryDataset, kinds, linear_onnx, module, onnx_spec, outputs_spec, python_spec

X = (InputSpec("x", ("u", "v")),)
TEXTS = ["", *("wort " * n for n in range(1, 200)), None]


@pytest.fixture
def numbers() -> MemoryDataset:
    return MemoryDataset({"id": [f"r{i}" for i in range(40)], "u": np.arange(40.0), "v": np.ones(40), "y": ["a"] * 40})


def timer() -> ModelTimer:
    return ModelTimer(kinds())


def measured(models: list[ModelSpec], root: Path, dataset: MemoryDataset, size: InputSize, pace: Pace) -> list[Round]:
    with closing(timer().rounds(models, root, dataset, size, pace)) as rounds:
        return list(rounds)


SLEEPER = """
import json, os, time
import numpy as np

class Model:
    def __init__(self, milliseconds, log):
        self.seconds, self.log = milliseconds / 1000, log
        self.asked = []

    def __call__(self, batch):
        with open(self.log, "a") as log:
            log.write(json.dumps([os.getpid(), len(batch["id"]), [str(i) for i in batch["id"]]]) + "\\n")
        time.sleep(self.seconds)
        return np.zeros((len(batch["id"]), 3))
"""


def test_two_models_are_timed_in_turn_and_asked_the_same(tmp_path: Path, numbers: MemoryDataset) -> None:
    module(tmp_path, "m", SLEEPER)
    log = tmp_path / "log"
    models = [python_spec("m:Model", kwargs={"milliseconds": ms, "log": str(log)}) for ms in (2, 8)]
    found = measured(models, tmp_path, numbers, InputSize(4), Pace(5, 3, 1, seed=3))
    assert [len(durations) for each in found for durations in each.durations] == [2] * 10
    assert all(durations.shape == (2, 3) for each in found for durations in each.durations)
    first, second = (np.concatenate([each.durations[index] for each in found]) for index in (0, 1))
    assert 2e6 <= first.min() < 8e6 <= second.min()
    assert {each.first for each in found} == {True, False}
    asked = [json.loads(line) for line in log.read_text().splitlines()]
    workers = list(dict.fromkeys(pid for pid, _, _ in asked))
    assert len(workers) == 2
    assert os.getpid() not in workers
    assert not any(psutil.pid_exists(pid) for pid in workers)
    assert {rows for _, rows, _ in asked} == {4}
    # The last round is 2 models × 2 blocks × (2 to settle + 3); each model is asked for the same in it.
    last = [[request for pid, _, request in asked[-20:] if pid == worker] for worker in workers]
    assert last[0] == last[1]
    assert len({tuple(request) for request in last[0]}) > 1
    order = [pid for pid, _, _ in asked[-20:]]
    assert order[0] == order[-1] != order[5] == order[10]


def test_the_coin_is_that_of_the_seed(tmp_path: Path, numbers: MemoryDataset) -> None:
    linear_onnx(tmp_path / "m.onnx")
    models = [onnx_spec("m.onnx", X), onnx_spec("m.onnx", X)]
    one, same, other = (
        [each.first for each in measured(models, tmp_path, numbers, InputSize(), Pace(20, 1, 1, seed))] for seed in (1, 1, 2)
    )
    assert one == same != other


def test_calls_are_chosen_by_what_a_request_takes() -> None:
    pace = Pace(8, None, 20, 0)
    assert block_of(1.0, 2, pace) == Block(20, 1)
    assert block_of(0.002, 2, pace) == Block(62, 1)  # 4 s / 32 blocks / 2 ms
    assert block_of(1e-4, 2, pace) == Block(MOST_CALLS, 2)  # 1,250 requests of 0.1 ms in 125 ms
    assert block_of(1e-5, 2, pace) == Block(MOST_CALLS, 25)
    assert block_of(0.0, 1, pace) == block_of(1e-6, 1, pace)


@pytest.mark.parametrize("seconds", [1e-6, 3e-5, 1e-4, 2e-3, 0.5])
@pytest.mark.parametrize("calls", [None, 1, 30, 500])
def test_a_block_outlasts_what_disturbs_a_machine(seconds: float, calls: int | None) -> None:
    block = block_of(seconds, 2, Pace(8, calls, 20, 0))
    assert (block.every + 1) * block.calls * seconds > 0.03
    assert calls is None or block.calls == calls
    assert block.every == 1 or block.every * block.calls * seconds <= 0.126


def test_a_model_that_fails_while_it_is_timed_is_named_and_its_process_ended(tmp_path: Path, numbers: MemoryDataset) -> None:
    before = set(psutil.Process().children(recursive=True))
    linear_onnx(tmp_path / "m.onnx")
    module(tmp_path, "bad", "def answer(batch):\n    raise ValueError('no such luck')\n")
    module(tmp_path, "dead", "import os\ndef answer(batch):\n    os.abort()\n")
    good = onnx_spec("m.onnx", X)
    for function, message in (("bad:answer", "no such luck"), ("dead:answer", "SIGABRT"), ("gone:answer", "gone")):
        with pytest.raises(ModelError, match=message):
            measured([good, python_spec(function)], tmp_path, numbers, InputSize(), Pace(5, 1, 1, 0))
    left = set(psutil.Process().children(recursive=True)) - before
    assert not [child for child in left if child.is_running() and child.status() != "zombie"]


def test_a_model_that_hangs_is_given_up(tmp_path: Path, numbers: MemoryDataset) -> None:
    module(tmp_path, "slow", "import time\ndef answer(batch):\n    time.sleep(60)\n")
    with pytest.raises(ModelError, match="no answer within"):
        measured([python_spec("slow:answer", timeout=0.2)], tmp_path, numbers, InputSize(), Pace(5, 1, 1, 0))


def test_a_cold_start_holds_loading_and_the_first_answer(tmp_path: Path, numbers: MemoryDataset) -> None:
    module(
        tmp_path,
        "m",
        """
        import time
        import numpy as np

        class Model:
            def __init__(self):
                time.sleep(0.4)

            def __call__(self, batch):
                time.sleep(0.3)
                return np.zeros((len(batch["id"]), 3))
        """,
    )
    cold, load = timer().start(python_spec("m:Model"), tmp_path, numbers, InputSize())
    assert 0.4 <= load < cold - 0.3
    assert cold < 60


def test_a_recording_cannot_be_timed(tmp_path: Path, numbers: MemoryDataset) -> None:
    (tmp_path / "runs.csv").write_text("id,p,ms\n" + "".join(f"r{i},a,{i + 1}\n" for i in range(40)))
    model = outputs_spec(path="runs.csv", prediction="p", latency_ms="ms")
    assert timer().is_recorded(model)
    assert not timer().is_recorded(onnx_spec("m.onnx", X))
    with pytest.raises(ModelError, match="recording"):
        measured([model], tmp_path, numbers, InputSize(), Pace(5, 1, 1, 0))
    found = timer().recorded(model, tmp_path, numbers)
    assert found is not None
    assert found.tolist() == pytest.approx([(i + 1) / 1000 for i in range(40)])
    assert timer().recorded(outputs_spec(path="runs.csv", prediction="p"), tmp_path, numbers) is None


def test_rows_are_spread_and_repeated_only_where_there_are_too_few(numbers: MemoryDataset) -> None:
    rows = rows_for(numbers, InputSize(1))
    assert sorted(rows.ravel()) == list(range(40))
    assert rows_for(numbers, InputSize(100)).shape == (1, 100)
    assert set(rows_for(numbers, InputSize(100)).ravel()) == set(range(40))
    big = MemoryDataset({"id": [f"r{i}" for i in range(5000)]})
    chosen = rows_for(big, InputSize(8))
    assert chosen.shape == (32, 8)
    assert len(set(chosen.ravel())) == 256
    assert chosen.max() > 4900
    with pytest.raises(DataError, match="empty"):
        rows_for(MemoryDataset(numbers.table.slice(0, 0)), InputSize())


def test_batches_hold_the_rows_in_their_order(numbers: MemoryDataset) -> None:
    batches = batches_of(numbers, ["u"], np.array([[7, 3, 3], [39, 0, 7]]))
    assert [batch.column("u").to_pylist() for batch in batches] == [[7, 3, 3], [39, 0, 7]]


@pytest.mark.parametrize(("by", "factor"), [("words", 1), ("characters", 5), ("bytes", 5)])
@pytest.mark.parametrize(("quantile", "words"), [(0.5, 100), (0.95, 189), (1.0, 199)])
def test_rows_of_a_length_are_the_nearest_to_the_quantile(by: str, factor: int, quantile: float, words: int) -> None:
    dataset = MemoryDataset({"id": [f"r{i}" for i in range(len(TEXTS))], "text": TEXTS})
    rows = rows_for(dataset, InputSize(2, Lengths("text", by, quantile)))  # type: ignore[arg-type]
    lengths = [len((TEXTS[row] or "").split()) for row in rows.ravel()]
    assert rows.shape == (64, 2)
    # The 128 nearest among 200 lengths in steps of one.
    assert max(lengths) <= 199
    assert abs(np.median(lengths) - min(max(words - 1, 64), 199 - 63)) <= 3 * factor or quantile == 1.0
    assert len(TEXTS) - 1 not in rows  # a missing text has no length


def test_lengths_need_a_column_of_texts(numbers: MemoryDataset) -> None:
    with pytest.raises(DataError, match="no column 'txt'"):
        rows_for(numbers, InputSize(1, Lengths("txt", "words", 0.5)))
    with pytest.raises(DataError, match="holds double; only texts have a length"):
        rows_for(numbers, InputSize(1, Lengths("u", "words", 0.5)))
    nothing = MemoryDataset({"id": ["a"], "text": pa.array([None], pa.string())})
    with pytest.raises(DataError, match="no text at all"):
        rows_for(nothing, InputSize(1, Lengths("text", "words", 0.5)))


def test_the_stopwatch_asks_in_turn_and_keeps_the_collector_off() -> None:
    seen: list[tuple[int, bool]] = []
    watch = Stopwatch(lambda batch: {"x": np.array(batch.num_rows)}, lambda inputs: seen.append((int(inputs["x"]), gc.isenabled())))
    with pytest.raises(ModelError, match="nothing staged"):
        watch.time(1, 0)
    for rows in (1, 2, 3):
        watch.stage(pa.record_batch({"u": [0.0] * rows}))
    assert watch.time(4, first=1, settle=2).shape == (4,)
    assert seen == [(rows, False) for rows in (2, 3, 2, 3, 1, 2)]
    assert gc.isenabled()


def test_one_of_each_few_requests_is_kept_and_not_always_the_same() -> None:
    """Each request takes its number of milliseconds; four are staged, and one of four kept."""
    watch = Stopwatch(lambda batch: {"ms": np.array(batch.num_rows)}, lambda inputs: time.sleep(int(inputs["ms"]) / 1000))
    for milliseconds in (1, 11, 21, 31):
        watch.stage(pa.record_batch({"u": [0.0] * milliseconds}))
    kept = watch.time(4, first=0, settle=0, every=4) / 1e6
    assert [round(found - 1, -1) for found in kept] == [0, 10, 20, 30]
