"""Python models that misbehave: they cost the examples they fail on, or their candidate, never the run; and nothing of theirs is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adversity.door import Run, pytest_run
from tests.adversity.material import project, result

MODELS = """
import os, signal, subprocess, sys, threading, time
import numpy as np

def good(b):
    x = np.asarray(b["x"]).astype(int)
    return np.stack([x % 2 == 0, x % 2 == 1], 1).astype(np.float32)

def seven(b): return bool((np.asarray(b["x"]).astype(int) == 7).any())

def loud(b):
    print("o" * 2_000_000); print("e" * 2_000_000, file=sys.stderr); os.write(1, b"raw" * 700_000)
    return good(b)
def starts(b):
    subprocess.Popen(["sleep", "600"])
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    if os.fork() == 0:
        time.sleep(600); os._exit(0)
    return good(b)
def moves(b): os.chdir("/"); return good(b)
def ignores(b):
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGHUP): signal.signal(each, signal.SIG_IGN)
    return good(b)
def threads(b):
    threading.Thread(target=time.sleep, args=(600,)).start(); return good(b)
def silenced(b): sys.stdout.close(); sys.stderr.close(); return good(b)
def warns(b):
    import warnings; warnings.warn("deprecated"); return good(b)

def exits_on_7(b):
    if seven(b): sys.exit(3)
    return good(b)
def leaves_on_7(b):
    if seven(b): os._exit(0)
    return good(b)
def raises_on_7(b):
    if seven(b): raise ValueError("seven\\nis bad")
    return good(b)
def crashes_on_7(b):
    if seven(b): os.kill(os.getpid(), signal.SIGSEGV)
    return good(b)
def hangs_on_7(b):
    if seven(b): time.sleep(600)
    return good(b)
def interrupts_on_7(b):
    if seven(b): raise KeyboardInterrupt
    return good(b)
def abandons_on_7(b):
    if seven(b):
        subprocess.Popen(["sleep", "600"], start_new_session=True); os._exit(5)
    return good(b)
def nan_on_7(b):
    answers = good(b); answers[np.asarray(b["x"]).astype(int) == 7] = np.nan; return answers
def infinite_on_7(b):
    answers = good(b); answers[np.asarray(b["x"]).astype(int) == 7] = -np.inf; return answers

def exits(b): sys.exit("I am leaving")
def raises(b): raise ValueError("bad\\nin two lines")
def crashes(b): os.kill(os.getpid(), signal.SIGSEGV)
def generator(b): yield from good(b)
def short(b): return good(b)[:-1]
def long(b): return np.concatenate([good(b)] * 2)
def objects(b): return np.array([object()] * len(b["x"]), dtype=object)
def nothing(b): return None
def empty(b): return {}
def huge(b): return np.zeros((len(b["x"]), 10**13))
def empties(b): b.clear(); return np.zeros((0, 2))
"""

HARMLESS = ("good", "loud", "starts", "moves", "ignores", "threads", "silenced", "warns")
ON_SEVEN = {
    "exits_on_7": r"raised an error on 1 example \(r7: SystemExit: 3\)",
    "leaves_on_7": r"crashed on 1 example \(r7: the worker ended with exit status 0",
    "raises_on_7": r"raised an error on 1 example \(r7: ValueError: seven",
    "crashes_on_7": r"crashed on 1 example \(r7: the worker was killed by SIGSEGV",
    "hangs_on_7": r"timed out on 1 example \(r7: no answer within 1 s\)",
    "interrupts_on_7": r"(crashed|raised an error) on 1 example \(r7: .*KeyboardInterrupt",
    "abandons_on_7": r"crashed on 1 example \(r7: the worker ended with exit status 5",
    "nan_on_7": r"gave NaN or Inf on 1 example \(r7: NaN in output",
    "infinite_on_7": r"gave NaN or Inf on 1 example \(r7: infinity in output",
}
HOPELESS = {
    "exits": r"failed on every one of \d+ examples \(example 'r0', .*SystemExit: I am leaving",
    "raises": r"failed on every one of \d+ examples \(example 'r0', .*ValueError: bad",
    "crashes": r"was given up after its worker failed \d+ times.*example 'r0'.*killed by SIGSEGV",
    "generator": r"model 'generator': ",
    "short": r"shape \(15, 2\) for a batch of 16",
    "long": r"shape \(32, 2\) for a batch of 16",
    "objects": r"holds object, not numbers",
    "nothing": r"model 'nothing': ",
    "empty": r"0 outputs|no output",
    "huge": r"MemoryError",
    "empties": r"shape \(0, 2\) for a batch of 16",
}
SUITE = """\
schema: 1
suite: NAME
original:
  python: {function: "models:ORIGINAL", version: "1"}
  output: {type: logits, task: multiclass, labels: ["0", "1"]}
  timeout: 1s
  batch_size: 16
data:
  test: {source: numbers.csv, id: id, target: y}
candidates:
CANDIDATES
checks:
  accuracy: {metric: accuracy, max_drop: 20pp, on_inconclusive: warn}
"""


def write(folder: Path, name: str, original: str, candidates: tuple[str, ...]) -> None:
    listed = "\n".join(f'  {each}: {{python: {{function: "models:{each}", version: "1"}}}}' for each in candidates)
    text = SUITE.replace("NAME", name).replace("ORIGINAL", original).replace("CANDIDATES", listed)
    (folder / "suites" / f"{name}.yaml").write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("python-models"))
    (folder / "suites" / "models.py").write_text(MODELS)
    (folder / "suites" / "numbers.csv").write_text("id,x,y\n" + "".join(f"r{i},{i},{i % 2}\n" for i in range(80)))
    write(folder, "all", "good", (*HARMLESS, *ON_SEVEN, *HOPELESS))
    write(folder, "original-raises", "raises", ("good",))
    write(folder, "original-on-seven", "raises_on_7", ("good",))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """The door's own check says that no process of any model outlives the run."""
    return pytest_run(folder, "suites", "-n", "2", limit=280)


@pytest.mark.parametrize("name", HARMLESS)
def test_bad_manners_change_nothing(folder: Path, run: Run, name: str) -> None:
    assert run.cases[f"all.yaml::{name}::accuracy"].outcome == "passed"
    verdict = next(v for v in result(folder, "all")["verdicts"] if v["candidate"] == name)
    assert (verdict["n"], verdict["lost"], verdict["gained"], verdict["warnings"]) == (80, 0, 0, [])


@pytest.mark.parametrize("name", ON_SEVEN)
def test_the_example_that_kills_it_is_lost_counted_and_named(folder: Path, run: Run, name: str) -> None:
    verdict = next(v for v in result(folder, "all")["verdicts"] if v["candidate"] == name)
    assert (verdict["n"], verdict["lost"], verdict["gained"]) == (80, 1, 0)
    assert len(verdict["warnings"]) == 1
    assert re.search(ON_SEVEN[name] + ".*; each counts as a wrong answer", verdict["warnings"][0]), verdict["warnings"]


@pytest.mark.parametrize("name", HOPELESS)
def test_a_model_that_never_answers_is_an_error(run: Run, name: str) -> None:
    case = run.cases[f"all.yaml::{name}::accuracy"]
    assert case.outcome == "error"
    assert re.search("ERROR: .*" + HOPELESS[name], case.text), case.text
    assert len(case.text.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("original-raises", r"INVALID: the original cannot be measured: .*failed on every one of"),
        ("original-on-seven", r"INVALID: the original raised an error on 1 example \(r7: ValueError: seven.*\): 1.25 % of the data"),
    ],
)
def test_an_original_that_fails_makes_the_measurement_invalid(run: Run, name: str, sentence: str) -> None:
    case = run.cases[f"{name}.yaml::good::accuracy"]
    assert case.outcome == "error"
    assert re.search(sentence, case.text), case.text


def test_what_a_model_prints_stays_out_of_the_terminal(run: Run) -> None:
    assert len(run.text) < 100_000
