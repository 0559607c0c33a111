"""K-means weight sharing: what is in the file, decoded by hand, and how near it comes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.share import Share, ShareParameters
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress import decoding
from tests.compress.conftest import Net, done, signal_to_noise


def shared(net: Net, folder: Path, bits: int, **given: Any) -> tuple[Path, StepReport]:
    target = folder / "made.onnx"
    return target, Share().apply(net.onnx, target, ShareParameters(bits=bits, **given), net.context(folder / "s"))


def decoded(path: Path, name: str, bits: int, shape: tuple[int, ...]) -> np.ndarray:
    after = decoding.tensors(path)
    count = int(np.prod(shape))
    numbers = decoding.integers(after[f"{name}_index"]) if bits == 8 else decoding.packed(after, f"{name}_index", bits, count)
    return decoding.floats(after[f"{name}_codebook"])[numbers.reshape(shape)]


@pytest.mark.parametrize("bits", [1, 3, 4, 8])
def test_the_file_is_smaller_and_holds_what_is_claimed(net: Net, tmp_path: Path, bits: int) -> None:
    path, report = shared(net, tmp_path, bits)
    before = decoding.tensors(net.onnx)
    model = onnx.load(str(net.onnx))
    claimed = done(report)
    assert len(claimed) >= 2
    saved = 0
    for layer in report.layers:
        if not layer.done:
            continue
        made, original = decoded(path, layer.name, bits, layer.shape), decoding.floats(before[layer.name])
        assert len(np.unique(made)) == layer.facts["values"] <= 2**bits
        assert layer.facts["bits"] == bits
        assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(original, made), abs=0.01)
        book = np.unique(made)
        np.testing.assert_allclose(np.abs(made - original), np.abs(original[..., None] - book).min(-1), atol=1e-6, err_msg="nearest value")
        next(tensor for tensor in model.graph.initializer if tensor.name == layer.name).raw_data = made.tobytes()
        saved += original.nbytes - original.size * bits / 8 - 4 * 2**bits
    assert path.stat().st_size < net.onnx.stat().st_size - saved + 1800 * len(claimed)
    onnx.save(model, str(tmp_path / "decoded.onnx"))
    np.testing.assert_array_equal(net.answers(path), net.answers(tmp_path / "decoded.onnx"))


@pytest.mark.parametrize("bits", [2, 4, 6])
def test_it_is_nearer_than_uniform_rounding_with_as_many_bits(net: Net, tmp_path: Path, bits: int) -> None:
    _, report = shared(net, tmp_path, bits)
    parameters = QuantizeParameters(mode="weights", bits=bits, per="tensor")
    rounded = Quantize().apply(net.onnx, tmp_path / "rounded.onnx", parameters, net.context(tmp_path / "r"))
    uniform = {layer.name: layer.facts for layer in rounded.layers}
    for layer in report.layers:
        if layer.done:
            assert layer.facts["sqnr_db"] > uniform[layer.name]["sqnr_db"]


def test_more_bits_are_nearer(languages: Net, tmp_path: Path) -> None:
    ratios = []
    for bits in (1, 2, 4, 8):
        report = shared(languages, tmp_path, bits)[1]
        ratios.append(next(layer.facts["sqnr_db"] for layer in report.layers if layer.name == "body.6.weight"))
    assert ratios == sorted(ratios)
    assert ratios[0] > 4
    assert ratios[-1] > 40


def test_the_runtime_decodes_at_load(digits: Net, tmp_path: Path) -> None:
    """What the session keeps of the graph has no node that decodes: it runs as fast as floats do."""
    path, _ = shared(digits, tmp_path, 3)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    kept = {node.op_type for node in onnx.load(str(tmp_path / "optimized.onnx")).graph.node}
    assert not kept & {"BitShift", "BitwiseAnd", "BitwiseOr", "Gather", "Cast", "Slice"}


def test_four_bits_keep_the_answers(digits: Net, tmp_path: Path) -> None:
    path, _ = shared(digits, tmp_path, 4)
    assert path.stat().st_size < 0.16 * digits.onnx.stat().st_size
    assert (digits.answers(path).argmax(1) == digits.targets).mean() > 0.97


def test_pruned_weights_stay_zero(digits: Net, tmp_path: Path) -> None:
    from harness.compress.prune import Prune
    from harness.compress.prune_parameters import PruneParameters

    (stage,) = Prune().stages(PruneParameters(sparsity=0.7))
    Prune().apply(digits.onnx, tmp_path / "pruned.onnx", stage, digits.context(tmp_path / "p"))
    report = Share().apply(tmp_path / "pruned.onnx", tmp_path / "made.onnx", ShareParameters(bits=4), digits.context(tmp_path / "s"))
    before = decoding.floats(decoding.tensors(tmp_path / "pruned.onnx")["7.weight"])
    made = decoded(tmp_path / "made.onnx", "7.weight", 4, before.shape)
    assert (made[before == 0] == 0).all()
    assert next(layer for layer in report.layers if layer.name == "7.weight").facts["sparsity"] >= 0.7


def test_small_weights_are_left_alone_where_a_codebook_would_be_larger(survey: Net, tmp_path: Path) -> None:
    reasons = {layer.name: layer.reason for layer in shared(survey, tmp_path, 8)[1].layers}
    assert reasons["layers.6.weight"] == "codebook and indices would take 1,216 bytes, and the 192 weights take 768"


def test_wrong_input(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"did you mean 'layers\.3\.weight'"):
        shared(survey, tmp_path, 4, exclude=("layers.3.wieght",))
    with pytest.raises(ModelError, match=r"share \(4 bits\): nothing was shared"):
        shared(survey, tmp_path, 4, exclude=("layers.0.weight", "layers.3.weight", "layers.6.weight"))
    path, _ = shared(survey, tmp_path, 4)
    with pytest.raises(ModelError, match="put share before the step that quantizes or shares"):
        Share().apply(path, tmp_path / "again.onnx", ShareParameters(bits=2), survey.context(tmp_path / "s"))
    reasons = {layer.name: layer.reason for layer in shared(survey, tmp_path, 4, exclude=("layers.3.weight",))[1].layers}
    assert reasons["layers.3.weight"] == "excluded"


MAKE = """
import sys
from pathlib import Path
from harness.compress.share import Share, ShareParameters
from tests.compress import build
source, target = map(Path, sys.argv[1:3])
target.mkdir(parents=True)
for bits in (3, 8):
    Share().apply(source, target / f"{bits}.onnx", ShareParameters(bits=bits), build.context(target))
"""


@pytest.mark.slow
def test_fresh_processes_make_the_same_bytes(languages: Net, tmp_path: Path) -> None:
    hashes = []
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": seed}
        command = [sys.executable, "-W", "ignore", "-c", MAKE, str(languages.onnx), str(tmp_path / seed)]
        subprocess.run(command, check=True, env=environment)
        hashes.append([hashlib.sha256((tmp_path / seed / f"{bits}.onnx").read_bytes()).hexdigest() for bits in (3, 8)])
    assert hashes[0] == hashes[1]
