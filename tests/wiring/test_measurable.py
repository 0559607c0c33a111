"""Limits that can never be met are faults of the suite, told where they stand, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import wiring
from harness.errors import SuiteError

SUITE = """schema: 1
suite: recorded
original: {original}
candidates:
{candidates}
data:
  test: {{source: runs.csv, id: id, target: label}}
checks:
  accuracy: {{metric: accuracy, max_drop: 2pp}}
  footprint: {footprint}
"""
RECORDED = "{outputs: runs.csv, prediction: fp32}"
WITH_MEMORY = "{outputs: runs.csv, prediction: fp32, peak_memory: memory}"
PYTHON = "{python: nets:predict, output: {type: label, task: multiclass}}"
ONNX = "{onnx: fp32.onnx, input: {x: x}, output: {type: logits, task: multiclass, labels: [a, b]}}"


def told(tmp_path: Path, footprint: str, original: str = RECORDED, **candidates: str) -> list[str]:
    """`line:column: message` of every fault."""
    path = tmp_path / "recorded.yaml"
    lines = "\n".join(f"  {name}: {model}" for name, model in (candidates or {"int8": RECORDED}).items())
    path.write_text(SUITE.format(original=original, candidates=lines, footprint=footprint))
    try:
        wiring.load(path)
    except SuiteError as error:
        return [f"{fault.line}:{fault.column}: {fault.message}" for fault in error.faults]
    return []


def test_every_limit_on_a_recording_is_told_at_its_place(tmp_path: Path) -> None:
    assert told(tmp_path, "{max_size: 1MB, max_peak_memory: 5MB}") == [
        "10:15: max_size: the size on disk of int8 cannot be known, since its answers are recorded and no model file is there; "
        "remove the limit",
        "10:30: max_peak_memory: the peak memory of int8 cannot be known, since its answers are recorded; "
        "name the column that holds it with peak_memory:",
    ]


@pytest.mark.parametrize(
    "limit",
    [
        *("min_size_reduction: 70%rel", "min_gzip_reduction: 70%rel", "max_gzip_size: 1MB", "max_load_time: 2s"),
        *("max_parameters: 5", "max_nonzero_parameters: 5", "min_low_precision: 90%"),
    ],
)
def test_what_no_recording_says(tmp_path: Path, limit: str) -> None:
    (fault,) = told(tmp_path, f"{{{limit}}}")
    assert fault.startswith(f"10:15: {limit.partition(':')[0]}: ")


def test_memory_that_is_recorded_can_be_limited(tmp_path: Path) -> None:
    assert told(tmp_path, "{max_peak_memory: 5MB}", RECORDED, int8=WITH_MEMORY) == []
    assert told(tmp_path, "{min_memory_reduction: 30%rel}", WITH_MEMORY, int8=WITH_MEMORY) == []
    (fault,) = told(tmp_path, "{min_memory_reduction: 30%rel}", RECORDED, int8=WITH_MEMORY)
    assert "the peak memory of original cannot be known" in fault


def test_models_that_are_measured_are_left_alone(tmp_path: Path) -> None:
    limits = "{max_size: 1MB, max_load_time: 2s, max_parameters: 5, min_low_precision: 90%}"
    assert told(tmp_path, limits, ONNX, int8="{onnx: int8.onnx}", made="{compress: [cast: fp16]}") == []
    (fault,) = told(tmp_path, "{max_size: 1MB}", ONNX, int8="{onnx: int8.onnx}", int6=RECORDED, int4=RECORDED)
    assert "of int6 and int4 cannot be known" in fault


def test_a_function_can_be_timed_and_not_weighed(tmp_path: Path) -> None:
    assert told(tmp_path, "{max_load_time: 2s, max_peak_memory: 5MB}", PYTHON, int8=PYTHON) == []
    assert len(told(tmp_path, "{max_size: 1MB}", PYTHON, int8=PYTHON)) == 1


def test_an_error_that_is_announced_is_no_fault(tmp_path: Path) -> None:
    announced = "{outputs: runs.csv, prediction: fp32, expect: {footprint: {outcome: ERROR, reason: recorded on the phone}}}"
    assert told(tmp_path, "{max_size: 1MB}", ONNX, int8="{onnx: int8.onnx}", phone=announced) == []
