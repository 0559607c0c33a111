from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.compress.prune import Prune
from harness.compress.prune_parameters import PruneParameters, PruneStage
from harness.compress.schedule import FinetuneParameters, RampParameters, ramp
from harness.ports.compress import Rows, StopRule

GRADUAL = {
    "sparsity": {"from": "10%", "to": "80%", "steps": 6},
    "finetune": {"data": "train", "rows": 100},
    "stop_if_drop": "0.5pp",
    "max_total_drop": "2pp",
    "validate": "held_out",
}


BLOCKS = {"unit": "block", "sparsity": 0.5, "calibrate": {"data": "train"}}


def test_a_ramp_by_hand() -> None:
    """0.8 − 0.7 (1 − t)³ at t = 0, 1/4, 1/2, 3/4, 1."""
    values = RampParameters.model_validate({"from": 0.1, "to": "80%", "steps": 5}).values()
    assert values == pytest.approx([0.1, 0.8 - 0.7 * 27 / 64, 0.8 - 0.7 / 8, 0.8 - 0.7 / 64, 0.8])
    linear = RampParameters.model_validate({"from": 0.2, "to": 0.8, "steps": 4, "curve": "linear"}).values()
    assert linear == pytest.approx([0.2, 0.4, 0.6, 0.8])


@given(st.floats(0, 0.49), st.floats(0.5, 1), st.integers(2, 50), st.sampled_from(["linear", "cubic"]))
def test_a_ramp_rises_from_one_end_to_the_other(start: float, end: float, steps: int, curve: Any) -> None:
    values = RampParameters.model_validate({"from": start, "to": end, "steps": steps, "curve": curve}).values()
    assert len(values) == steps
    assert values[0] == pytest.approx(start)
    assert values[-1] == pytest.approx(end)
    assert all(before <= after + 1e-12 for before, after in itertools.pairwise(values))
    assert ramp(start, end, 0.0, curve) == pytest.approx(start)


def test_a_gradual_step_knows_its_rows_and_when_to_stop() -> None:
    parameters = PruneParameters.model_validate(GRADUAL)
    assert Prune().data(parameters) == (Rows("train", "train", 100), Rows("held_out", "validate"))
    assert Prune().stop_rule(parameters) == StopRule("held_out", 0.005, 0.02)
    stages = Prune().stages(parameters)
    assert [stage.share for stage in stages] == pytest.approx(RampParameters.model_validate(GRADUAL["sparsity"]).values())
    assert [(stage.stage, stage.stages) for stage in stages] == [(number, 6) for number in range(1, 7)]
    assert all(isinstance(stage, PruneStage) and stage.finetune == FinetuneParameters(data="train", rows=100) for stage in stages)


def test_a_share_in_steps_begins_at_nothing() -> None:
    stages = Prune().stages(PruneParameters.model_validate({"sparsity": "80%", "steps": 2}))
    assert [stage.share for stage in stages] == pytest.approx([0.8 - 0.8 / 8, 0.8])


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"sparsity": 1.2}, "1.2 is not between 0% and 100%"),
        ({"sparsity": 1.0}, "must lie between 0 and 1, both excluded"),
        ({"sparsity": {"from": 0.8, "to": 0.1, "steps": 3}}, "from: 0.8 must lie below to: 0.1"),
        ({"sparsity": 0.5, "stop_if_drop": "0.5pp"}, "need rows to observe the loss on; write validate:"),
        ({"sparsity": 0.5, "validate": "held_out"}, "validate means nothing without"),
        ({"sparsity": 0.5, "stop_if_drop": "1%rel", "validate": "v"}, "say how much may be lost in points"),
        ({"sparsity": 0.5, "unit": "2:4"}, "2:4 always takes away half"),
        ({"unit": "2:4", "steps": 5}, "steps belongs to a sparsity"),
        ({"unit": "2:4", "scope": "global"}, "scope: global has no effect with unit: 2:4"),
        ({"unit": "block", "keep": [0], "steps": 4}, "steps belongs to a sparsity"),
        ({}, "say how much to take away"),
        ({"unit": "block", "sparsity": 0.5, "keep": [0]}, "give either sparsity or keep"),
        ({"sparsity": 0.5, "keep": [0]}, "give either sparsity or keep"),
        ({"sparsity": 0.5, "blocks": "layers"}, "keep and blocks belong to unit: block"),
        ({"sparsity": {"from": 0.1, "to": 0.5, "steps": 2}, "steps": 3}, "write it once"),
        ({"unit": "head", "sparsity": 0.5, "multiple": 8}, "multiple belongs to unit: channel with scope: layer"),
        ({"unit": "channel", "scope": "global", "sparsity": 0.5, "multiple": 8}, "multiple belongs to unit: channel with scope: layer"),
        ({"unit": "block", "sparsity": 0.5}, "unit: block with sparsity, and nothing else, looks at rows: calibrate"),
        (
            {"unit": "channel", "sparsity": 0.5, "calibrate": {"data": "train"}},
            "unit: block with sparsity, and nothing else, looks at rows",
        ),
        ({**BLOCKS, "exclude": ["head"]}, "exclude has no effect with unit: block"),
        (
            {**BLOCKS, "by": "gradient", "gradients": {"data": "train"}},
            "by: gradient has no effect with unit: block",
        ),
        ({"unit": "head", "sparsity": 0.5, "by": "gradient", "gradients": {"data": "train"}}, "by: gradient has no effect with unit: head"),
        ({**BLOCKS, "scope": "global"}, "scope: global has no effect with unit: block"),
        ({"unit": "head", "sparsity": 0.5, "scope": "global"}, "scope: global has no effect with unit: head"),
        ({"sparsity": 0.5, "by": "gradient"}, "belong together"),
    ],
)
def test_what_makes_no_sense_is_one_sentence(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        PruneParameters.model_validate(given_)
    assert caught.value.error_count() == 1
