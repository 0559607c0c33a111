"""The models between the steps of a candidate: made runnable once, and answering as what was kept there answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from harness.catalogue import Kind, Kinds, Parameters
from harness.compress.builtin import TECHNIQUES
from harness.compress.export import Export
from harness.compress.export_parameters import ExportParameters
from harness.compress.maker import FileMaker
from harness.compress.network import WEIGHTS
from harness.compress.prune_parameters import PruneParameters
from harness.compress.technique import TorchTechnique
from harness.core.models import Step
from harness.core.steps import Reached
from harness.errors import ModelError
from harness.ports.compress import Intermediate, StepContext, StepReport, Technique
from tests.compress.conftest import Net
from tests.compress.test_maker import INT4, candidate, maker

GRADUAL = Step("prune", PruneParameters.model_validate({"sparsity": {"from": 0.5, "to": 0.9, "steps": 2}}))
NARROW = Step("prune", PruneParameters.model_validate({"unit": "channel", "sparsity": 0.5}))


def path_of(step: Intermediate) -> Path:
    assert step.model is not None, step.reason
    return Path(str(step.model.parameters))


def kept(folder: Path) -> dict[float, NDArray[np.float32]]:
    """Networks that the factory's own structure fits, by the share of zeros in them: what torch says of the weights as they lie there."""
    found = {}
    for path in folder.glob(f"*/{WEIGHTS}"):
        state = load_file(path)
        matrices = [value for name, value in state.items() if value.ndim == 2]
        if matrices[0].shape[0] == 96:
            found[round(float(sum((m == 0).sum() for m in matrices) / sum(m.numel() for m in matrices)), 2)] = state
    return found


def test_networks_answer_as_the_weights_that_were_kept(survey: Net, tmp_path: Path) -> None:
    """Two stages of pruning, then channels, then 4 bits: four points, of which three are networks."""
    makes = maker(survey, tmp_path)
    model = replace(candidate(survey, GRADUAL, NARROW, INT4), judge="each_step")
    assert {step.reason for step in makes.find_steps(model, survey.spec)} == {"it is not there; run: harness run"}
    artefact = makes.make(model, survey.spec)
    found = makes.make_steps(model, survey.spec)
    assert [step.reached for step in found] == [Reached(1, "prune", 1), Reached(1, "prune"), Reached(2, "prune")]
    assert [step.model.name for step in found if step.model] == [f"small after {step.reached.label}" for step in found]
    assert all(step.model and not step.model.steps and step.model.inputs == survey.spec.inputs for step in found)

    states = kept(tmp_path / "survey" / ".steps")
    assert sorted(states) == [0.5, 0.9], "by magnitude, half of the weights and nine in ten"
    for step, share in zip(found[:2], (0.5, 0.9), strict=True):
        network = survey.network().module
        network.load_state_dict(states[share])
        with torch.inference_mode():
            expected = network.eval()(torch.from_numpy(survey.rows)).numpy()
        np.testing.assert_allclose(survey.answers(path_of(step)), expected, atol=1e-4)
    # What the pipeline itself exported before 4 bits is what stands for the network before it.
    steps: Any = artefact.record["steps"]
    assert [step["technique"] for step in steps] == ["prune", "prune", "export", "quantize"]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.onnx")}
    assert makes.make_steps(model, survey.spec) == makes.find_steps(model, survey.spec) == found
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("model.onnx")} == before, "nothing is made twice"
    assert len(before) == 5, "three exports, the quantized graph, and the candidate"


class Factor(Parameters):
    """By how much."""

    factor: float


class Scale(TorchTechnique):
    """Every weight times a number."""

    def transform(self, network: Any, parameters: Factor, context: StepContext) -> StepReport:
        for _, value in network.weights():
            value.data *= parameters.factor
        return StepReport(notes=("scaled",))


class Wary(Export):
    """Refuses networks whose weights are large."""

    def lower(self, network: Any, target: Path, parameters: ExportParameters, context: StepContext) -> StepReport:
        if any(float(value.detach().abs().max()) > 1e3 for _, value in network.weights()):
            raise ModelError("survey: torch cannot export the model to ONNX: the weights are too large")
        return super().lower(network, target, parameters, context)


def wary() -> Kinds[Technique]:
    made: Kinds[Technique] = Kinds("technique")
    for kind in TECHNIQUES:
        made.register(Kind("export", ExportParameters, Wary()) if kind.name == "export" else kind)
    made.register(Kind("scale", Factor, Scale()))
    return made


def test_a_network_that_cannot_be_exported_says_so_and_the_others_are_there(survey: Net, tmp_path: Path) -> None:
    makes = maker(survey, tmp_path, techniques=wary())
    steps = [Step("scale", Factor(factor=factor)) for factor in (0.5, 1e6, 1e-6)]
    model = replace(candidate(survey, *steps), judge="each_step")
    makes.make(model, survey.spec)
    first, second = makes.make_steps(model, survey.spec)
    assert path_of(first).is_file()
    assert (second.model, second.reason) == (None, "survey: torch cannot export the model to ONNX: the weights are too large")


def test_of_a_candidate_that_could_not_be_made_there_is_what_came_before(survey: Net, tmp_path: Path) -> None:
    """Looking makes nothing: the graph after the first step is there, the one after the second is not."""
    graph = replace(survey.spec, kind="onnx")
    makes: FileMaker = maker(survey, tmp_path, onnx_path=lambda model: survey.onnx)
    good, bad = INT4, Step("quantize", INT4.parameters.model_copy(update={"exclude": ("no such layer",)}))
    model = replace(candidate(survey, good, bad, good), judge="each_step")
    with pytest.raises(ModelError, match="no such layer"):
        makes.make(model, graph)
    first, second = makes.find_steps(model, graph)
    assert path_of(first).is_file()
    assert second.model is None
