"""Models with operators of other domains than ONNX's own, as skl2onnx writes them, whose types ONNX cannot infer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from harness.compress.parameters import QuantizeParameters
from harness.compress.quantize import Quantize
from harness.compress.quiet import quiet
from harness.compress.runtime import session
from harness.errors import ModelError
from tests.compress import build
from tests.scikit_learn import classifier

ROWS = np.random.default_rng(1).normal(3, 2, (256, 4)).astype(np.float32)


def answers(path: Path) -> list[NDArray[Any]]:
    return list(session(path).run(["label", "probabilities"], {"X": ROWS}))


@pytest.mark.parametrize("given", [{"mode": "dynamic"}, {"mode": "static", "calibrate": {"data": "train", "rows": 256}}])
def test_layers_behind_an_operator_of_another_domain_are_quantized(tmp_path: Path, given: dict[str, Any]) -> None:
    source, target = classifier(tmp_path / "fp32.onnx"), tmp_path / "int8.onnx"
    context = build.context(tmp_path, lambda _, rows: iter([{"X": ROWS[:rows]}]))
    report = Quantize().apply(source, target, QuantizeParameters.model_validate(given), context)
    assert {layer.name for layer in report.layers if layer.done.startswith("int8")} == {"coefficient", "coefficient1"}
    before, after = answers(source), answers(target)
    assert (before[0] == after[0]).mean() > 0.95
    assert np.abs(before[1] - after[1]).max() < 0.25


def test_no_value_keeps_a_type_that_the_quantizer_may_make_wrong(tmp_path: Path) -> None:
    source, target = classifier(tmp_path / "fp32.onnx"), tmp_path / "int8.onnx"
    Quantize().apply(source, target, QuantizeParameters.model_validate({"mode": "dynamic"}), build.context(tmp_path))
    assert not onnx.load(str(target)).graph.value_info


def test_what_the_quantizer_says_is_quoted_in_whole_words_and_without_options_no_suite_has() -> None:
    words = "shape_inference failed to return a type " * 20
    with pytest.raises(ModelError) as caught, quiet("quantize dynamically"):
        raise RuntimeError(f"Unable to find it. {words}. You may use extra_options `DefaultTensorType` to indicate it.")
    said = str(caught.value)
    assert "extra_options" not in said
    assert said.endswith(" …")
    assert set(said.removesuffix(" …").split()[-3:]) <= set(words.split())
