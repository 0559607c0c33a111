"""Files and folders that whoever runs the harness may not read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adversity.door import harness_run, pytest_run
from tests.adversity.material import MODELS, RECORDED, models, project, suite

PLAIN = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
"""Runs a command as root without root's right to read everything."""


@pytest.fixture(scope="module")
def prefix() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    if shutil.which(PLAIN[0]) is None:
        pytest.skip("root may read everything, and setpriv, which takes that from it, is not installed")
    return PLAIN


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = project(tmp_path)
    models(folder)
    (folder / "suites" / "scores.py").write_text("def right(predictions, targets):\n    return (predictions == targets).astype(float)\n")
    own = ("metric: accuracy", "metric: {python: {function: 'scores:right', direction: higher, kind: mean, bounds: [0, 1]}}")
    suite(folder, "models", MODELS.replace("good.onnx", "../weights/good.onnx"))
    suite(folder, "own", RECORDED, own)
    suite(folder, "sound")
    (folder / "weights").mkdir()
    (folder / "suites" / "good.onnx").rename(folder / "weights" / "good.onnx")
    (folder / "baselines" / "sound").mkdir(parents=True)
    (folder / "baselines" / "sound" / "c.json").write_text("{}")
    yield folder
    for path in folder.rglob("*"):
        path.chmod(0o700)


@pytest.mark.parametrize(
    ("secret", "sufferer"),
    [
        ("suites/people.csv", "models"),
        ("weights/good.onnx", "models"),
        ("weights", "models"),
        ("suites/scores.py", "own"),
        ("baselines/sound/c.json", "sound"),
        ("baselines/sound", "sound"),
    ],
)
def test_what_may_not_be_read_is_said_and_costs_its_own_suite_alone(
    folder: Path, prefix: tuple[str, ...], secret: str, sufferer: str
) -> None:
    if sufferer != "sound":
        shutil.rmtree(folder / "baselines")
    (folder / secret).chmod(0)
    for door, argument in ((harness_run, "run"), (pytest_run, "suites")):
        run = door(folder, argument, prefix=prefix)
        assert run.status != 0
        assert Path(secret).name in run.text.replace("\n", "")
        assert _reported(folder) >= {"models", "own", "sound"} - {sufferer}
        shutil.rmtree(folder / "reports")


@pytest.mark.parametrize(
    ("secret", "command"),
    [
        (".harness", "run"), (".harness", "judge"), (".harness", "plan"), (".harness", "doctor"), (".harness", "clean"),
        ("reports", "run"), ("reports", "report"), ("suites", "run"), ("suites", "plan"),
    ],
)  # fmt: skip
def test_every_command_says_what_it_may_not_read(folder: Path, prefix: tuple[str, ...], secret: str, command: str) -> None:
    shutil.rmtree(folder / "baselines")
    (folder / secret).mkdir(exist_ok=True)
    (folder / secret).chmod(0)
    run = harness_run(folder, command, prefix=prefix)  # no traceback: the door looks
    assert run.status in (0, 1, 2)
    assert run.text.strip()


def _reported(folder: Path) -> set[str]:
    return {path.parent.name for path in (folder / "reports").glob("*/result.json")}
