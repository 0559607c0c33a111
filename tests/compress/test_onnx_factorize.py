"""Singular value decomposition of matrices in ONNX graphs, against numpy's and against the whole network's answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from harness.compress import graph
from harness.compress.factorize_parameters import FactorizeParameters
from harness.compress.onnx_factorize import factorize, factors_of, replaced
from harness.compress.runtime import session
from harness.errors import ModelError
from harness.ports.compress import StepReport
from tests.compress import decoding
from tests.compress.conftest import Net, done, signal_to_noise


def factorized(net: Net, folder: Path, **given: Any) -> tuple[Path, StepReport]:
    return folder / "made.onnx", factorize(net.onnx, folder / "made.onnx", FactorizeParameters.model_validate(given))


def product(path: Path, name: str) -> np.ndarray:
    after = decoding.tensors(path)
    assert name not in after
    return decoding.floats(after[f"{name}_left"]) @ decoding.floats(after[f"{name}_right"])


def test_full_rank_answers_as_the_original(net: Net, tmp_path: Path) -> None:
    """Every matrix as two, which is larger; only the rewriting of the graph is at stake."""
    model = graph.tidy(graph.read(net.onnx))
    before = decoding.tensors(net.onnx)
    matrices = {name: decoding.floats(tensor) for name, tensor in before.items() if len(tensor.dims) == 2}
    made = replaced(model, {name: factors_of(matrix, min(matrix.shape)) for name, matrix in matrices.items()})
    graph.write(made, tmp_path / "made.onnx")
    expected = net.answers(net.onnx)
    assert np.abs(net.answers(tmp_path / "made.onnx") - expected).max() < 1e-5 * max(1, np.abs(expected).max())
    for name, matrix in matrices.items():
        assert np.abs(product(tmp_path / "made.onnx", name) - matrix).max() < 1e-5


@pytest.mark.parametrize("given", [{"rank": 8, "exclude": ["layers.6.weight"]}, {"ratio": 0.25}, {"energy": 0.9}])
def test_the_product_is_the_best_of_its_rank(survey: Net, tmp_path: Path, given: dict[str, Any]) -> None:
    """Eckart and Young: no matrix of that rank is nearer; the error is the root of the sum of squares of the dropped singular values."""
    path, report = factorized(survey, tmp_path, method="svd", **given)
    weight = decoding.floats(decoding.tensors(survey.onnx)["layers.3.weight"]).astype(np.float64)
    values = np.linalg.svd(weight, compute_uv=False)
    layer = next(layer for layer in report.layers if layer.name == "layers.3.weight")
    rank = int(layer.facts["rank"])
    made = product(path, layer.name)
    assert np.linalg.matrix_rank(made.astype(np.float64), tol=1e-4) == rank
    assert np.linalg.norm(made - weight) == pytest.approx(np.sqrt(np.sum(values[rank:] ** 2)), rel=1e-4)
    assert layer.facts["sqnr_db"] == pytest.approx(signal_to_noise(weight, made), abs=0.01)
    kept = np.cumsum(values**2) / np.sum(values**2)
    assert rank == {"rank": 8, "ratio": 24, "energy": int(np.argmax(kept >= 0.9)) + 1}[next(iter(given))]
    after = decoding.tensors(path)
    assert tuple(after["layers.3.weight_left"].dims) == (96, rank)
    assert tuple(after["layers.3.weight_right"].dims) == (rank, 96)
    assert path.stat().st_size < survey.onnx.stat().st_size


def test_an_embedding_is_looked_up_in_the_left_factor(languages: Net, tmp_path: Path) -> None:
    path, report = factorized(languages, tmp_path, method="svd", ratio=0.5, only=["embed.weight"])
    assert set(done(report)) == {"embed.weight"}
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons["head.weight"] == "not among only"
    model = onnx.load(str(languages.onnx))
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "embed.weight")
    tensor.raw_data = product(path, "embed.weight").tobytes()
    onnx.save(model, str(tmp_path / "expected.onnx"))
    expected = languages.answers(tmp_path / "expected.onnx")
    np.testing.assert_allclose(languages.answers(path), expected, atol=1e-4 * np.abs(expected).max())
    assert path.stat().st_size < languages.onnx.stat().st_size - 257 * 64 * 4 * 0.3


def test_what_would_grow_or_is_no_matrix_is_left_alone(digits: Net, languages: Net, tmp_path: Path) -> None:
    reasons = {layer.name: layer.reason for layer in factorized(languages, tmp_path, method="svd", rank=45)[1].layers}
    assert reasons["body.3.weight"].startswith("a convolution: the methods tucker and cp")
    assert reasons["head.bias"].startswith("one dimension")
    assert reasons["embed.weight"] == ""
    reasons = {layer.name: layer.reason for layer in factorized(languages, tmp_path, method="svd", rank=50)[1].layers}
    assert reasons["head.weight"] == "rank 50 would make it grow from 12,288 to 12,800 weights"
    with pytest.raises(ModelError, match=r"nothing was factorized.*13\.weight: rank 10 would make it grow"):
        factorized(digits, tmp_path, method="svd", ratio=1.0)


def test_wrong_input(survey: Net, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"rank 50 is larger than 'layers\.0\.weight' \(96 × 8\) has, which is 8; exclude that layer"):
        factorized(survey, tmp_path, method="svd", rank=50)
    with pytest.raises(ModelError, match=r"only: .*'layers\.3\.wieght'; did you mean 'layers\.3\.weight'"):
        factorized(survey, tmp_path, method="svd", ratio=0.2, only=["layers.3.wieght"])
    with pytest.raises(ModelError, match=r"exclude: .* did you mean 'layers\.3\.weight'"):
        factorized(survey, tmp_path, method="svd", ratio=0.2, exclude=["layers.3.wieght"])
    with pytest.raises(ModelError, match="nothing was factorized"):
        factorized(survey, tmp_path, method="svd", ratio=0.2, only=["layers.3.weight"], exclude=["layers.3.weight"])


def test_a_matrix_used_in_several_ways(tmp_path: Path) -> None:
    """A head tied to its embedding stays; two equal uses share their factors."""
    random = np.random.default_rng(0)
    table, square = random.normal(size=(40, 24)).astype(np.float32), random.normal(size=(24, 24)).astype(np.float32)
    nodes = [
        onnx.helper.make_node("Gather", ["table", "tokens"], ["rows"], "embed"),
        onnx.helper.make_node("MatMul", ["rows", "square"], ["once"], "first"),
        onnx.helper.make_node("MatMul", ["once", "square"], ["twice"], "second"),
        onnx.helper.make_node("Gemm", ["twice", "table"], ["y"], "head", transB=1),
    ]
    made = onnx.helper.make_graph(
        nodes,
        "g",
        [onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.INT64, ["n"])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 40])],
        [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(square, "square")],
    )
    onnx.save(onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), str(tmp_path / "s.onnx"))
    report = factorize(tmp_path / "s.onnx", tmp_path / "t.onnx", FactorizeParameters(method="svd", rank=6))
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert reasons == {"table": "used in several ways, by Gather, Gemm", "square": ""}
    tokens = np.arange(40)
    small = product(tmp_path / "t.onnx", "square")
    found = session(tmp_path / "t.onnx").run(None, {"tokens": tokens})[0]
    np.testing.assert_allclose(found, table @ small @ small @ table.T, rtol=1e-3, atol=2e-2)


def test_half_precision_keeps_its_type(survey: Net, tmp_path: Path) -> None:
    from harness.compress.cast import Cast
    from harness.compress.parameters import CastParameters

    Cast().apply(survey.onnx, tmp_path / "half.onnx", CastParameters(to="fp16"), survey.context(tmp_path / "s"))
    factorize(tmp_path / "half.onnx", tmp_path / "made.onnx", FactorizeParameters(method="svd", ratio=0.25))
    assert decoding.tensors(tmp_path / "made.onnx")["layers.3.weight_left"].data_type == onnx.TensorProto.FLOAT16
    assert np.isfinite(survey.answers(tmp_path / "made.onnx")).all()


def test_then_quantized(survey: Net, tmp_path: Path) -> None:
    from harness.compress.parameters import QuantizeParameters
    from harness.compress.quantize import Quantize

    path, _ = factorized(survey, tmp_path, method="svd", ratio=0.4)
    for given in ({"mode": "weights", "bits": 8}, {"mode": "dynamic", "weights": "u8"}):
        Quantize().apply(path, tmp_path / "int8.onnx", QuantizeParameters.model_validate(given), survey.context(tmp_path / "s"))
        assert signal_to_noise(survey.answers(path), survey.answers(tmp_path / "int8.onnx")) > 20
    with pytest.raises(ModelError, match="put factorize before the step that quantizes or shares"):
        factorize(tmp_path / "int8.onnx", tmp_path / "again.onnx", FactorizeParameters(method="svd", ratio=0.2))


def test_the_same_bytes_whatever_the_threads(languages: Net, tmp_path: Path) -> None:
    from threadpoolctl import threadpool_limits

    made = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            path, _ = factorized(languages, tmp_path, method="svd", energy=0.8)
        made.append(path.read_bytes())
    assert made[0] == made[1]
