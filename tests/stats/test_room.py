"""The room as a whole: light to import, examples that run, everything exported."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

import harness.stats

MODULES = [f"harness.stats.{module.name}" for module in pkgutil.iter_modules(harness.stats.__path__)]


def test_importing_loads_no_scipy() -> None:
    code = "import sys, harness.stats; heavy = {'scipy', 'statsmodels', 'sklearn', 'pandas'} & set(sys.modules); sys.exit(repr(heavy) if heavy else 0)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_verdicts_load_no_scipy_stats() -> None:
    code = "import sys, harness.stats as s; s.tango_interval(5, 1, 1, 5); s.planted_t_interval(5, 0, 1, 1); sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_what_is_exported_exists_and_is_documented() -> None:
    for name in harness.stats.__all__:
        assert getattr(harness.stats, name).__doc__ or isinstance(getattr(harness.stats, name), int)
