"""The harness's command line options under pytest."""

from __future__ import annotations

import pytest


def add_options(parser: pytest.Parser) -> None:
    """Adds them in a group of their own."""
    group = parser.getgroup("harness", "compressed models against their originals")
    group.addoption("--candidate", action="append", default=[], metavar="NAME", help="judge only this candidate (may be repeated)")
    group.addoption("--fresh", action="store_true", help="ignore stored evidence and run the models again")
    group.addoption(
        "--harness-strict",
        action="store_true",
        help="every INCONCLUSIVE fails; pytest's own --strict, where it has one, does the same for suites",
    )
    group.addoption("--harness-report", metavar="DIR", default=None, help="where reports are written (default: reports/ of the project)")
    group.addoption("--no-harness-report", action="store_true", help="write no reports")
    group.addoption(
        "--without-original",
        action="store_true",
        help="judge against the original's stored outcomes in baselines/, without running the original",
    )


def is_strict(config: pytest.Config) -> bool:
    """Whether INCONCLUSIVE fails: by --harness-strict, or by a --strict given on the command line."""
    return bool(config.getoption("--harness-strict")) or "--strict" in config.invocation_params.args
