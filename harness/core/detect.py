"""Whether a file is a suite at all, told by a cheap look."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

LOOK_BYTES = 65_536
"""How much of a file is looked at."""

_KEY = re.compile(r"""^(?P<quote>["']?)(?P<key>schema|suite|candidates|checks)(?P=quote)[ \t]*:(?:[ \t\r]|$)""", re.MULTILINE)


def is_suite_file(path: Path) -> bool:
    """Whether the file has `schema` and `suite` among its top-level keys. Never fails, whatever the file is.

    A file with one of them and `candidates` and `checks` is taken for a suite with a mistyped key: it is better named as
    faulty than silently not judged.

    The keys must start their lines, as in block style; other people's YAML, directories, pipes and binary files are
    no suites.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(LOOK_BYTES)
    except (OSError, ValueError):
        return False
    # UTF-16, as some editors save it, is no suite that can be read; it is taken for one so that this is said.
    encoding = "utf-16" if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    text = start.decode(encoding, errors="replace").removeprefix("\ufeff")
    keys = {match["key"] for match in _KEY.finditer(text)}
    return {"schema", "suite"} <= keys or (len(keys) == 3 and {"candidates", "checks"} <= keys)
