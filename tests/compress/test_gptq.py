from __future__ import annotations

import numpy as np
import pytest

from harness.compress.gptq import Blocks, gptq


def restored(made: Blocks, block: int) -> np.ndarray:
    rows = len(made.levels)
    return (made.levels - np.repeat(made.zero, block, 0)[:rows].astype(int)) * np.repeat(made.scale, block, 0)[:rows]


def slow(weight: np.ndarray, hessian: np.ndarray, bits: int, block: int) -> np.ndarray:
    """Optimal brain quantization in a fixed order, as equation 2 of the paper says it: the inverse of what is left, anew for each row."""
    weight, made = weight.copy(), np.zeros_like(weight)
    damped = hessian + 0.01 * np.mean(np.diag(hessian)) * np.eye(len(weight))
    for row in range(len(weight)):
        if row % block == 0:
            part = weight[row : row + block]
            low, high = np.minimum(part.min(0), 0), np.maximum(part.max(0), 0)
            scale = ((high - low) / (2**bits - 1)).astype(np.float32)
            zero = np.rint(-low / scale)
        inverse = np.linalg.inv(damped[row:, row:])
        made[row] = (np.clip(np.rint(weight[row] / scale) + zero, 0, 2**bits - 1) - zero) * scale
        weight[row:] -= np.outer(inverse[:, 0], (weight[row] - made[row]) / inverse[0, 0])
    return made


@pytest.fixture
def layer() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(500, 8)) @ random.normal(size=(8, 40)) + 0.1 * random.normal(size=(500, 40))
    return random.normal(size=(40, 12)), inputs


@pytest.mark.parametrize(("bits", "block"), [(4, 16), (2, 32), (8, 16)])
def test_it_is_optimal_brain_quantization(layer: tuple[np.ndarray, np.ndarray], bits: int, block: int) -> None:
    weight, inputs = layer
    made = restored(gptq(weight, inputs.T @ inputs, bits, block), block)
    np.testing.assert_allclose(made, slow(weight, inputs.T @ inputs, bits, block), atol=1e-5)


def test_the_answers_are_nearer_than_with_plain_rounding(layer: tuple[np.ndarray, np.ndarray]) -> None:
    """Without correlation between the inputs there is nothing to make up for, and it is plain rounding."""
    weight, inputs = layer
    plain = restored(gptq(weight, np.eye(40), 4, 16), 16)
    made = restored(gptq(weight, inputs.T @ inputs, 4, 16), 16)
    assert np.square(inputs @ (made - weight)).sum() < 0.2 * np.square(inputs @ (plain - weight)).sum()
    low, high = np.minimum(weight[:16].min(0), 0), np.maximum(weight[:16].max(0), 0)
    scale = (high - low) / 15
    np.testing.assert_allclose(
        plain[:16], (np.rint(weight[:16] / scale) + np.rint(-low / scale) - np.rint(-low / scale)) * scale, atol=1e-5
    )


def test_inputs_that_never_fire_are_rounded_and_not_forgotten(layer: tuple[np.ndarray, np.ndarray]) -> None:
    weight, inputs = layer
    inputs = inputs.copy()
    inputs[:, 3] = 0
    made = restored(gptq(weight, inputs.T @ inputs, 8, 16), 16)
    np.testing.assert_allclose(made[3], weight[3], atol=0.05)
    assert np.isfinite(restored(gptq(weight, np.zeros((40, 40)), 4, 16), 16)).all()
