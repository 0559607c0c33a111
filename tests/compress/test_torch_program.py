"""Networks as programs in 16 bits, and with the sparse products that GPUs have for the pattern 2:4."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.compress.export import Export
from harness.compress.export_parameters import ExportParameters
from harness.compress.network import Network
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.core.models import Step
from harness.errors import ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_program import load_program
from harness.models.torch_weights import count_weights
from harness.ports.compress import StepReport
from harness.wiring.making import _as_program
from tests.compress.build import context
from tests.compress.conftest import Net, done, signal_to_noise
from tests.compress.test_maker import candidate, maker
from tests.compress.test_torch_ao import wide

CPU = torch.device("cpu")


def exported(network: Network, folder: Path, **given: Any) -> tuple[Path, StepReport]:
    folder.mkdir(exist_ok=True)
    parameters = ExportParameters.model_validate({"to": "program", **given})
    return folder / "m.pt2", Export().lower(network, folder / "m.pt2", parameters, context(folder))


def sparse(network: Network, folder: Path) -> Network:
    (stage,) = Prune().stages(PruneParameters.model_validate({"unit": "2:4"}))
    Prune().transform(network, stage, context(folder))
    return network


@pytest.mark.parametrize(("dtype", "least"), [("fp16", 55), ("bf16", 35)])
def test_a_program_in_16_bits_takes_and_gives_what_the_original_does(net: Net, tmp_path: Path, dtype: str, least: float) -> None:
    """Half the bytes; 10 and 7 bits of mantissa leave that many decibels of a whole network's answers."""
    path, report = exported(net.network(), tmp_path / dtype, dtype=dtype)
    program = load_program(path, CPU)
    (found,) = program.predict({net.tensor: net.rows[:100]}).values()
    assert found.dtype == np.float32
    assert signal_to_noise(net.module(torch.from_numpy(net.rows[:100])).detach().numpy(), found) > least
    counted = count_weights(program.exported)
    assert counted.bits == 16
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16}[dtype]
    for name, value in net.module.named_parameters():
        assert torch.equal(program.exported.state_dict[name], value.detach().to(kind))
    assert len(done(report)) == len(list(net.module.parameters()))
    assert {layer.facts["bits"] for layer in report.layers if layer.done} == {16.0}


def test_what_a_program_alone_can_do() -> None:
    for given in ({"dtype": "bf16"}, {"to": "onnx", "semi_structured": True}):
        with pytest.raises(ValidationError, match="belongs to a program; write to: program"):
            ExportParameters.model_validate(given)


def test_sparse_products_need_the_pattern(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no linear layer has two zeros in every four weights; put prune: \{unit: 2:4\} before it"):
        exported(survey.network(), tmp_path / "dense", semi_structured=True)
    path, _ = exported(sparse(survey.network(), tmp_path), tmp_path / "sparse", semi_structured=True)
    weight = load_program(path, CPU).exported.state_dict["layers.3.weight"].detach().numpy()
    assert (np.count_nonzero(weight.reshape(-1, 4), axis=1) <= 2).all()


def test_a_made_program_is_run_as_the_step_that_wrote_it_says(survey: Net, tmp_path: Path) -> None:
    """Through the maker: the candidate's model asks for sparse products, and a processor says in a sentence that it has none."""
    parameters = {"model.pt2": _as_program}
    source = TorchParameters(factory="survey.nets:build", weights=Path("survey/weights.safetensors"), device="cpu")
    steps = (
        Step("prune", PruneParameters.model_validate({"unit": "2:4"})),
        Step("export", ExportParameters(to="program", semi_structured=True)),
    )
    spec = _with(survey.spec, source)
    made = maker(survey, tmp_path / "cache", parameters=parameters).make(_with(candidate(survey, *steps), source), spec)
    its = made.model.parameters
    assert isinstance(its, TorchParameters)
    assert (its.semi_structured, its.device) == (True, "cpu")
    with pytest.raises(ModelError, match=r"compute capability 8.0 and later, and this model runs on cpu; write device: cuda"):
        load_program(made.folder / "model.pt2", CPU, semi_structured=True)
    load_program(made.folder / "model.pt2", CPU).predict({survey.tensor: survey.rows[:3]})


def _with(spec: Any, parameters: object) -> Any:
    from dataclasses import replace

    return replace(spec, parameters=parameters)


@pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0),
    reason="needs an NVIDIA GPU of compute capability 8.0 or later: nothing else has sparse products for the pattern 2:4",
)
def test_sparse_products_on_a_gpu_answer_alike_and_are_timed_against_bf16(tmp_path: Path) -> None:
    """The same program, dense and by sparse products; how fast they are beside each other is printed, not asserted."""
    device = torch.device("cuda")
    path, _ = exported(sparse(wide(8192, tmp_path), tmp_path), tmp_path / "sparse", dtype="bf16", semi_structured=True)
    dense, fast = load_program(path, device), load_program(path, device, semi_structured=True)
    batch = {"x": np.random.default_rng(0).normal(size=(512, 8192)).astype(np.float32)}
    (expected,), (found,) = dense.predict(batch).values(), fast.predict(batch).values()
    assert signal_to_noise(expected, found) > 35
    seconds = []
    for program in (fast, dense):
        x = torch.from_numpy(batch["x"]).to(device)
        taken = []
        for _ in range(60):
            torch.cuda.synchronize()
            began = time.perf_counter()
            with torch.inference_mode():
                program._module(x)
            torch.cuda.synchronize()
            taken.append(time.perf_counter() - began)
        seconds.append(float(np.median(taken[10:])))
    print(f"2:4 by torch.sparse: {seconds[1] / seconds[0]:.2f} × the speed of dense bfloat16 on {torch.cuda.get_device_name()}")
