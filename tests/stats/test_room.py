"""The room as a whole: light to import, examples that run, everything exported."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import harness.stats

MODULES = [f"harness.stats.{module.name}" for module in pkgutil.iter_modules(harness.stats.__path__)]


def loaded_after(code: str) -> set[str]:
    """Names of the modules a fresh interpreter has loaded after running `code`."""
    done = subprocess.run([sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_loads_no_heavy_library() -> None:
    assert not {"scipy", "statsmodels", "sklearn", "pandas"} & loaded_after("import harness.stats")


def test_verdicts_load_no_scipy_stats() -> None:
    loaded = loaded_after("import harness.stats as s; s.tango_interval(5, 1, 1, 5); s.planted_t_interval(5, 0, 1, 1)")
    assert "scipy.special" in loaded
    assert "scipy.stats" not in loaded


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_what_is_exported_exists_and_is_documented() -> None:
    for name in harness.stats.__all__:
        assert getattr(harness.stats, name).__doc__ or isinstance(getattr(harness.stats, name), int)


def test_examples_of_the_page_for_users_run() -> None:
    page = Path(__file__).parents[2] / "docs" / "statistics.md"
    assert doctest.testfile(str(page), module_relative=False).failed == 0
