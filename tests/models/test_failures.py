"""Models that raise, hang, crash or print, on some examples or on all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from harness.arrays.outputs import RowStatus
from harness.core.models import ModelSpec
from harness.errors import ModelError
from harness.models import failures
from tests.models.fakes import MemoryDataset, gathered, module, observer, python_spec

MODEL = """
    import os, re, signal, sys, time
    import numpy as np

    def answer(batch):
        x = batch["x"].astype(float)
        return np.stack([x, -x, 0 * x], axis=1)

    def raises(batch, rows):
        if set(rows) & set(batch["x"].tolist()):
            raise ValueError("row is not welcome\\nsecond line")
        return answer(batch)

    def leaves(batch, rows):
        if set(rows) & set(batch["x"].tolist()):
            sys.exit("enough")
        return answer(batch)

    def segfaults(batch, rows):
        if set(rows) & set(batch["x"].tolist()):
            print("about to fall", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGSEGV)
        return answer(batch)

    def exits(batch, rows):
        if set(rows) & set(batch["x"].tolist()):
            os._exit(7)
        return answer(batch)

    def hangs(batch, rows):
        if set(rows) & set(batch["x"].tolist()):
            time.sleep(3600)
        return answer(batch)

    def hangs_with_the_lock(batch, rows):
        # Native code that never gives the interpreter back.
        if set(rows) & set(batch["x"].tolist()):
            re.match(r"(a+)+$", "a" * 40 + "!")
        return answer(batch)

    def prints(batch):
        print("x" * 100_000)
        os.write(1, b"raw bytes \\x00\\xff" * 1000)
        sys.stdout.flush()
        return answer(batch)

    def reads(batch):
        assert sys.stdin.read() == ""
        return answer(batch)

    def flaky(batch, marker):
        if not os.path.exists(marker):
            open(marker, "w").close()
            os._exit(1)
        return answer(batch)

    def greedy(batch):
        if len(batch["x"]) > 8:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer(batch)

    def reports(batch, file):
        with open(file, "a") as out:
            print(os.getpid(), file=out)
        return answer(batch)

    def sleeps(batch, file, seconds):
        with open(file, "w") as out:
            print(os.getpid(), file=out)
        time.sleep(seconds)
        return answer(batch)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    module(tmp_path, "model", MODEL)
    return tmp_path


def data(rows: int) -> MemoryDataset:
    return MemoryDataset({"id": [f"e{row}" for row in range(rows)], "x": np.arange(rows), "y": ["a"] * rows})


def expected(rows: int) -> np.ndarray:
    x = np.arange(rows, dtype=float)
    return np.stack([x, -x, 0 * x], axis=1)


@pytest.mark.parametrize(
    ("function", "status", "message", "timeout"),
    [
        ("raises", RowStatus.RAISED, "ValueError: row is not welcome", 60.0),
        ("leaves", RowStatus.RAISED, "SystemExit: enough", 60.0),
        ("segfaults", RowStatus.CRASHED, "the worker was killed by SIGSEGV; last line it printed: about to fall", 60.0),
        ("exits", RowStatus.CRASHED, "the worker ended with exit status 7", 60.0),
        ("hangs", RowStatus.TIMED_OUT, "no answer within 0.5 s", 0.5),
        ("hangs_with_the_lock", RowStatus.TIMED_OUT, "no answer within 0.5 s", 0.5),
    ],
)
def test_some_examples_cost_only_themselves(root: Path, function: str, status: RowStatus, message: str, timeout: float) -> None:
    bad = [5, 70, 71]
    spec = python_spec(f"model:{function}", kwargs={"rows": bad}, timeout=timeout, batch_size=32)
    outputs = gathered(spec, root, data(100))
    assert list(np.flatnonzero(~outputs.ok)) == bad
    assert set(outputs.status[bad]) == {status}
    assert [outputs.messages[row] for row in bad] == [message] * 3
    np.testing.assert_array_equal(outputs.values[outputs.ok], expected(100)[outputs.ok])
    assert (outputs.values[bad] == 0).all()


# Six deaths from the batch of 64 down to two rows, two of e0 and two of e1, one of e2 and e3, two of e2, one of e3; eight of
# these fourteen are held against the model: that of the whole batch and the seven of single rows.
GIVEN_UP = (
    r"model 'm' was given up after its worker failed 14 times, on 4 of 500 examples "
    r"\(example 'e0', example 'e1', example 'e2', example 'e3'\); "
)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("raises", r"model 'm' failed on every one of 64 examples \(example 'e0', example 'e1', .*, …\): ValueError: row is not welcome"),
        ("exits", GIVEN_UP + "the last time the worker ended with exit status 7$"),
        ("segfaults", GIVEN_UP + "the last time the worker was killed by SIGSEGV"),
    ],
)
def test_a_model_that_fails_on_everything_is_given_up(root: Path, function: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        gathered(python_spec(f"model:{function}", kwargs={"rows": list(range(500))}), root, data(500))


def test_a_model_that_always_hangs_is_given_up(root: Path) -> None:
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"given up after its worker failed 8 times, .* no answer within 0\.2 s"):
        gathered(python_spec("model:hangs", kwargs={"rows": list(range(500))}, timeout=0.2), root, data(500))
    assert time.monotonic() - began < 30


def test_few_examples_that_all_fail_are_a_model_that_fails(root: Path) -> None:
    with pytest.raises(ModelError, match="failed on every one of 3 examples"):
        gathered(python_spec("model:raises", kwargs={"rows": [0, 1, 2]}), root, data(3))


def test_too_many_crashes_are_given_up_with_the_first_examples(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MAX_FAILURES", 5)
    # Rows 32 to 63, 40 to 47, … down to 40 and 41: with the whole batch six deaths, of which its own counts; then e40 and e41 twice each.
    with pytest.raises(ModelError, match="failed 10 times, on 2 of 100 examples \\(example 'e40', example 'e41'\\); the last time"):
        gathered(python_spec("model:exits", kwargs={"rows": list(range(40, 100))}), root, data(100))


def test_leading_failures_take_the_shape_of_later_answers(root: Path) -> None:
    outputs = gathered(python_spec("model:raises", kwargs={"rows": [0, 1, 2]}, batch_size=1), root, data(5))
    assert outputs.values.shape == (5, 3)
    assert list(outputs.ok) == [False, False, False, True, True]


def test_a_resumed_rest_that_all_fails_has_the_shape_of_the_beginning(root: Path) -> None:
    outputs = gathered(python_spec("model:raises", kwargs={"rows": [98, 99]}, batch_size=10), root, data(100), start=98)
    assert outputs.values.shape == (2, 3)
    assert not outputs.ok.any()


def test_a_crash_that_does_not_happen_again_costs_nothing(root: Path) -> None:
    outputs = gathered(python_spec("model:flaky", kwargs={"marker": str(root / "marker")}), root, data(10))
    assert outputs.ok.all()


def test_a_batch_that_is_too_large_is_answered_in_pieces(root: Path) -> None:
    outputs = gathered(python_spec("model:greedy", batch_size=20), root, data(40))
    assert outputs.ok.all()
    np.testing.assert_array_equal(outputs.values, expected(40))


@pytest.mark.parametrize("function", ["prints", "reads"])
def test_printing_and_reading_leave_the_protocol_alone(root: Path, function: str) -> None:
    outputs = gathered(python_spec(f"model:{function}"), root, data(200))
    np.testing.assert_array_equal(outputs.values, expected(200))


def test_closing_the_gathering_ends_the_worker(root: Path) -> None:
    file = root / "pid"
    chunks = observer().observe(python_spec("model:reports", kwargs={"file": str(file)}, batch_size=512), root, data(20_000))
    next(chunks)
    pid = int(file.read_text().split()[0])
    assert psutil.pid_exists(pid)
    chunks.close()  # type: ignore[attr-defined]  # it is a generator
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_worker_never_outlives_its_parent(root: Path, how: signal.Signals) -> None:
    script = """
import sys
from pathlib import Path
sys.path.insert(0, {project!r})
from tests.models.fakes import gathered, python_spec
from tests.models.test_failures import data
root = Path({root!r})
gathered(python_spec("model:sleeps", kwargs={{"file": str(root / "pid"), "seconds": 600}}, timeout=900.0), root, data(10))
"""
    project = str(Path(__file__).parents[2])
    parent = subprocess.Popen([sys.executable, "-c", script.format(project=project, root=str(root))], stderr=subprocess.DEVNULL)
    pid = _wait_for_pid(root / "pid")
    parent.send_signal(how)
    parent.wait(20)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the worker is still alive"
        time.sleep(0.05)


def _wait_for_pid(file: Path) -> int:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return int(file.read_text())


STARTER = """
    import os, subprocess, sys, time
    import numpy as np

    def answer(batch, file, how):
        if how == "forks":
            # As daemons do: nothing is executed, every descriptor stays open, the session is left.
            if os.fork() == 0:
                os.setsid()
                if os.fork():
                    os._exit(0)
                with open(file, "a") as out:
                    print(os.getpid(), file=out)
                time.sleep(600)
            os.wait()
            while not os.path.exists(file) or not open(file).read().strip():
                time.sleep(0.01)
        else:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=how == "leaves")
            with open(file, "w") as out:
                print(child.pid, file=out)
        if how == "forks" and "dies" in file:
            os._exit(5)
        return np.zeros((len(batch["x"]), 3))
"""


@pytest.mark.parametrize("how", ["stays", "leaves", "forks"])
def test_what_a_model_starts_ends_with_it(root: Path, how: str) -> None:
    module(root, "starter", STARTER)
    began = time.monotonic()
    gathered(python_spec("starter:answer", kwargs={"file": str(root / "pid"), "how": how}), root, data(3))
    assert time.monotonic() - began < 20
    pid = int((root / "pid").read_text())
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the model's child is still alive"
        time.sleep(0.05)


def test_the_end_of_a_worker_is_noticed_although_a_process_holds_its_pipes(root: Path) -> None:
    module(root, "starter", STARTER)
    began = time.monotonic()
    with pytest.raises(ModelError, match="ended with exit status 5"):
        gathered(python_spec("starter:answer", kwargs={"file": str(root / "dies"), "how": "forks"}), root, data(1))
    assert time.monotonic() - began < 40
    # Orphans of a worker that died by itself are nobody's children any more, and are ended all the same.
    pids = [int(pid) for pid in (root / "dies").read_text().split()]
    deadline = time.monotonic() + 10
    while alive := [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(batch): ...", r"has no 'answer'"),
        ("import absent_library", "there is no module 'absent_library'"),
        ("def answer(batch) return", "importing 'broken' failed with SyntaxError"),
        ("raise RuntimeError('no licence')", "importing 'broken' failed with RuntimeError: no licence"),
        ("import os\nos._exit(3)", "loading it ended with exit status 3"),
        ("class answer:\n    def __init__(self, size): ...", "loading it failed with TypeError"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_one_sentence(tmp_path: Path, source: str, message: str) -> None:
    module(tmp_path, "broken", source)
    with pytest.raises(ModelError, match=message) as caught:
        gathered(python_spec("broken:answer"), tmp_path, data(3))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return np.zeros((len(batch['x']) + 1, 3))", r"has shape \(11, 3\) for a batch of 10; its first axis must be the batch"),
        ("return 1.0", r"has shape \(\) for a batch of 10"),
        ("return np.zeros(len(batch['x']))", "there are 3 labels"),
        ("return {'one': np.zeros((10, 3)), 'two': np.zeros((10, 3))}", "no output 'logits'; it has 'one', 'two'"),
        ("return np.array(['a'] * 10)", "holds <U1, not numbers; declare type: label"),
    ],
)
def test_what_is_wrong_with_every_answer_is_an_error(tmp_path: Path, body: str, message: str) -> None:
    module(tmp_path, "odd", f"import numpy as np\ndef answer(batch):\n    {body}\n")
    with pytest.raises(ModelError, match=message):
        gathered(python_spec("odd:answer"), tmp_path, data(10))


def test_threads_and_seed_are_set_for_the_model(tmp_path: Path) -> None:
    module(
        tmp_path,
        "env",
        """
        import os, random
        import numpy as np

        def answer(batch):
            seen = [float(os.environ["OMP_NUM_THREADS"]), random.random(), np.random.rand()]
            return np.tile(seen, (len(batch["x"]), 1))
        """,
    )
    first, second = (gathered(python_spec("env:answer", threads=3), tmp_path, data(2)).values for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first[0, 0] == 3


def test_the_worker_of_another_process_group_survives_ctrl_c(root: Path) -> None:
    """Ctrl-C reaches the harness; the worker is ended by it, and does not print a traceback of its own."""
    spec: ModelSpec = python_spec("model:reports", kwargs={"file": str(root / "pid")}, batch_size=512)
    chunks = observer().observe(spec, root, data(5_000))
    next(chunks)
    pid = int((root / "pid").read_text().split()[0])
    os.kill(pid, signal.SIGINT)
    rest = sum(len(chunk.status) for chunk in chunks)
    assert rest > 0
    assert psutil.pid_exists(pid) is False
