"""The one place where kinds are joined to their implementations."""

from harness.wiring.environment import environment
from harness.wiring.pipelines import names_between
from harness.wiring.project import Project, find_project
from harness.wiring.registers import registers
from harness.wiring.reports import report
from harness.wiring.requirements import missing_requirement
from harness.wiring.sessions import load, session

__all__ = [
    "Project",
    "environment",
    "find_project",
    "load",
    "missing_requirement",
    "names_between",
    "registers",
    "report",
    "session",
]
