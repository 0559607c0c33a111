"""Two models and some data, without a suite file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import wiring
from harness.api.assembly import Assembly, as_suite
from harness.api.judging import judge_session
from harness.api.suites import new_run_id
from harness.core.outcome import Outcome
from harness.core.suite import Suite
from harness.core.verdict import Verdict
from harness.engine.session import Session
from harness.engine.tools import Options
from harness.errors import HarnessError, UsageError
from harness.report import failure_block


@dataclass(frozen=True, repr=False)
class Comparisons:
    """The verdicts of a comparison, the whole's first. True in a condition when it passed."""

    verdicts: tuple[Verdict, ...]

    @property
    def whole(self) -> Verdict:
        """The verdict on all examples together."""
        return self.verdicts[0]

    @property
    def passed(self) -> bool:
        """Whether the whole is PASS and nothing blocks. Only PASS is a pass."""
        return self.whole.outcome is Outcome.PASS and not any(verdict.blocks for verdict in self.verdicts)

    def segment(self, **values: str) -> Verdict:
        """The verdict on one segment: `result.segment(language="bn")`; `KeyError` when there is none of these values."""
        for verdict in self.verdicts:
            if verdict.segment is not None and verdict.segment.as_mapping() == values:
                return verdict
        raise KeyError(", ".join(f"{name}:{value}" for name, value in values.items()))

    def __bool__(self) -> bool:
        return self.passed

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self.verdicts)

    def __len__(self) -> int:
        return len(self.verdicts)

    def __repr__(self) -> str:
        blocking = sum(verdict.blocks for verdict in self.verdicts)
        return f"<Comparisons: {self.whole.outcome} {self.whole.item_name}; {blocking} of {len(self.verdicts)} verdicts block>"

    def __str__(self) -> str:
        shown = [self.whole, *(verdict for verdict in self.verdicts[1:] if verdict.blocks or verdict.outcome is Outcome.FAIL)]
        return "\n".join(failure_block(verdict) for verdict in shown)


def compare(
    original: Any,
    candidate: Any,
    data: Path | str | Mapping[str, Any],
    *,
    metric: str | Mapping[str, Any] = "accuracy",
    max_drop: str | float = "2pp",
    target: str | None = None,
    id: str | None = None,
    segments: str | Sequence[str] | Mapping[str, Any] = (),
    input: Mapping[str, Any] | None = None,
    output: Mapping[str, Any] | None = None,
    check: Mapping[str, Any] | None = None,
    project: Path | str | None = None,
) -> Comparisons:
    """Compare two models on the same examples; the verdicts of one quality check.

    `original` and `candidate` are paths of ONNX files, mappings as a suite has them (`{"onnx": "a.onnx"}`,
    `{"outputs": "runs.csv", "prediction": "fp32"}`), or predictions in the order of the data: (n,) labels or numbers, or
    (n, classes) scores, which need `output` with type, task and labels. `data` is a path, a mapping as in a suite, or
    columns by name. `input` and `output` are those of the original, as in a suite; `segments` names columns, or is the
    mapping of a suite; `check` holds further keys of the check (`{"on_inconclusive": "warn"}`). Relative paths start at
    the working folder, where evidence is kept in `.harness/` unless both models are given by their predictions.

    Raises `UsageError` when the call makes no sense, `DataError` when the data is wrong or a column is not there,
    `ModelError` when a model file is missing or is none; whatever goes wrong while a model is measured is a verdict.
    """
    __tracebackhide__ = True  # pytest then points at the line that called
    described = Assembly(original, candidate, data, metric, max_drop, target, id, segments, input, output, check)
    try:
        return _compared(described, project)
    except HarnessError as error:
        # One sentence about the call: where inside it was noticed tells the caller nothing.
        raise error.with_traceback(None) from None


def _compared(described: Assembly, project: Path | str | None) -> Comparisons:
    with _folder() as scratch:
        suite = as_suite(described, scratch)
        session = wiring.session(suite, _home(described, suite, scratch, project), Options(run_id=new_run_id()))
        described.write_predictions(scratch, session.dataset)
        _require_sound(session)
        return Comparisons(judge_session(session).verdicts)


def _require_sound(session: Session) -> None:
    """Raise now what is wrong with the call: later everything is a verdict."""
    for spec in session.suite.checks:
        dataset = session.dataset(spec.data)
        if session.suite.data[spec.data].target is None and session.checks[spec.name].needs().targets:
            raise UsageError(
                f"compare: {spec.name} needs the right answers; say with target= which column holds them: {', '.join(dataset.columns)}"
            )
        dataset.segmentations()
    for model in (session.suite.original, *session.suite.candidates):
        wiring.registers().models.get(model.kind).implementation.files(model.parameters, session.suite.root)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="harness-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _home(described: Assembly, suite: Suite, scratch: Path, project: Path | str | None) -> wiring.Project:
    """Where evidence is kept: nowhere for long when nothing was run."""
    if project is not None:
        return wiring.Project(Path(project).resolve())
    return wiring.Project(scratch) if described.recorded else wiring.find_project(suite.path, Path.cwd())
