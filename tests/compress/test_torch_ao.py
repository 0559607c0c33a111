"""Weights in 8 and 4 bits by torchao, as programs that torch runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from harness.compress.network import Network
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.torch_program import narrowed, write
from harness.core.models import ModelSpec, OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.models.parameters import TorchParameters
from harness.models.torch_program import load_program
from harness.ports.compress import StepReport
from tests.compress.build import context
from tests.compress.conftest import Net, done, signal_to_noise

EIGHT: dict[str, Any] = {"mode": "weights", "engine": "torchao"}
FOUR: dict[str, Any] = {"mode": "weights", "engine": "torchao", "bits": 4, "block": 32}
LINEAR = ("layers.0", "layers.3", "layers.6")
CUDA = pytest.mark.skipif(
    not torch.cuda.is_available(),
    reason="needs an NVIDIA GPU: torchao packs 4-bit weights for kernels of CUDA alone, and there is none here",
)


def quantized(net: Net, folder: Path, given: dict[str, Any]) -> tuple[Path, StepReport]:
    folder.mkdir(exist_ok=True)
    parameters = QuantizeParameters.model_validate(given)
    return folder / "m.pt2", Quantize().lower(net.network(), folder / "m.pt2", parameters, net.torch_context(folder))


def rounded(weight: np.ndarray) -> np.ndarray:
    """By hand: 255 levels around zero, one scale per output channel."""
    scale = np.abs(weight).max(axis=1, keepdims=True) / 127.5
    return np.clip(np.rint(weight / scale), -128, 127) * scale


def test_it_is_stored_in_8_bits_and_answers_what_the_decoded_weights_say(survey: Net, tmp_path: Path) -> None:
    path, report = quantized(survey, tmp_path, EIGHT)
    program = load_program(path, torch.device("cpu"))
    stored = [value for value in program.exported.state_dict.values() if value.dtype == torch.int8 and value.numel() > 96]
    assert sorted(tuple(value.shape) for value in stored) == [(2, 96), (96, 8), (96, 96)]
    plain = survey.network()
    with torch.no_grad():
        for name in LINEAR:
            weight = plain.module.get_parameter(f"{name}.weight")
            weight.copy_(torch.from_numpy(rounded(weight.numpy())))
    expected = plain.answers({survey.tensor: survey.rows})["logits"]
    (found,) = program.predict({survey.tensor: survey.rows}).values()
    assert signal_to_noise(expected, found) > 45, "the scales of the library are its own to a hundredth"
    assert signal_to_noise(survey.answers(survey.onnx), found) > 30
    facts = {layer.name: layer.facts for layer in report.layers if layer.done}
    assert {name: each["bits"] for name, each in facts.items()} == {f"{name}.weight": 8.0 for name in LINEAR}
    for name in LINEAR:
        whole = survey.module.get_parameter(f"{name}.weight").detach().numpy()
        assert facts[f"{name}.weight"]["sqnr_db"] == pytest.approx(signal_to_noise(whole, rounded(whole)), abs=0.5)


FRESH = """
import sys
from pathlib import Path
import numpy as np, torch
from harness.models.torch_program import load_program
rows = np.load(sys.argv[2])
(found,) = load_program(Path(sys.argv[1]), torch.device("cpu")).predict({sys.argv[4]: rows}).values()
assert "torchao" not in sys.modules
np.save(sys.argv[3], found)
"""


def test_it_runs_in_a_fresh_process_without_torchao(survey: Net, tmp_path: Path) -> None:
    path, _ = quantized(survey, tmp_path, EIGHT)
    np.save(tmp_path / "rows.npy", survey.rows[:9])
    command = [sys.executable, "-c", FRESH, str(path), str(tmp_path / "rows.npy"), str(tmp_path / "found.npy"), survey.tensor]
    subprocess.run(command, check=True, timeout=120)
    (expected,) = load_program(path, torch.device("cpu")).predict({survey.tensor: survey.rows[:9]}).values()
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), expected)


def test_excluded_layers_and_other_weights_stay(languages: Net, survey: Net, tmp_path: Path) -> None:
    _, report = quantized(survey, tmp_path / "s", EIGHT | {"exclude": ["layers.3"]})
    assert set(done(report)) == {"layers.0.weight", "layers.6.weight"}
    _, report = quantized(languages, tmp_path / "l", EIGHT)
    assert set(done(report)) == {"head.weight"}
    assert {layer.reason for layer in report.layers if layer.name == "embed.weight"} == {"not a linear layer, or excluded"}
    with pytest.raises(ModelError, match=r"engine torchao\): nothing was quantized, .* no linear layer that is not excluded"):
        quantized(survey, tmp_path / "n", EIGHT | {"exclude": ["layers"]})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here: what is said without one cannot be seen")
def test_four_bits_without_a_gpu_are_refused_before_anything_is_done(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"4 bits are packed for kernels of CUDA, and torch .* finds no such GPU here; use engine: onnx"):
        quantized(survey, tmp_path, FOUR)
    assert not (tmp_path / "m.pt2").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (EIGHT | {"bits": 3}, "engine torchao stores weights in 4 or 8 bits, not in 3"),
        (EIGHT | {"bits": [8, 4]}, "engine torchao stores weights in 4 or 8 bits"),
        (EIGHT | {"per": "block"}, "engine torchao has one scale per channel in 8 bits, not per block"),
        (FOUR | {"per": "channel"}, "engine torchao has one scale per block in 4 bits, not per channel"),
        (EIGHT | {"block": 64}, "block means nothing with engine torchao in 8 bits"),
        (FOUR | {"block": 48}, "engine torchao takes groups of 32, 64, 128, 256 inputs, not 48"),
        (EIGHT | {"finetune": {"data": "train"}}, "finetune with mode weights needs engine: onnx"),
        (EIGHT | {"mode": "dynamic"}, "engine means nothing with mode dynamic"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        QuantizeParameters.model_validate(given)


class Wide(torch.nn.Module):
    """Four linear layers, wide enough that a GPU is not done before it has begun."""

    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(4)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(n, width) to (n, width)."""
        made: torch.Tensor = self.layers(x)
        return made


def wide(width: int, folder: Path) -> Network:
    output = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="y")
    spec = ModelSpec("original", "torch", TorchParameters(factory="nets:wide", weights=Path("w.safetensors"), device="cuda"), (), output)
    rows = np.random.default_rng(0).normal(size=(16, width)).astype(np.float32)
    return Network(Wide(width).eval(), spec, [{"x": rows}], folder)


@CUDA
def test_four_bits_on_a_gpu_are_smaller_near_and_timed_against_bf16(tmp_path: Path) -> None:
    """4-bit weights answer what their decoded weights say; how fast they are beside bfloat16 is printed, not asserted."""
    network, device = wide(4096, tmp_path), torch.device("cuda")
    parameters = QuantizeParameters.model_validate(FOUR | {"block": 128})
    report = Quantize().lower(network, tmp_path / "int4.pt2", parameters, context(tmp_path))
    assert {layer.facts["bits"] for layer in report.layers if layer.done} == {4.0}
    write(narrowed(network, torch.bfloat16, device), tmp_path / "bf16.pt2", 0.02)
    assert (tmp_path / "int4.pt2").stat().st_size < 0.35 * (tmp_path / "bf16.pt2").stat().st_size
    four, half = (load_program(tmp_path / f"{name}.pt2", device) for name in ("int4", "bf16"))
    batch = {"x": network.rows[0]["x"][:1]}
    (found,), (expected,) = four.predict(batch).values(), half.predict(batch).values()
    assert signal_to_noise(expected, found) > 10
    seconds = [_seconds(lambda run=run: run.predict(batch)) for run in (four, half)]
    print(f"4 bits by torchao: {seconds[1] / seconds[0]:.2f} × the speed of bfloat16 on {torch.cuda.get_device_name()}")


def _seconds(call: Any) -> float:
    """The median of 50 calls, after 10."""
    taken = []
    for _ in range(60):
        torch.cuda.synchronize()
        began = time.perf_counter()
        call()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken[10:]))
