"""Mixed precision: what is kept is what the sensitivities say, the loss is within the margin, and few models are run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from pydantic import ValidationError

from harness.compress.mixed import Mixed, MixedParameters
from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.runtime import session
from harness.core.models import OutputSpec, OutputType, Task
from harness.errors import ModelError
from harness.ports.compress import Rows, StepContext, StepReport
from tests.compress import decoding
from tests.compress.conftest import Net, done

ROWS = {"data": "train", "rows": 64}
COARSE = {"mode": "weights", "bits": 2, "per": "tensor"}
LOGITS = OutputSpec(OutputType.LOGITS, Task.MULTICLASS, name="logits")


class Counted:
    """Accuracy on the first test rows, and how often it was asked for."""

    def __init__(self, net: Net, rows: int = 1000) -> None:
        self.net, self.rows, self.calls = net, rows, 0

    def __call__(self, answer: Callable[[Any], Any], data: str) -> float:
        assert data == "held_out"
        self.calls += 1
        logits = answer({self.net.tensor: self.net.rows[: self.rows]})["logits"]
        return float((logits.argmax(1) == self.net.targets[: self.rows]).mean())

    def of(self, path: Path) -> float:
        logits = session(path).run(None, {self.net.tensor: self.net.rows[: self.rows]})[0]
        return float((logits.argmax(1) == self.net.targets[: self.rows]).mean())


def context(net: Net, folder: Path, score: Counted) -> StepContext:
    return replace(net.context(folder / "s"), score=score, output=LOGITS)


def mixed(net: Net, folder: Path, score: Counted, **given: Any) -> tuple[Path, StepReport]:
    parameters = MixedParameters.model_validate({"quantize": COARSE, "validate": "held_out", "max_drop": "2pp"} | given)
    return folder / "made.onnx", Mixed().apply(net.onnx, folder / "made.onnx", parameters, context(net, folder, score))


def alone(net: Net, folder: Path, name: str, quantize: dict[str, Any]) -> Path:
    """That layer alone quantized, by the technique quantize with all others excluded."""
    others = [tensor.name for tensor in onnx.load(str(net.onnx)).graph.initializer if len(tensor.dims) > 1 and tensor.name != name]
    parameters = QuantizeParameters.model_validate(quantize | {"exclude": others})
    Quantize().apply(net.onnx, folder / "alone.onnx", parameters, net.context(folder / "q"))
    return folder / "alone.onnx"


@pytest.mark.parametrize("name", ["digits", pytest.param("languages", marks=pytest.mark.slow)])
def test_the_loss_is_within_the_margin_and_no_layer_is_kept_in_vain(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """One layer less, the least sensitive of those kept, would lose too much: checked without the search's own code."""
    net: Net = request.getfixturevalue(name)
    score = Counted(net, rows=500)
    path, report = mixed(net, tmp_path, score)
    start = score.of(net.onnx)
    assert start - score.of(path) <= 0.02
    kept = [str(row["layer"]) for row in report.table if row["kept"]]
    assert 0 < len(kept) < len(report.table)
    before, after = decoding.tensors(net.onnx), decoding.tensors(path)
    for row in report.table:
        if row["kept"]:
            assert (decoding.floats(after[str(row["layer"])]) == decoding.floats(before[str(row["layer"])])).all()
        else:
            assert row["layer"] not in after
            assert f"{row['layer']}_quantized" in after
    parameters = QuantizeParameters.model_validate(COARSE | {"exclude": kept[:-1]})
    Quantize().apply(net.onnx, tmp_path / "one_less.onnx", parameters, net.context(tmp_path / "q"))
    assert start - score.of(tmp_path / "one_less.onnx") > 0.02
    reasons = {layer.name: layer.reason for layer in report.layers}
    assert all(reasons[layer] == "kept: among the most sensitive" for layer in kept)
    assert set(done(report)) == {row["layer"] for row in report.table} - set(kept)
    assert all(layer.facts["bits"] == 2 for layer in report.layers if layer.done)


def test_sensitivities_are_those_of_each_layer_alone(digits: Net, tmp_path: Path) -> None:
    """KL divergence by scipy, of models made by quantize with everything else excluded."""
    from scipy.special import rel_entr, softmax

    _, report = mixed(digits, tmp_path, Counted(digits), rows=200)
    assert [row["sensitivity"] for row in report.table] == sorted((row["sensitivity"] for row in report.table), reverse=True)  # type: ignore[type-var]  # numbers
    original = softmax(session(digits.onnx).run(None, {"input": digits.training[:200]})[0].astype(np.float64), axis=1)
    assert len(report.table) == 4
    for row in report.table:
        path = alone(digits, tmp_path, str(row["layer"]), COARSE)
        made = softmax(session(path).run(None, {"input": digits.training[:200]})[0].astype(np.float64), axis=1)
        assert row["sensitivity"] == pytest.approx(rel_entr(original, made).sum(1).mean(), rel=1e-3)
        assert row["measure"] == "kl"
        assert row["weights"] == int(np.prod(decoding.tensors(digits.onnx)[str(row["layer"])].dims))


def test_sensitivities_by_the_metric(digits: Net, tmp_path: Path) -> None:
    score = Counted(digits)
    _, report = mixed(digits, tmp_path, score, by="metric")
    start = score.of(digits.onnx)
    for row in report.table:
        assert row["sensitivity"] == pytest.approx(start - score.of(alone(digits, tmp_path, str(row["layer"]), COARSE)))
        assert row["measure"] == "drop"
    assert score.calls <= 2 + 4 + math.ceil(math.log2(4))
    assert any(f"the metric was evaluated {score.calls} times" in note for note in report.notes)


@pytest.mark.parametrize("name", ["digits", pytest.param("languages", marks=pytest.mark.slow)])
def test_few_evaluations(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    """The original, everything quantized, and one per halving."""
    net: Net = request.getfixturevalue(name)
    score = Counted(net)
    _, report = mixed(net, tmp_path, score)
    layers = len(report.table)
    assert score.calls <= 2 + math.ceil(math.log2(layers))
    assert f"the metric was evaluated {score.calls} times on 'held_out', and {layers + 1} models on 256 rows of it" in report.notes[-1]


def test_where_everything_holds_nothing_is_kept(digits: Net, tmp_path: Path) -> None:
    score = Counted(digits)
    path, report = mixed(digits, tmp_path, score, quantize={"mode": "weights", "bits": 8})
    parameters = QuantizeParameters(mode="weights", bits=8)
    plain = Quantize().apply(digits.onnx, tmp_path / "plain.onnx", parameters, digits.context(tmp_path / "q"))
    assert path.read_bytes() == (tmp_path / "plain.onnx").read_bytes()
    assert report.layers == plain.layers
    assert score.calls == 2
    assert not report.table
    assert any("none had to stay" in note for note in report.notes)


def test_where_nothing_holds_it_is_an_error(survey: Net, tmp_path: Path) -> None:
    class Strict(Counted):
        """One at the first call, which is the original's, and nothing afterwards."""

        def __call__(self, answer: Callable[[Any], Any], data: str) -> float:
            self.calls += 1
            return float(self.calls == 1)

    with pytest.raises(
        ModelError, match=r"with nothing but 'layers\.\d\.weight', the least sensitive layer, quantized, the model still loses 1"
    ):
        mixed(survey, tmp_path, Strict(survey))
    with pytest.raises(ModelError, match="with every layer in the fallback, the model still loses 1, more than max_drop allows"):
        mixed(survey, tmp_path, Strict(survey), fallback={"mode": "weights", "bits": 8})
    assert not (tmp_path / "made.onnx").exists()


def test_sensitive_layers_can_get_more_bits_in_place_of_floats(digits: Net, tmp_path: Path) -> None:
    score = Counted(digits)
    floats, first = mixed(digits, tmp_path / "a", score)
    eight, second = mixed(digits, tmp_path / "b", score, fallback={"mode": "weights", "bits": 8})
    assert score.of(digits.onnx) - score.of(eight) <= 0.02
    assert eight.stat().st_size < floats.stat().st_size
    kept = {row["layer"] for row in second.table if row["kept"]}
    assert {layer.name: layer.facts["bits"] for layer in second.layers if layer.done} == {
        str(row["layer"]): 8 if row["layer"] in kept else 2 for row in second.table
    }
    assert {row["layer"] for row in first.table if row["kept"]} == kept
    stored = decoding.tensors(eight)
    assert all(decoding.BITS[stored[f"{name}_quantized"].data_type] == 8 for name in kept)


def test_static_quantization_with_the_operators_without_weights_among_the_layers(digits: Net, tmp_path: Path) -> None:
    """Ranges that cut the largest activations off do harm, and what is left out of the quantization undoes it."""
    score = Counted(digits, rows=400)
    static = {"mode": "static", "calibrate": ROWS, "per": "tensor", "method": "percentile", "percentile": 85.0}
    parameters = QuantizeParameters.model_validate(static)
    Quantize().apply(digits.onnx, tmp_path / "whole.onnx", parameters, digits.context(tmp_path / "q"))
    drop = score.of(digits.onnx) - score.of(tmp_path / "whole.onnx")
    assert drop > 0.01
    (tmp_path / "m").mkdir()
    path, report = mixed(digits, tmp_path / "m", score, quantize=static, max_drop=drop / 2)
    assert {row["layer"] for row in report.table} == {"0.weight", "3.weight", "7.weight", "13.weight", "operators without weights"}
    assert score.of(digits.onnx) - score.of(path) <= drop / 2


def test_what_the_user_excludes_is_no_candidate(digits: Net, tmp_path: Path) -> None:
    _, report = mixed(digits, tmp_path, Counted(digits), quantize=COARSE | {"exclude": ["0.weight"]})
    assert {row["layer"] for row in report.table} <= {"3.weight", "7.weight", "13.weight"}
    assert {layer.name: layer.reason for layer in report.layers}["0.weight"] == "excluded"
    with pytest.raises(ModelError, match=r"did you mean '13\.weight'"):
        mixed(digits, tmp_path, Counted(digits), quantize=COARSE | {"exclude": ["13.wieght"]})


def test_the_same_bytes_again(digits: Net, tmp_path: Path) -> None:
    made = [mixed(digits, tmp_path, Counted(digits))[0].read_bytes() for _ in range(2)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quantize": {"mode": "weights", "bits": [8, 4]}}, "quantize: a schedule makes no sense within mixed"),
        ({"fallback": {"mode": "dynamic"}}, "fallback: only mode weights with engine onnx"),
        ({"fallback": {"mode": "weights", "exclude": ["a"]}}, "exclude stands in quantize"),
        ({"by": "metric", "rows": 10}, "rows means nothing with by: metric"),
        ({"max_drop": "1%rel"}, "is relative"),
        ({"quantize": {"mode": "static"}}, "mode static needs rows"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        MixedParameters.model_validate({"quantize": COARSE, "validate": "held_out", "max_drop": "1pp"} | given)


def test_the_rows_it_reads() -> None:
    parameters = MixedParameters.model_validate(
        {"quantize": {"mode": "static", "calibrate": ROWS}, "validate": "held_out", "max_drop": "1pp"}
    )
    assert Mixed().data(parameters) == (Rows("train", "calibrate", 64), Rows("held_out", "validate"))
