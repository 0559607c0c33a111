"""A model that a pipeline breaks in two places: the first step one sort of rows, the second another."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tests.cli.material import linear

EACH = 400
"""Rows of each kind."""

WEIGHTS = [[-0.01, 0.01], [-1.0, 1.0], [0.95, -0.95]]
"""Yes when 0.02 a + 2 b - 1.9 c is above 0. Without its two smallest weights it does not see `a`; in a few bits 1 and 0.95 are one."""


def write_steps(project: Path) -> Path:
    """Rows that only `a` decides (faint), that b and c decide by little (close), and by much (plain); the original gets all right."""
    linear(project / "fp32.onnx", WEIGHTS)
    linear(project / "same.onnx", [[-0.01, 0.01], [-1.0, 1.0], [0.95, -0.95 - 2**-20]])
    random = np.random.default_rng(3)
    with (project / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "kind", "truth"])
        for number in range(3 * EACH):
            kind, sign = ("faint", "close", "plain")[number % 3], 1 if random.random() < 0.5 else -1
            a, b, c = 0.0, sign * random.uniform(1, 5), 0.0
            if kind == "faint":
                a, b = b, 0.0
            elif kind == "close":
                c = random.uniform(1, 5) * (1 if random.random() < 0.5 else -1)
                b = 0.95 * c + sign * random.uniform(0.05, 0.09)
            writer.writerow([f"r{number}", *(np.float32(value) for value in (a, b, c)), kind, int(sign > 0)])
    path = project / "suites" / "steps.yaml"
    path.write_text("""schema: 1
suite: steps
original:
  onnx: ../fp32.onnx
  input: {features: {columns: [a, b, c], dtype: float32}}
  output: {type: logits, task: binary, labels: ["0", "1"], positive: "1"}
data:
  test: {source: ../rows.csv, id: id, target: truth, segments: {kind: kind}}
candidates:
  same: {onnx: ../same.onnx}
  small:
    judge: each_step
    compress:
      - prune: {sparsity: 30%}
      - quantize: {mode: weights, bits: 3, per: tensor}
checks:
  accuracy: {metric: accuracy, max_drop: 2pp, per: kind}
  agreement: {max_flip_rate: 60%}
""")
    return path
