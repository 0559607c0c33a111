"""Metrics of the user's own, which run beside the harness: each suite gets its own, and none can end the run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.catalogue.entrypoints import load_shielded
from tests.adversity.door import Run, pytest_run
from tests.adversity.material import RECORDED, project, result, rows

METRICS = """
import sys
import numpy as np
def ok(predictions, targets): return np.ones(len(targets))
def raises(predictions, targets): raise ValueError("a\\nb")
def exits(predictions, targets): sys.exit(3)
def short(predictions, targets): return np.ones(len(targets) - 1)
def nothing(predictions, targets): return None
def nan(predictions, targets): return np.full(len(targets), np.nan)
def outside(predictions, targets): return np.full(len(targets), 5.0)
def spoils(predictions, targets):
    targets[:] = targets[0]; predictions[:] = predictions[0]
    return np.ones(len(targets))
def whole_nan(predictions, targets): return float("nan")
def whole_raises(predictions, targets): raise KeyError("x")
"""
WRONG = {
    "raises": r"ERROR: the metric metrics:raises raised ValueError: a b",
    "exits": r"ERROR: the metric metrics:exits raised SystemExit: 3",
    "short": r"ERROR: the metric metrics:short must return one score per example, 300 numbers, but returned \(299,\)",
    "nothing": r"ERROR: the metric metrics:nothing must return one score per example, 300 numbers, but returned NoneType",
    "nan": r"ERROR: the metric metrics:nan must return scores that are between 0 and 1, but row 0 has nan",
    "outside": r"ERROR: the metric metrics:outside must return scores that are between 0 and 1, but row 0 has 5",
    "whole_nan": r"ERROR: the metric does not exist on these examples",
    "whole_raises": r"ERROR: the metric metrics:whole_raises raised KeyError",
}


def check(function: str, module: str = "metrics") -> str:
    kind = "whole" if function.startswith("whole") else "mean"
    described = f'{{function: "{module}:{function}", direction: higher, kind: {kind}, bounds: [0, 1]}}'
    return f"  {function}: {{metric: {{python: {described}}}, max_drop: 5pp, on_inconclusive: warn}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = project(tmp_path_factory.mktemp("metrics"))
    head = RECORDED.split("checks:")[0] + "checks:\n"
    (folder / "suites" / "metrics.py").write_text(METRICS)
    checks = "".join(check(name) for name in ("ok", *WRONG, "spoils"))
    (folder / "suites" / "many.yaml").write_text(head.replace("NAME", "many") + checks + "  accuracy: {metric: accuracy, max_drop: 5pp}\n")
    (folder / "suites" / "leaving.py").write_text("import sys\nsys.exit(4)\n")
    for name, module in (("leaves", "leaving"), ("absent", "nowhere")):
        (folder / "suites" / f"{name}.yaml").write_text(head.replace("NAME", name) + check("ok", module))
    for name, value in (("ones", "1.0"), ("zeros", "0.0")):
        own = folder / "suites" / name
        own.mkdir()
        (own / "rows.csv").write_text(rows())
        (own / "helper.py").write_text(f"VALUE = {value}\n")
        (own / "scores.py").write_text(
            "import numpy as np\ndef mine(predictions, targets):\n    from helper import VALUE\n    return np.full(len(targets), VALUE)\n"
        )
        (own / f"{name}.yaml").write_text(head.replace("NAME", name) + check("mine", "scores"))
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return pytest_run(folder, "suites")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_function_is_an_error_of_its_check(run: Run, name: str) -> None:
    case = run.cases[f"many.yaml::c::{name}"]
    assert case.outcome == "error"
    assert re.search(WRONG[name], case.text), case.text


def test_the_other_checks_are_judged(folder: Path, run: Run) -> None:
    assert {run.cases[f"many.yaml::c::{name}"].outcome for name in ("ok", "spoils", "accuracy")} == {"passed"}
    accuracy = next(verdict for verdict in result(folder, "many")["verdicts"] if verdict["check"] == "accuracy")
    assert (accuracy["original_value"], accuracy["lost"]) == (1.0, 0), "what a metric does to its arguments stays its own"


def test_a_module_that_cannot_be_imported_is_a_fault_of_the_suite(run: Run) -> None:
    assert "importing 'leaving' failed with SystemExit: 4" in run.cases["leaves.yaml"].text
    assert re.search(r"there is no module 'nowhere'; expected \S+nowhere.py", run.cases["absent.yaml"].text)


def test_two_suites_with_modules_of_one_name_get_their_own(folder: Path, run: Run) -> None:
    assert result(folder, "ones")["verdicts"][0]["original_value"] == 1.0
    assert result(folder, "zeros")["verdicts"][0]["original_value"] == 0.0


def test_loading_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "own_scores_of_this_test.py").write_text(
        "import own_helper_of_this_test as h\ncalls = []\ndef f():\n    calls.append(1)\n    return h.X + len(calls)\n"
    )
    (tmp_path / "own_helper_of_this_test.py").write_text("X = 40\n")
    path, modules = list(sys.path), set(sys.modules)
    f = load_shielded("own_scores_of_this_test:f", tmp_path)
    again = load_shielded("own_scores_of_this_test:f", tmp_path)
    assert (f(), again()) == (41, 42), "one module, imported once"
    assert sys.path == path
    assert not {name for name in set(sys.modules) - modules if name.startswith("own_")}
