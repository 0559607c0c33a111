"""Where a project keeps what the harness writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MARKERS = ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", ".git", ".harness", "baselines")


@dataclass(frozen=True)
class Project:
    """A project folder and the folders the harness uses in it."""

    root: Path

    @property
    def cache(self) -> Path:
        """Evidence, made models, materialised data."""
        return self.root / ".harness"

    @property
    def reports(self) -> Path:
        """Reports, written by every run."""
        return self.root / "reports"

    @property
    def baselines(self) -> Path:
        """Accepted baselines, written by `accept` only."""
        return self.root / "baselines"


def find_project(suite: Path, working: Path) -> Project:
    """The nearest folder at or above the suite file that looks like a project, else the working folder."""
    for folder in suite.resolve().parents:
        if any((folder / marker).exists() for marker in _MARKERS):
            return Project(folder)
    return Project(working.resolve())
