"""Which form each step of a pipeline works on, and where the network becomes an ONNX graph. Imports no heavy library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.catalogue import Kinds, Parameters
from harness.core.models import Step
from harness.errors import ModelError
from harness.ports.compress import Form, Technique

Start = Literal["torch", "onnx"]

EXPORT = "export"
"""The technique that is put in where the network has to become an ONNX graph."""

_ENDS: dict[Form, str] = {"onnx": "onnx", "torch": "torch", "torch to onnx": "onnx", "torch to program": "program"}
_STARTS: dict[Form, str] = {"onnx": "onnx", "torch": "torch", "torch to onnx": "torch", "torch to program": "torch"}


@dataclass(frozen=True)
class Planned:
    """A step, what implements it, and the form it works on. `implied`: no one wrote it, but it has to be."""

    name: str
    parameters: Parameters
    technique: Technique
    form: Form
    implied: bool = False

    @property
    def leaves(self) -> str:
        """The form of its result: `onnx`, `torch` or `program`."""
        return _ENDS[self.form]


def planned(steps: Sequence[Step], start: Start, techniques: Kinds[Technique]) -> tuple[Planned, ...]:
    """The steps with their forms, and an export where a torch network meets a technique for ONNX, or the end.

    A step that takes either stays in torch while it can. `ModelError` names a step that cannot stand where it stands.
    """
    found: list[Planned] = []
    at: str = start
    for step in steps:
        technique = techniques.get(step.technique).implementation
        assert isinstance(step.parameters, Parameters)
        forms = technique.forms(step.parameters)
        form = next((form for form in forms if _STARTS[form] == at), None)
        if form is None and at == "torch":
            found.append(implied_export(techniques))
            form, at = next(form for form in forms if _STARTS[form] == "onnx"), "onnx"
        if form is None:
            raise ModelError(_misplaced(step.technique, at, found, start))
        found.append(Planned(step.technique, step.parameters, technique, form))
        at = found[-1].leaves
    if at == "torch":
        found.append(implied_export(techniques))
    return tuple(found)


def implied_export(techniques: Kinds[Technique]) -> Planned:
    """The export that nobody wrote."""
    kind = techniques.get(EXPORT)
    return Planned(EXPORT, kind.parameters(), kind.implementation, "torch to onnx", implied=True)


def _misplaced(name: str, at: str, before: Sequence[Planned], start: Start) -> str:
    if at == "program":
        made = f"{before[-1].name}, which makes an exported torch program that nothing more can be done to"
        return f"step {name} comes after {made}; put it before"
    if start == "onnx":
        return (
            f"step {name} needs the torch network, and this model exists as ONNX only; give the original as "
            "torch: {factory: …, weights: …}, or use a technique for ONNX (quantize, cast, share, prune of weights, factorize by svd)"
        )
    lowered = next(step for step in before if step.form in ("torch to onnx", "onnx") and not step.implied)
    does = "works on an ONNX graph" if lowered.form == "onnx" else "made an ONNX graph of it"
    return f"step {name} needs the torch network, and {lowered.name} before it {does}; put {name} before {lowered.name}"
