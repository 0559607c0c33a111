"""Pipelines that make no sense are faults of the suite, told with their places before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SuiteError
from harness.wiring.sessions import load

SUITE = """schema: 1
suite: s
original:
  {original}
  input: {{x: {{columns: [a, b], dtype: float32}}}}
  output: {{type: logits, task: multiclass, labels: [n, y]}}
data:
  test: {{source: a.csv, id: id, target: t}}
  train: {{source: b.csv, id: id, target: t, role: train}}
candidates:
  c:
    compress:
      - {step}
checks:
  accuracy: {{metric: accuracy, max_drop: 2pp}}
"""
TORCH = "torch: {factory: nets:build, weights: w.safetensors}"
ONNX = "onnx: m.onnx"


def fault(folder: Path, original: str, step: str) -> str:
    path = folder / "s.yaml"
    path.write_text(SUITE.format(original=original, step=step))
    with pytest.raises(SuiteError) as caught:
        load(path)
    (found,) = caught.value.faults
    assert (found.path, found.line) == (str(path), 13)
    return found.message


def test_a_technique_for_networks_on_a_graph(tmp_path: Path) -> None:
    assert "step prune needs the torch network, and this model exists as ONNX only" in fault(
        tmp_path, ONNX, "prune: {unit: channel, sparsity: 50%}"
    )


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("quantize: {mode: static, calibrate: {data: trian}}", "there is no data set 'trian'; did you mean 'train'?"),
        ("quantize: {mode: static, calibrate: {data: test}}", "quantize calibrates on 'test', which the check accuracy tests on"),
        ("prune: {sparsity: 50%, finetune: {data: test}}", "prune trains on 'test', which the check accuracy tests on"),
        ("prune: {sparsity: 50%, validate: test, stop_if_drop: 1pp}", "prune is observed on 'test', which the check accuracy tests on"),
    ],
)
def test_rows_that_are_not_there_or_are_tested_on(tmp_path: Path, step: str, words: str) -> None:
    assert words in fault(tmp_path, TORCH, step)


def test_sound_pipelines_have_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SUITE.format(original=TORCH, step="prune: {unit: channel, sparsity: 50%, finetune: {data: train}}"))
    assert [step.technique for step in load(path).candidates[0].steps] == ["prune"]
