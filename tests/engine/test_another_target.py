"""Asking the same models about another target: what was stored for the one is not taken for the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness import wiring
from harness.core.outcome import Outcome
from harness.core.verdict import Verdict
from harness.engine.session import Session
from harness.engine.tools import Options

ROWS = 1200
SUITE = """\
schema: 1
suite: twice
original: {{{original}}}
data:
  test: {{source: data.parquet, id: id, target: {target}}}
candidates:
  int8: {{{candidate}}}
checks:
  quality: {{metric: {metric}, max_drop: {margin}}}
"""


def write(folder: Path, target: str, *, original: str, candidate: str, metric: str = "accuracy", margin: str = "2pp") -> None:
    text = SUITE.format(target=target, original=original, candidate=candidate, metric=metric, margin=margin)
    (folder / "pyproject.toml").touch()
    (folder / "suite.yaml").write_text(text)


def session(folder: Path) -> Session:
    suite = wiring.load(folder / "suite.yaml")
    return wiring.session(suite, wiring.find_project(suite.path, folder), Options(run_id="test"))


def judged(folder: Path) -> tuple[Verdict, int]:
    """The verdict, and how many times a model was asked for it."""
    opened = session(folder)
    return opened.verdicts("int8", "quality")[0], opened.gatherer.model_calls


def recorded(folder: Path) -> None:
    """The original is always right about `animal`, int8 always says cat. The column `kind` knows one label more, the first."""
    animals = ["cat" if row % 2 else "dog" for row in range(ROWS)]
    kinds = ["ant" if row % 50 == 0 else animal for row, animal in enumerate(animals)]
    columns = {"id": [f"r{row}" for row in range(ROWS)], "animal": animals, "kind": kinds, "original": animals, "int8": ["cat"] * ROWS}
    pq.write_table(pa.table(columns), folder / "data.parquet")


@pytest.mark.parametrize(("first", "then"), [("animal", "kind"), ("kind", "animal")])
def test_labels_that_come_from_the_data_are_those_of_its_target(tmp_path: Path, first: str, then: str) -> None:
    recorded(tmp_path)
    models = {"original": "outputs: data.parquet, prediction: original", "candidate": "outputs: data.parquet, prediction: int8"}
    write(tmp_path, first, **models)
    assert judged(tmp_path)[0].outcome is Outcome.FAIL
    write(tmp_path, then, **models)
    found = judged(tmp_path)[0]
    assert found.outcome is Outcome.FAIL
    assert found.comparison is not None
    # Of every 50 rows one is an ant, a dog to `animal`; neither model ever says ant.
    right = 1.0 if then == "animal" else 0.98
    assert (found.comparison.original.value, found.comparison.candidate.value) == pytest.approx((right, 0.5))


TOKENS = """\
import numpy as np


def answer(batch, sure=0.9):
    # (n, 4, 2) log-probabilities: token 1 is what both models expect, one of them less surely.
    return np.log(np.tile([1 - sure, sure], (len(batch["id"]), 4, 1)))
"""


def test_what_is_stored_of_tokens_is_about_the_true_ones(tmp_path: Path) -> None:
    ones, zeros = [[1, 1, 1, 1]] * ROWS, [[0, 0, 0, 0]] * ROWS
    pq.write_table(pa.table({"id": [f"r{row}" for row in range(ROWS)], "ones": ones, "zeros": zeros}), tmp_path / "data.parquet")
    (tmp_path / "lm.py").write_text(TOKENS)
    output = "output: {type: logits, task: tokens}"
    models = {
        "original": f"python: {{function: 'lm:answer', version: '1'}}, {output}",
        "candidate": f"python: {{function: 'lm:answer', version: '1', kwargs: {{sure: 0.8}}}}, {output}",
        "metric": "perplexity",
        "margin": "20",
    }
    write(tmp_path, "ones", **models)
    first, asked = judged(tmp_path)
    assert first.comparison is not None
    assert (first.comparison.original.value, first.comparison.candidate.value) == pytest.approx((1 / 0.9, 1 / 0.8), rel=1e-5)
    write(tmp_path, "zeros", **models)
    then, again = judged(tmp_path)
    assert then.comparison is not None
    assert (then.comparison.original.value, then.comparison.candidate.value) == pytest.approx((1 / 0.1, 1 / 0.2), rel=1e-5)
    assert asked == again == 2 * ROWS


LABELLED = """\
import numpy as np


def answer(batch):
    return np.tile([0.0, 1.0], (len(batch["id"]), 1))
"""


def test_models_that_declare_their_labels_need_not_run_again(tmp_path: Path) -> None:
    rows = np.arange(ROWS)
    truth = {"day": np.where(rows % 3 == 0, "no", "yes"), "night": np.where(rows % 4 == 0, "no", "yes")}
    pq.write_table(pa.table({"id": [f"r{row}" for row in rows], **truth}), tmp_path / "data.parquet")
    (tmp_path / "net.py").write_text(LABELLED)
    output = "output: {type: logits, task: multiclass, labels: ['no', 'yes']}"
    models = {
        "original": f"python: {{function: 'net:answer', version: '1'}}, {output}",
        "candidate": f"python: {{function: 'net:answer', version: '2'}}, {output}",
    }
    write(tmp_path, "day", **models)
    first, asked = judged(tmp_path)
    write(tmp_path, "night", **models)
    then, again = judged(tmp_path)
    assert first.comparison is not None
    assert then.comparison is not None
    assert (first.comparison.original.value, then.comparison.original.value) == pytest.approx((2 / 3, 3 / 4))
    assert (asked, again) == (2 * ROWS, 0)
