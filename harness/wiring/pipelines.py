"""What is wrong with the pipelines of a suite, known before anything is made."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalogue import Kinds, Parameters
from harness.compress.between import points
from harness.compress.pipeline import Start, planned
from harness.core.models import ModelSpec, Step
from harness.core.suite import Suite
from harness.errors import Fault, ModelError
from harness.ports.compress import Technique
from harness.spec.faults import nearest
from harness.wiring.registers import registers

_PURPOSES = {"calibrate": "calibrates on", "train": "trains on", "validate": "is observed on"}


def pipeline_faults(suite: Suite, techniques: Kinds[Technique]) -> list[Fault]:
    """Steps that cannot stand where they stand, and rows that are not there or are tested on, each at its place."""
    return [fault for model in suite.candidates if model.steps for fault in _faults_of(model, suite, techniques)]


def _faults_of(model: ModelSpec, suite: Suite, techniques: Kinds[Technique]) -> Iterator[Fault]:
    try:
        planned(model.steps, _start(model, suite), techniques)
    except ModelError as error:
        yield _fault(model, model.steps[0], str(error))
    for step in model.steps:
        assert isinstance(step.parameters, Parameters)
        for rows in techniques.get(step.technique).implementation.data(step.parameters):
            tested = [check.name for check in suite.checks if check.data == rows.data]
            if rows.data not in suite.data:
                yield _fault(model, step, f"{step.technique}: there is no data set {rows.data!r}; {nearest(rows.data, suite.data)}")
            elif tested:
                does = _PURPOSES[rows.purpose]
                what = f"{step.technique} {does} {rows.data!r}, which the check {tested[0]} tests on"
                yield _fault(model, step, f"{what}; a verdict would be about rows the candidate has seen, so give it rows of their own")


def names_between(model: ModelSpec, suite: Suite) -> tuple[str, ...]:
    """What the models are called that a candidate with `judge: each_step` is judged by on its way, if every stage of a schedule holds."""
    if model.judge == "end":
        return ()
    steps = planned(model.steps, _start(model, suite), registers().techniques)

    def every(index: int) -> range:
        return range(1, len(steps[index].technique.stages(steps[index].parameters)) + 1)

    return tuple(reached.of(model.name) for _, reached in points(steps, every))


def _start(model: ModelSpec, suite: Suite) -> Start:
    """What the first step meets: an original that is a torch network, or a graph. A candidate that was made is a graph."""
    source = suite.model(model.source)
    return "torch" if source.kind == "torch" and not source.steps else "onnx"


def _fault(model: ModelSpec, step: Step, message: str) -> Fault:
    return Fault(*step.place, f"candidates.{model.name}: {message}")
