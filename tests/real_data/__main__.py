"""`python -m tests.real_data adult|banking FOLDER` makes a project to play with; then run `pytest suites/` in it."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.real_data import projects

if __name__ == "__main__":
    made = {"adult": projects.adult, "banking": projects.banking}[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(f"{made.folder / made.suite}.yaml: {len(made.rows):,} rows to test on\n")
