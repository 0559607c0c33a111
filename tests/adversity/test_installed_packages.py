"""Packages beside the harness that are broken, or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.adversity.door import Run, harness_run, pytest_run
from tests.adversity.material import RECORDED, project, suite


def _installed(folder: Path, module: str) -> dict[str, str | None]:
    """An environment with the package `flawed`, whose metric is offered by `module`; the module fails on import."""
    site = folder / "site"
    (site / "flawed-1.0.dist-info").mkdir(parents=True)
    (site / "flawed-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: flawed\nVersion: 1.0\n")
    (site / "flawed-1.0.dist-info" / "entry_points.txt").write_text(f"[harness.metrics]\nodd = {module}:KIND\n")
    (site / "flawed.py").write_text("import nothing_of_this_name\n")
    (site / "leaving.py").write_text("raise SystemExit(3)\n")
    (site / "empty.py").write_text("")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))}


@pytest.mark.parametrize(
    ("module", "cause"),
    [
        ("flawed", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("leaving", "SystemExit: 3"),
        ("empty", "AttributeError: module 'empty' has no attribute 'KIND'"),
    ],
)
def test_an_installed_package_that_cannot_be_imported_is_named_at_every_door(tmp_path: Path, module: str, cause: str) -> None:
    folder = project(tmp_path)
    suite(folder, "plain")
    environ = _installed(tmp_path, module)
    sentence = f"the entry point 'odd' of flawed in group harness.metrics cannot be imported ({cause}); repair, update or uninstall flawed"
    runs: list[Run] = [harness_run(folder, "run", environ=environ), harness_run(folder, "doctor", environ=environ)]
    assert [run.status for run in runs] == [2, 1]
    assert f"trouble: {sentence}" in runs[1].out
    assert "libraries" in runs[1].out, "the rest of the diagnosis is there"
    if module == "flawed":
        runs.append(pytest_run(folder, "suites", environ=environ))
        assert runs[-1].status != 0
    assert all(sentence in run.text for run in runs)


@pytest.mark.parametrize("package", ["nopkg", "nopkg.sub", "nopkg.sub.deeper", "fails.sub"])
def test_a_suite_whose_required_module_is_not_there_is_skipped(tmp_path: Path, package: str) -> None:
    folder = project(tmp_path)
    (folder / "fails").mkdir()
    (folder / "fails" / "__init__.py").write_text("raise RuntimeError('no use')\n")
    suite(folder, "needy", RECORDED, ("suite: NAME\n", f"suite: NAME\nrequires: [{package}]\n"))
    environ = {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))}
    run = harness_run(folder, "run", environ=environ)
    assert f"SKIPPED: suite needy requires {package}: the package {package} is not installed" in run.out
    tested = pytest_run(folder, "suites", environ=environ)
    assert {case.outcome for case in tested.cases.values()} == {"skipped"}
