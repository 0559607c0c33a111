from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harness.compress.builtin import TECHNIQUES
from harness.compress.parameters import CastParameters, QuantizeParameters

ROWS = {"data": "train", "rows": 64}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"mode": "dynamic", "calibrate": ROWS}, "calibrate means nothing with mode dynamic; it belongs to mode static"),
        ({"mode": "dynamic", "activations": "u8"}, "activations means nothing with mode dynamic"),
        ({"mode": "dynamic", "method": "entropy"}, "method means nothing with mode dynamic"),
        ({"mode": "dynamic", "bits": 4}, "mode dynamic computes in 8 bits, not 4; use mode weights"),
        ({"mode": "dynamic", "per": "block"}, "per: block belongs to mode weights"),
        ({"mode": "static"}, "mode static needs rows to find ranges on"),
        ({"mode": "static", "calibrate": ROWS, "block": 32}, "block means nothing with mode static"),
        ({"mode": "static", "calibrate": ROWS, "percentile": 99.0}, "percentile means nothing with method minmax"),
        ({"mode": "static", "calibrate": {"data": "train", "rows": 0}}, "greater than or equal to 1"),
        ({"mode": "weights", "calibrate": ROWS}, "calibrate means nothing with mode weights"),
        ({"mode": "weights", "weights": "s8"}, "weights means nothing with mode weights; it belongs to mode dynamic and static"),
        ({"mode": "weights", "per": "tensor", "block": 32}, "block means nothing with per: tensor"),
        ({"mode": "weights", "bits": 0}, "bits: 0 must be 1 to 8, or 16"),
        ({"mode": "weights", "bits": 9}, "bits: 9 must be 1 to 8, or 16"),
        ({"mode": "weights", "bits": []}, "must fall from stage to stage"),
        ({"mode": "weights", "bits": [8, 8]}, "must fall from stage to stage"),
        ({"mode": "weights", "bits": [4, 16]}, "must fall from stage to stage"),
        ({"mode": "dynamic", "bits": [16, 8]}, "mode dynamic computes in 8 bits, not 16"),
        ({"mode": "weights", "bits": [8, 4], "stop_if_drop": "1pp"}, "need rows to observe the loss on"),
        ({"mode": "dynamic", "finetune": {"data": "train"}}, "finetune means nothing with mode dynamic"),
        ({"mode": "weights", "method": "rtn"}, "it belongs to engine: matmul_nbits"),
        ({"mode": "static", "calibrate": ROWS, "method": "hqq"}, "method hqq belongs to engine: matmul_nbits"),
        ({"mode": "static", "calibrate": ROWS, "engine": "matmul_nbits"}, "engine means nothing with mode static"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 3}, "makes weights of 2 or 4 or 8 bits .*, not of 3"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 8, "method": "hqq"}, "method hqq makes weights of 2 or 4 bits"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 4, "per": "channel"}, "has one scale per block"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 4, "block": 24}, "takes blocks of 16, 32, 64, 128, 256"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 4, "method": "entropy"}, "method entropy belongs to mode static"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": 4, "method": "gptq"}, "method: gptq and calibrate"),
        ({"mode": "weights", "engine": "matmul_nbits", "bits": [8, 4]}, "a schedule of bits needs engine: onnx"),
        ({"mode": "nibbles"}, "'dynamic', 'static', 'weights', 'pt2e' or 'qat'"),
        ({"mode": "weights", "exlude": ["a"]}, "Extra inputs are not permitted"),
        ({}, "Field required"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        QuantizeParameters.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "dynamic", "per": "tensor", "weights": "u8", "exclude": ["head"]},
        {"mode": "static", "calibrate": ROWS, "activations": "s8", "method": "percentile", "percentile": 99.0},
        {"mode": "weights", "bits": 4, "per": "block", "block": 64},
        {"mode": "weights", "bits": (16, 8, 1), "validate": "held_out", "stop_if_drop": "1pp"},
        {"mode": "weights", "engine": "matmul_nbits", "bits": 4, "method": "gptq", "calibrate": ROWS},
        {"mode": "static", "calibrate": ROWS, "activations": "u16"},
    ],
)
def test_what_fits_is_taken(given: dict[str, Any]) -> None:
    parameters = QuantizeParameters.model_validate(given)
    assert (
        parameters.model_dump(exclude_unset=True) == given | {"exclude": tuple(given.get("exclude", ()))} if "exclude" in given else given
    )


def test_techniques_are_registered_with_their_parameters() -> None:
    registered = {kind.name: kind.parameters for kind in TECHNIQUES}
    assert registered.items() >= {"quantize": QuantizeParameters, "cast": CastParameters}.items()
    with pytest.raises(ValidationError, match="'fp16' or 'bf16'"):
        CastParameters.model_validate({"to": "fp8"})
