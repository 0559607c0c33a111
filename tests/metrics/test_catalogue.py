"""The register: names, parameters, what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from harness.metrics.builtin import METRICS
from harness.metrics.metric import MeanMetric, WholeMetric

from .build import metric

NAMES = [kind.name for kind in METRICS]
REQUIRED = {"top_k": {"k": 3}, "mae": {"cap": 1}, "mse": {"cap": 1}}


def test_no_heavy_library_is_imported():
    heavy = ("sklearn", "scipy", "torch", "onnxruntime", "pandas")
    code = f"import harness.metrics.builtin, sys; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "python"])
def test_every_metric_is_of_one_kind_and_knows_its_name(name):
    made = metric(name, **REQUIRED.get(name, {}))
    assert isinstance(made, MeanMetric) != isinstance(made, WholeMetric)
    assert made.info.name == name
    if made.info.binary or made.info.share:
        assert made.info.bounds == (0, 1)
    if isinstance(made, MeanMetric):
        assert made.info.bounds is not None


@pytest.mark.parametrize(
    ("name", "parameters", "fault"),
    [
        ("top_k", {}, "k"),
        ("top_k", {"k": 0}, "k"),
        ("mae", {}, "cap"),
        ("mae", {"cap": -1}, "cap"),
        ("mse", {"cap": float("inf")}, "cap"),
        ("log_loss", {"cap": 0}, "cap"),
        ("ece", {"bins": 0}, "bins"),
        ("f1", {"average": "samples"}, "average"),
        ("auroc", {"average": "binary"}, "average"),
        ("ndcg", {"gain": "cubic"}, "gain"),
        ("accuracy", {"k": 1}, "k"),
    ],
)
def test_parameters_are_checked(name, parameters, fault):
    with pytest.raises(ValidationError) as caught:
        metric(name, **parameters)
    assert [error["loc"] for error in caught.value.errors()] == [(fault,)]


@pytest.mark.parametrize("kind", METRICS, ids=NAMES)
def test_shorthands_and_descriptions(kind):
    fields = kind.parameters.model_fields
    assert kind.shorthand is None or kind.shorthand in fields
    assert all(field.description for field in fields.values())
