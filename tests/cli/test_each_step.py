"""`judge: each_step`, from the suite file to the report: the named step is the one after which the counts go wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from harness.report import read_report
from tests.cli.door import Door, process
from tests.cli.steps import EACH, write_steps

KINDS = ("faint", "close", "plain")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after its first run."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "pyproject.toml").write_text("")
    (folder / "suites").mkdir()
    write_steps(folder)
    done = process("run", "suites/steps.yaml", cwd=folder)
    assert done.status == 1, done.err
    return folder


@pytest.fixture
def suite(project: Path) -> Path:
    """The suite of a project in which nothing was run."""
    return write_steps(project)


@pytest.fixture
def judged(project: Path, finished: Path) -> Path:
    """The suite of a project that was run once, entered: evidence is known by content, wherever it lies."""
    shutil.copytree(finished, project, dirs_exist_ok=True)
    return project / "suites" / "steps.yaml"


def lost(project: Path, model: Path) -> Counter[str]:
    """Wrong answers per kind, and of all, by ONNX Runtime alone. The original has none."""
    with (project / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    features = np.array([[row["a"], row["b"], row["c"]] for row in rows], dtype=np.float32)
    (logits,) = onnxruntime.InferenceSession(str(model)).run(None, {"features": features})
    wrong = [row["kind"] for row, said in zip(rows, logits.argmax(axis=1), strict=True) if int(row["truth"]) != said]
    return Counter({**Counter(wrong), "": len(wrong)})


def between(project: Path, technique: str) -> Path:
    """The model that a step left."""
    for record in (project / ".harness" / "models" / "steps" / ".steps").glob("*/artifact.json"):
        if json.loads(record.read_text()).get("technique") == technique:
            return record.parent / "model.onnx"
    raise AssertionError(f"no model was kept after {technique}")


def stages(project: Path) -> list[Path]:
    """The model after the first step, and those that a schedule of 16, 8 and 3 bits left, told by what their weights are stored as."""
    steps = project / ".harness" / "models" / "steps" / ".steps"
    stored: dict[str, Path] = {}
    for path in steps.glob("*/model.onnx"):
        record = json.loads(path.with_name("artifact.json").read_text())
        bits = [layer["facts"]["bits"] for layer in record.get("layers", ()) if "bits" in layer["facts"]]
        if record.get("technique") != "prune" and bits:
            stored[str(int(bits[0]))] = path
    return [between(project, "prune"), *(stored[bits] for bits in ("16", "8", "3"))]


def document(project: Path) -> Any:
    return json.loads((project / "reports" / "steps" / "result.json").read_text())


def reasons(project: Path) -> dict[str, str]:
    return {row["item"]: row["reason"] for row in document(project)["verdicts"]}


def evidence_of(project: Path, model: str) -> Path:
    for key in (project / ".harness" / "evidence").glob("*/key.json"):
        if f"{model} on test" in key.read_text():
            return key.parent
    raise AssertionError(f"no evidence of {model}")


def test_the_named_step_is_the_one_after_which_the_answers_are_wrong(project: Path, judged: Path) -> None:
    counts = [lost(project, between(project, technique)) for technique in ("prune", "quantize")]
    assert lost(project, project / "fp32.onnx")[""] == 0
    assert counts[1] == lost(project, next((project / ".harness" / "models" / "steps" / "small").glob("*/model.onnx")))
    # What the tables below rest on: half of the faint go with the first step, half of the close with the second.
    assert counts[0]["faint"] > 150 > 0 == counts[0]["close"] == counts[0]["plain"]
    assert counts[1]["close"] > 150 > 0 == counts[1]["plain"]

    said = reasons(project)
    assert said["small::accuracy[kind:faint]"].endswith("; broken by step 1, prune: FAIL after prune")
    assert said["small::accuracy[kind:close]"].endswith("; broken by step 2, quantize: PASS after prune, FAIL after quantize")
    assert said["small::accuracy"].endswith("; broken by step 1, prune: FAIL after prune")
    assert not any("step" in said[item] for item in ("small::accuracy[kind:plain]", "same::accuracy", "small::agreement"))
    assert len(said) == 2 * (1 + len(KINDS) + 1), "the models between the steps are no candidates"

    (table,) = read_report(project / "reports" / "steps" / "result.json").extras.each_step
    assert (table.candidate, table.check) == ("small", "accuracy")
    assert [(column.step, column.technique, column.stage, column.not_run) for column in table.columns] == [
        (1, "prune", None, ""),
        (2, "quantize", None, ""),
    ]
    rows = {row.segment: row for row in table.rows}
    assert rows.keys() == {None, "kind:close", "kind:faint"}, "the whole, and what does not pass"
    assert table.rows[0].segment is None
    for row in table.rows:
        kind, n = ("", 3 * EACH) if row.segment is None else (row.segment.partition(":")[2], EACH)
        drops = [cell.drop if cell else None for cell in row.cells]
        assert drops == [pytest.approx(count[kind] / n) for count in counts]
        assert [cell.outcome if cell else None for cell in row.cells] == ["FAIL" if count[kind] else "PASS" for count in counts]
        assert row.broken == next(index for index, count in enumerate(counts) if count[kind])

    summary = (project / "reports" / "steps" / "summary.md").read_text()
    shown = [cell.shown if cell else "" for cell in rows["kind:close"].cells]
    assert [float(drop.removesuffix("pp")) for drop in shown] == [0, pytest.approx(100 * counts[1]["close"] / EACH, abs=0.05)]
    assert f"| <code>kind:close</code> | ✓ PASS {shown[0]} | ✕ FAIL {shown[1]}, since here |" in summary
    assert "After each step" in (project / "reports" / "steps" / "index.html").read_text()


def test_without_the_key_the_verdicts_are_the_same_but_for_the_step(harness: Door, project: Path, judged: Path) -> None:
    with_steps = document(project)
    judged.write_text(judged.read_text().replace("judge: each_step", "judge: end"))
    assert harness("run", judged).status == 1
    without = document(project)
    assert without["model_calls"] == 0, "the artefact and its evidence are the same"
    assert without["extras"]["each_step"] == []
    for one, other in zip(with_steps["verdicts"], without["verdicts"], strict=True):
        assert {**one, "reason": one["reason"].partition("; broken by")[0]} == other


def test_a_second_run_and_a_judgement_gather_nothing(harness: Door, project: Path, judged: Path) -> None:
    first = document(project)
    assert first["model_calls"] == 4 * 3 * EACH + document_noise(first), "original, same, small, and what lies between"
    assert "model:small after step 1, prune" in first["fingerprints"]
    for again in ("run", "judge"):
        assert harness(again, judged).status == 1
        second = document(project)
        assert second["model_calls"] == 0
        assert second["verdicts"] == first["verdicts"]
        assert second["extras"]["each_step"] == first["extras"]["each_step"]


def document_noise(result: Any) -> int:
    """`agreement` asks the original for its first rows once more."""
    assert any(row["check"] == "agreement" for row in result["verdicts"])
    return min(2000, 3 * EACH)


def test_a_judgement_says_what_is_not_stored(harness: Door, project: Path, judged: Path) -> None:
    shutil.rmtree(evidence_of(project, "small after step 1, prune"))
    harness("judge", judged)
    (table,) = read_report(project / "reports" / "steps" / "result.json").extras.each_step
    assert "no evidence of small after step 1, prune (clean) is stored; run: harness run" in table.columns[0].not_run
    assert [row.cells[0] for row in table.rows] == [None] * 3
    close = reasons(project)["small::accuracy[kind:close]"]
    assert close.endswith("; broken by step 2, quantize, or by what could not be run before it (prune): FAIL after quantize")
    assert "1. prune was not run: no evidence of" in (project / "reports" / "steps" / "summary.md").read_text()
    harness("run", judged)
    assert document(project)["model_calls"] == 3 * EACH, "only what was missing"


def test_models_that_are_no_longer_kept_are_made_again(harness: Door, project: Path, judged: Path) -> None:
    before = between(project, "prune").read_bytes()
    first = document(project)
    shutil.rmtree(project / ".harness" / "models" / "steps" / ".steps")
    harness("judge", judged)
    (table,) = read_report(project / "reports" / "steps" / "result.json").extras.each_step
    assert "it is not there; run: harness run" in table.columns[0].not_run
    harness("run", judged)
    assert between(project, "prune").read_bytes() == before
    assert (document(project)["model_calls"], document(project)["verdicts"]) == (0, first["verdicts"])


def test_without_the_original(harness: Door, project: Path, judged: Path) -> None:
    first = document(project)
    assert harness("baseline", "accept", "steps", "--candidate", "same", "--who", "Ada", "--note", "nothing lost").status == 0
    shutil.rmtree(project / ".harness" / "evidence")
    judged.write_text(judged.read_text().replace("  agreement: {max_flip_rate: 60%}\n", ""))
    harness("run", judged, "--candidate", "small", "--without-original")
    without = json.loads((project / "reports" / "steps" / "partial" / "result.json").read_text())
    assert without["model_calls"] == 2 * 3 * EACH, "small, and what lies between"
    assert without["extras"]["each_step"] == first["extras"]["each_step"]


def test_the_plan_counts_the_models_between(harness: Door, suite: Path) -> None:
    done = harness("plan", suite, "--json")
    (plan,) = json.loads(done.out)["suites"]
    tasks = [task for task in plan["cost"]["tasks"] if task["condition"] == "clean"]
    assert [task["model"] for task in tasks] == ["original", "same", "small", "small after step 1, prune"]
    suite.write_text(suite.read_text().replace("bits: 3", "bits: [16, 8, 3]"))
    (plan,) = json.loads(harness("plan", suite, "--json").out)["suites"]
    names = [task["model"] for task in plan["cost"]["tasks"] if "after" in task["model"]]
    assert names == [f"small after {step}" for step in ("step 1, prune", "step 2, quantize, at stage 1", "step 2, quantize, at stage 2")]


def test_stages_of_a_schedule_are_judged_too(harness: Door, project: Path, judged: Path) -> None:
    judged.write_text(judged.read_text().replace("bits: 3", "bits: [16, 8, 3]"))
    harness("run", judged)
    (table,) = read_report(project / "reports" / "steps" / "result.json").extras.each_step
    assert [(column.technique, column.stage) for column in table.columns] == [
        ("prune", None),
        ("quantize", 1),
        ("quantize", 2),
        ("quantize", None),
    ]
    said = reasons(project)["small::accuracy[kind:close]"]
    assert said.endswith("; broken by step 2, quantize: PASS after stage 2 of quantize, FAIL after quantize")
    # In 16 and in 8 bits every close row is right: counted on the files of the stages themselves.
    counts = [lost(project, path) for path in stages(project)]
    assert {row.segment: [cell.drop if cell else None for cell in row.cells] for row in table.rows[1:]} == {
        f"kind:{kind}": [pytest.approx(count[kind] / EACH) for count in counts] for kind in ("close", "faint")
    }


SLOW = """
import os, time
import numpy as np
def slow(a, b, c):
    with open(os.environ["ROWS"], "a") as file:
        file.write(f"{len(a)}\\n")
    time.sleep(0.06)
    return np.stack([a, b, c], axis=1).astype(np.float32)
"""


def asked(project: Path) -> int:
    """Rows that any model was asked so far; each batch is noted before it is answered."""
    path = project / "asked.txt"
    return sum(int(line) for line in path.read_text().split()) if path.exists() else 0


def start(project: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main(['run', 'suites/steps.yaml'])"]
    environment = {**os.environ, "ROWS": str(project / "asked.txt")}
    return subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_killed_while_a_model_between_is_run_it_goes_on_there(project: Path, judged: Path) -> None:
    undisturbed = document(project)["verdicts"]
    shutil.rmtree(project / ".harness" / "evidence")
    (project / "suites" / "slowly.py").write_text(SLOW)
    text = judged.read_text().replace("{columns: [a, b, c], dtype: float32}", "{columns: [a, b, c], with: {python: slowly:slow}}")
    judged.write_text(text.replace("  agreement: {max_flip_rate: 60%}\n", "").replace("  same: {onnx: ../same.onnx}\n", ""))
    running = start(project)
    deadline = time.monotonic() + 120
    while asked(project) < 2 * 3 * EACH + 300:
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=30)
    before = asked(project)
    assert "after step 1, prune" in (evidence_of(project, "small after step 1, prune") / "key.json").read_text()
    again = start(project)
    said = again.communicate(timeout=120)[0]
    assert again.returncode == 1, said
    assert asked(project) - before <= 3 * EACH, "original and candidate were not asked again"
    resumed = {row["item"]: row["reason"] for row in document(project)["verdicts"]}
    assert resumed == {row["item"]: row["reason"] for row in undisturbed if row["candidate"] == "small" and row["check"] == "accuracy"}


@pytest.mark.parametrize(
    ("written", "place", "sentence"),
    [
        (
            "  same: {onnx: ../same.onnx, judge: each_step}",
            (10, 30),
            "judge: says whether each step of compress: is judged; this candidate",
        ),
        ("  same: {compress: [cast: fp16], judge: every_step}", (10, 41), "not 'every_step'"),
    ],
    ids=["a candidate that is given", "another word"],
)
def test_what_is_written_wrongly_is_one_sentence(harness: Door, suite: Path, written: str, place: tuple[int, int], sentence: str) -> None:
    suite.write_text(suite.read_text().replace("  same: {onnx: ../same.onnx}", written))
    done = harness("run", suite)
    assert done.status == 2
    line, column = place
    assert f"steps.yaml:{line}:{column}: " in done.err
    assert sentence in done.err


SURVEY = """schema: 1
suite: survey
original:
  torch: {factory: survey.nets:build, weights: survey/weights.safetensors}
  input:
    answers: {columns: [rate_marriage, age, yrs_married, children, religious, educ, occupation, occupation_husb], dtype: float32}
  output: {name: logits, type: logits, task: binary, labels: survey/labels.txt, positive: yes}
data:
  test: {python: survey.answers:test, id: id, target: affair, segments: {education: education}}
candidates:
  small:
    judge: each_step
    compress:
      - prune: {sparsity: {from: 30%, to: 97%, steps: 2}}
      - factorize: {method: svd, rank: 4}
      - quantize: {mode: weights, bits: 8}
checks:
  accuracy: {metric: accuracy, max_drop: 4pp, per: education}
"""


@pytest.mark.slow
def test_networks_between_are_judged_by_what_torch_answers(harness: Door, project: Path) -> None:
    """Counted with the factory's module and the weights that were kept after each stage of the first step."""
    shipped = Path(__file__).parents[2] / "suites"
    (project / "suites" / "survey").symlink_to(shipped / "survey")
    (project / "suites" / "survey.yaml").write_text(SURVEY)
    harness("run", project / "suites" / "survey.yaml")
    result = project / "reports" / "survey" / "result.json"
    (table,) = read_report(result).extras.each_step
    assert [(column.step, column.technique, column.stage, column.not_run) for column in table.columns] == [
        (1, "prune", 1, ""),
        (1, "prune", None, ""),
        (2, "factorize", None, ""),
        (3, "quantize", None, ""),
    ]
    command = [sys.executable, "-c", COUNT, str(shipped), str(project / ".harness" / "models" / "survey" / ".steps")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counted = json.loads(done.stdout)
    rows = {row.segment: row for row in table.rows}
    assert len(rows) > 1, "a network with three weights in a hundred is a bad one"
    for segment, row in rows.items():
        expected = counted["" if segment is None else segment.partition(":")[2]]
        assert [cell.drop if cell else None for cell in row.cells[:2]] == [pytest.approx(drop, abs=0.003) for drop in expected]
    said = {row["item"]: row["reason"] for row in json.loads(result.read_text())["verdicts"]}
    for segment, row in rows.items():
        item = "small::accuracy" + ("" if segment is None else f"[{segment}]")
        first = table.columns[row.broken] if row.broken is not None else None
        assert first is not None
        at = f", at stage {first.stage}" if first.stage else ""
        assert f"step {first.step}, {first.technique}{at}: " in said[item]


COUNT = """
import json, sys
from pathlib import Path
import numpy as np, torch
from safetensors.torch import load_file
sys.path.insert(0, sys.argv[1])
from survey import answers, nets
table = answers.test()
features = torch.from_numpy(np.stack([table[name].to_numpy() for name in answers.FEATURES], axis=1).astype(np.float32))
truth, kinds = np.array(table["affair"].to_pylist()) == "yes", np.array(table["education"].to_pylist())
def right(path):
    network = nets.build().eval()
    network.load_state_dict(load_file(path))
    with torch.inference_mode():
        return (network(features).argmax(1).numpy() == 1) == truth
def zeros(path):
    return sum(int((value == 0).sum()) for value in load_file(path).values())
whole = [path for path in Path(sys.argv[2]).glob("*/network.safetensors") if len(load_file(path)) == 8]
by_zeros = sorted({zeros(path): path for path in whole}.items())
original, stages = right(Path(sys.argv[1]) / "survey" / "weights.safetensors"), [right(path) for _, path in by_zeros]
assert len(stages) == 2, by_zeros
drops = {kind: [float(original[kinds == kind].mean() - one[kinds == kind].mean()) for one in stages] for kind in set(kinds)}
print(json.dumps({**drops, "": [float(original.mean() - one.mean()) for one in stages]}))
"""
