"""The code behind the examples works, with small models made here instead of a hub or a GPU."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "suites" / "examples"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(EXAMPLES.parent))
    return importlib.import_module


def test_the_half_precision_network_takes_the_same_weights(example: Any) -> None:
    from safetensors.torch import load_file

    half = example("half")
    weights = load_file(EXAMPLES.parent / "languages" / "weights.safetensors")
    full_net, half_net = half.full(), half.half()
    full_net.load_state_dict(weights)
    half_net.load_state_dict(weights)
    import torch

    tokens = torch.from_numpy(half.encode(half.phrases()["text"].to_pylist()[:200]))
    with torch.inference_mode():
        exact, coarse = full_net.eval()(tokens), half_net.eval()(tokens)
    assert coarse.dtype == torch.float32
    assert (exact.argmax(1) == coarse.argmax(1)).double().mean() > 0.98
    assert 0 < (exact - coarse).abs().max() < 0.1


def test_the_script_exports_what_onnx_runtime_reads(example: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil
    import warnings

    import onnxruntime

    half = example("half")
    (tmp_path / "languages").mkdir()
    (tmp_path / "examples").mkdir()
    shutil.copy(EXAMPLES.parent / "languages" / "weights.safetensors", tmp_path / "languages")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        half.main(tmp_path / "examples")
    running = onnxruntime.InferenceSession(str(tmp_path / "examples" / "phrases.onnx"), providers=["CPUExecutionProvider"])
    assert running.run(["logits"], {"tokens": half.encode(["drei", "vier", "fünf"])})[0].shape == (3, 64)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("quantized", [False, True])
def test_the_classifier_reads_a_model_of_the_hub_format(example: Any, tmp_path: Path, quantized: bool) -> None:
    import torch
    from transformers import DistilBertConfig, DistilBertForSequenceClassification, DistilBertTokenizerFast

    torch.manual_seed(0)
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film"]) + "\n")
    DistilBertTokenizerFast(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = DistilBertConfig(vocab_size=8, dim=32, hidden_dim=64, n_layers=1, n_heads=2, max_position_embeddings=32)
    DistilBertForSequenceClassification(config).save_pretrained(tmp_path)
    classify = example("hub").Classifier(str(tmp_path), quantized=quantized)
    answers = classify({"text": np.array(["good film", "bad", "a good good film"], dtype=object)})
    assert answers.shape == (3, 2)
    assert answers.dtype == np.float32
    assert np.isfinite(answers).all()
    assert len(np.unique(answers)) > 2
