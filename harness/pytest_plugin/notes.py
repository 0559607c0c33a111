"""What is said at collection about checks that the data cannot settle."""

from __future__ import annotations

import pytest

from harness.engine.planning import underpowered, unused_segmentations
from harness.pytest_plugin.collection import VerdictItem
from harness.pytest_plugin.ledger import ledger


def power_lines(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """One line per underpowered whole-set check and per check with segments that can never pass; none with -q."""
    if config.get_verbosity() < 0:
        return []
    lines = underpowered([item.harness_item for item in items if isinstance(item, VerdictItem)])
    return [*lines, *(line for session in ledger(config).sessions.values() for line in unused_segmentations(session))]
