"""The technique as a whole: a schedule of bits through the maker, and what it reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.compress.parameters import QuantizeParameters, QuantizeStage
from harness.compress.quantize import Quantize
from harness.core.models import Step
from harness.errors import ModelError
from harness.ports.compress import Rows, StopRule
from tests.compress import decoding
from tests.compress.conftest import Net, signal_to_noise
from tests.compress.test_maker import candidate, maker, steps_of

GRADUAL: dict[str, Any] = {"mode": "weights", "bits": [16, 8, 4, 2, 1], "per": "channel", "validate": "held_out"}


def test_stages_fall_and_begin_anew_from_what_the_one_before_left() -> None:
    parameters = QuantizeParameters.model_validate(GRADUAL | {"stop_if_drop": "1pp"})
    stages = Quantize().stages(parameters)
    assert [stage.bits for stage in stages] == [16, 8, 4, 2, 1]
    assert [isinstance(stage, QuantizeStage) and stage.again for stage in stages] == [False, True, True, True, True]
    assert {stage.validate_on for stage in stages} == {"held_out"}
    assert Quantize().stop_rule(parameters) == StopRule("held_out", 0.01, None)
    assert Quantize().data(parameters) == (Rows("held_out", "validate"),)
    plain = QuantizeParameters(mode="weights", bits=4)
    assert Quantize().stages(plain) == (plain,)
    assert Quantize().stop_rule(plain) is None


def test_the_last_stage_that_held_comes_out(digits: Net, tmp_path: Path) -> None:
    """Each stage as near as if it were made at once: the last one's rounding hides that of those before."""
    seen: list[float] = []

    def score(model: Any, answer: Any, data: str) -> float:
        seen.append(float((answer({"input": digits.rows[:600]})["logits"].argmax(1) == digits.targets[:600]).mean()))
        return seen[-1]

    step = Step("quantize", QuantizeParameters.model_validate(GRADUAL | {"max_total_drop": "2pp"}))
    made = maker(digits, tmp_path / "cache", score=score).make(candidate(digits, step), digits.spec)
    (record,) = steps_of(made)
    trace = record["trace"]
    assert [entry["parameters"]["bits"] for entry in trace] == [16, 8, 4, 2, 1][: len(trace)]
    assert [entry["kept"] for entry in trace] == [True] * (len(trace) - 1) + [False]
    assert "since the start, more than 0.02" in trace[-1]["stopped"]
    assert seen[0] - seen[-1] > 0.02 >= seen[0] - seen[-2]
    last = trace[-2]["parameters"]["bits"]
    assert {layer["facts"]["bits"] for layer in record["layers"] if layer["done"]} == {float(last)}
    path = made.folder / "model.onnx"
    at_once = tmp_path / "at_once.onnx"
    Quantize().apply(digits.onnx, at_once, QuantizeParameters(mode="weights", bits=last), digits.context(tmp_path / "s"))
    assert path.stat().st_size == pytest.approx(at_once.stat().st_size, rel=0.02)
    weight = decoding.floats(decoding.tensors(digits.onnx)["7.weight"])
    ratios = []
    for file in (path, at_once):
        after = decoding.tensors(file)
        levels = decoding.levels(after, "7.weight", last, weight.shape)
        ratios.append(signal_to_noise(weight, levels * decoding.floats(after["7.weight_scale"]).reshape(-1, 1, 1, 1)))
    assert ratios[0] == pytest.approx(ratios[1], abs=0.5)


def test_a_stage_keeps_nothing_of_the_one_before(survey: Net, tmp_path: Path) -> None:
    source = survey.onnx
    for stage in Quantize().stages(QuantizeParameters(mode="weights", bits=(16, 7, 3))):
        target = tmp_path / f"{stage.bits}.onnx"
        Quantize().apply(source, target, stage, survey.context(tmp_path / "s"))
        source = target
    names = set(decoding.tensors(tmp_path / "3.onnx"))
    Quantize().apply(survey.onnx, tmp_path / "once.onnx", QuantizeParameters(mode="weights", bits=3), survey.context(tmp_path / "s"))
    assert names == set(decoding.tensors(tmp_path / "once.onnx"))
    assert np.isfinite(survey.answers(tmp_path / "3.onnx")).all()


def test_quantizing_twice_without_a_schedule_is_an_error(survey: Net, tmp_path: Path) -> None:
    Quantize().apply(survey.onnx, tmp_path / "a.onnx", QuantizeParameters(mode="weights", bits=8), survey.context(tmp_path / "s"))
    with pytest.raises(ModelError, match="nothing was quantized"):
        Quantize().apply(
            tmp_path / "a.onnx", tmp_path / "b.onnx", QuantizeParameters(mode="weights", bits=4), survey.context(tmp_path / "s")
        )
