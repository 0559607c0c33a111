"""Whether a YAML file is one of ours, found out without a YAML library."""

from __future__ import annotations

import re
from pathlib import Path

_SNIFFED_BYTES = 65_536
_SCHEMA = re.compile(rb"^[\"']?schema[\"']?\s*:", re.MULTILINE)
_SUITE = re.compile(rb"^[\"']?suite[\"']?\s*:", re.MULTILINE)


def looks_like_suite(path: Path) -> bool:
    """True when both `schema:` and `suite:` stand at the left margin of its first 64 KB; False for unreadable files."""
    try:
        with path.open("rb") as file:
            head = file.read(_SNIFFED_BYTES).removeprefix(b"\xef\xbb\xbf")
    except OSError:
        return False
    return _SCHEMA.search(head) is not None and _SUITE.search(head) is not None
