"""The harness from Python: what the documentation promises to users, and what the command line is made of.

See docs/api.md. Everything here raises `harness.errors.HarnessError` with one sentence when something is wrong.
"""

from harness.api.accepting import Accepted, accept
from harness.api.comparing import Comparisons, compare
from harness.api.judging import judge_session, skipped_record
from harness.api.soundness import faults_of
from harness.api.suites import judge, load_suite, run

__all__ = ["Accepted", "Comparisons", "accept", "compare", "faults_of", "judge", "judge_session", "load_suite", "run", "skipped_record"]
