"""Networks with layers as tensors, in the steps that come after."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.parameters import QuantizeParameters
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.compress.quantize import Quantize
from harness.errors import ModelError
from tests.compress.build import export
from tests.compress.conftest import SUITES, Net, done, factorized, signal_to_noise


@pytest.mark.slow
@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_training_afterwards_recovers(languages: Net, tmp_path: Path, method: str) -> None:
    """A head that answers at random is trained back, through all of its factors."""
    rank = 2 if method == "tucker" else 6
    bare, _ = factorized(languages, tmp_path / "a", method=method, rank=rank, only=["head"])
    finetune = {"data": "train", "epochs": 6, "learning_rate": 1e-2}
    trained, _ = factorized(languages, tmp_path / "b", method=method, rank=rank, only=["head"], finetune=finetune)
    before, after = (languages.torch_accuracy(network.module) for network in (bare, trained))
    assert after > before + 0.2
    head = dict(bare.module.head.named_parameters())
    assert len(head) >= 5
    for name, value in trained.module.head.named_parameters():
        assert not torch.equal(value, head[name]), f"{name} was not trained"


FRESH = """
import sys
from pathlib import Path
import numpy as np
from safetensors.torch import load_file
from harness.compress.network import Network
from harness.compress.runtime import session
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
folder, suites = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(suites))
from languages.nets import build
rows = {"tokens": np.load(folder / "rows.npy")}
spec = ModelSpec("o", "torch", None, (InputSpec("tokens", ("x",)),), OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits"))
network = Network(build(), spec, [rows], suites)
network.load(folder)
np.savez(folder / "found.npz", torch=network.answers(rows)["logits"], onnx=session(folder / "m.onnx").run(None, rows)[0])
"""


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_a_fresh_process_reads_it_as_network_and_as_onnx(languages: Net, tmp_path: Path, method: str) -> None:
    network, _ = factorized(languages, tmp_path / "a", method=method, rank=6, only=["embed", "head"])
    network.save(tmp_path)
    export(network.source, network.module, network.rows, tmp_path / "m.onnx")
    np.save(tmp_path / "rows.npy", languages.rows[:9])
    subprocess.run([sys.executable, "-W", "ignore", "-c", FRESH, str(tmp_path), str(SUITES)], check=True)
    found = np.load(tmp_path / "found.npz")
    expected = network.answers({"tokens": languages.rows[:9]})["logits"]
    np.testing.assert_allclose(found["torch"], expected, atol=1e-5)
    np.testing.assert_allclose(found["onnx"], expected, atol=1e-3)
    assert (tmp_path / "m.onnx").stat().st_size < languages.onnx.stat().st_size


@pytest.mark.parametrize("method", ["tucker", "cp"])
def test_its_factors_are_quantized_in_the_graph(survey: Net, tmp_path: Path, method: str) -> None:
    network, _ = factorized(survey, tmp_path, method=method, rank=6, only=["layers.3"])
    export(network.source, network.module, network.rows, tmp_path / "m.onnx")
    for place, settings_ in enumerate(({"mode": "weights", "bits": 8}, {"mode": "dynamic"})):
        target = tmp_path / f"q{place}.onnx"
        report = Quantize().apply(
            tmp_path / "m.onnx", target, QuantizeParameters.model_validate(settings_), survey.context(tmp_path / f"q{place}")
        )
        whole = {"layers.0.weight", "layers.6.weight"}
        assert whole < done(report).keys()
        assert len(done(report)) - len(whole) == (5 if method == "tucker" else 2), "every product; the two sums over terms stay"
        before, after = survey.answers(tmp_path / "m.onnx"), survey.answers(target)
        assert not np.array_equal(before, after)
        if settings_["mode"] == "weights":  # what integer sums make of it differs between processors
            assert signal_to_noise(before, after) > 25


@pytest.mark.parametrize("method", ["tucker", "cp"])
@pytest.mark.parametrize("only", [["layers.0"], ["layers.3"], ["layers.6"]])
def test_channels_next_to_it_go_and_its_own_stay(survey: Net, tmp_path: Path, method: str, only: list[str]) -> None:
    """96 → 48 channels where both neighbours are ordinary layers; where one is a tensor, all stay."""
    network, _ = factorized(survey, tmp_path / "a", method=method, rank=1, only=only)
    (stage,) = Prune().stages(PruneParameters(unit="channel", sparsity=0.5))
    if only == ["layers.3"]:
        with pytest.raises(ModelError, match="no channel could be taken away"):
            Prune().transform(network, stage, survey.torch_context(tmp_path / "b"))
        return
    report = Prune().transform(network, stage, survey.torch_context(tmp_path / "b"))
    weight = network.module.get_submodule("layers.3").weight
    assert weight.shape == ((48, 96) if only == ["layers.0"] else (96, 48))
    assert "layers.3.weight" in done(report)
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = survey.network()
    again.load(tmp_path / "kept")
    batch = {survey.tensor: survey.rows[:9]}
    np.testing.assert_array_equal(again.answers(batch)["logits"], network.answers(batch)["logits"])
    export(network.source, network.module, network.rows, tmp_path / "m.onnx")


def test_single_weights_of_its_factors_go(survey: Net, tmp_path: Path) -> None:
    network, _ = factorized(survey, tmp_path / "a", method="tucker", rank=4, only=["layers.3"])
    (stage,) = Prune().stages(PruneParameters(sparsity=0.5))
    Prune().transform(network, stage, survey.torch_context(tmp_path / "b"))
    for name, value in network.module.get_submodule("layers.3").named_parameters():
        if value.ndim > 1:
            assert int((value == 0).sum()) == value.numel() // 2, name


def test_it_can_be_factorized_again(survey: Net, tmp_path: Path) -> None:
    """The core of a first factorization becomes a product itself, and comes back so."""
    network, _ = factorized(survey, tmp_path / "a", method="tucker", rank=6, only=["layers.3"])
    parameters = FactorizeParameters(method="svd", rank=8, only=("layers.3.1",))
    report = Factorize().transform(network, parameters, survey.torch_context(tmp_path / "b"))
    assert list(done(report)) == ["layers.3.1.weight"]
    (tmp_path / "kept").mkdir()
    network.save(tmp_path / "kept")
    again = survey.network()
    again.load(tmp_path / "kept")
    batch = {survey.tensor: survey.rows[:9]}
    np.testing.assert_array_equal(again.answers(batch)["logits"], network.answers(batch)["logits"])
