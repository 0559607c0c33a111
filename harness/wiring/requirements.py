"""What a suite says it cannot do without."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from harness.core.suite import Suite

ALLOW_NETWORK = "HARNESS_ALLOW_NETWORK"
"""Environment variable that, set to 1, lets suites that require a network run."""


def missing_requirement(suite: Suite) -> str | None:
    """Why the suite cannot run here, None when it can."""
    for requirement in suite.requires:
        reason = _missing(requirement)
        if reason is not None:
            return f"suite {suite.name} requires {requirement}: {reason}"
    return None


def _missing(requirement: str) -> str | None:
    if requirement == "network":
        return None if os.environ.get(ALLOW_NETWORK) == "1" else f"set {ALLOW_NETWORK}=1 to allow it"
    if requirement == "gpu":
        return None if Path("/dev/nvidia0").exists() or Path("/dev/kfd").exists() else "no GPU was found on this machine"
    kind, _, name = requirement.partition(":")
    if kind == "env":
        return None if os.environ.get(name) else f"the environment variable {name} is not set"
    return None if _is_installed(requirement) else f"the package {requirement} is not installed"


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except Exception:  # to find a.b Python imports a, which may be missing or fail in its own way
        return False
