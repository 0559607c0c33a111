"""Ctrl-C in the middle of gathering."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.material import write_people

SLOW = """import time
import numpy as np
from pathlib import Path

def answer(batch):
    Path("{started}").touch()
    time.sleep(0.2)
    return (np.asarray(batch["age"], dtype=float) > 0).astype(int).astype(str)
"""


def test_ctrl_c_leaves_one_line_and_status_130(project: Path) -> None:
    started = project / "started"
    write_people(project / "people.csv")
    (project / "suites" / "slow.py").write_text(SLOW.format(started=started))
    (project / "suites" / "slow.yaml").write_text("""schema: 1
suite: slow
original:
  python: slow:answer
  output: {type: label, task: binary, labels: ["0", "1"], positive: "1"}
data:
  test: {source: ../people.csv, id: person_id, target: income}
candidates:
  same: {python: {function: "slow:answer", version: "1"}}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp}
""")
    running = subprocess.Popen(
        [sys.executable, "-c", "from harness.cli import main; main(['run'])"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not started.exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    # As a terminal does it: to every process of the group, workers included.
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, (out, err)
    assert err.strip().splitlines()[-1].startswith("harness: interrupted")
    assert "Traceback" not in err
