from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.compress.rounding import Rounded, largest_level, restore, round_weight

WEIGHTS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=7),
    elements=st.floats(-100, 100, width=32).filter(lambda value: value == 0 or abs(value) > 1e-20),
)


def test_by_hand() -> None:
    weight = np.array([[0.45, -1.0, 0.26], [7.0, 3.4, -3.6]], np.float32)
    whole = round_weight(weight, 4)
    assert whole.scale == 1.0
    assert whole.levels.tolist() == [[0, -1, 0], [7, 3, -4]]
    rows = round_weight(weight, 4, axis=0)
    np.testing.assert_allclose(rows.scale, [1 / 7, 1], rtol=1e-6)
    assert rows.levels.tolist() == [[3, -7, 2], [7, 3, -4]]


@pytest.mark.parametrize(("bits", "top"), [(2, 1), (3, 3), (4, 7), (8, 127)])
def test_number_of_levels(bits: int, top: int) -> None:
    assert largest_level(bits) == top
    ramp = np.linspace(-1, 1, 4001, dtype=np.float32).reshape(1, -1)
    assert sorted(set(round_weight(ramp, bits).levels.ravel().tolist())) == list(range(-top, top + 1))


@given(weight=WEIGHTS, bits=st.integers(2, 8), data=st.data())
@settings(deadline=None)
def test_every_weight_goes_to_its_nearest_level(weight: np.ndarray, bits: int, data: st.DataObject) -> None:
    axis = data.draw(st.none() | st.integers(0, weight.ndim - 1))
    block = data.draw(st.none() | st.integers(1, 8)) if axis is not None else None
    rounded = round_weight(weight, bits, axis, block)
    for place in np.ndindex(weight.shape):
        scale = float(_scale_at(rounded, place))
        candidates = [level * scale for level in range(-largest_level(bits), largest_level(bits) + 1)]
        nearest = min(abs(candidate - float(weight[place])) for candidate in candidates)
        found = abs(float(rounded.levels[place]) * scale - float(weight[place]))
        assert found <= nearest * (1 + 1e-6) + 1e-30
        assert bits == 2 or found <= scale * 0.5000001
    assert (restore(rounded)[weight == 0] == 0).all()


def test_one_bit_is_the_sign_times_the_mean_size() -> None:
    weight = np.array([[0.5, -1.5, 0.0, 2.0], [-4.0, -4.0, 0.0, 0.0]], np.float32)
    rows = round_weight(weight, 1, axis=0)
    assert rows.levels.tolist() == [[1, -1, 1, 1], [-1, -1, 1, 1]]
    np.testing.assert_allclose(rows.scale, [1, 2], rtol=1e-6)
    assert (restore(round_weight(np.zeros((2, 3), np.float32), 1)) == 0).all()


@given(weight=WEIGHTS)
@settings(deadline=None)
def test_no_two_opposite_values_are_nearer_than_those_of_one_bit(weight: np.ndarray) -> None:
    """mean |w| is the least-squares scale of the signs: XNOR-Net, equation 6."""
    error = np.square(restore(round_weight(weight, 1)).astype(np.float64) - weight).sum()
    best = np.abs(weight.astype(np.float64)).mean()
    for scale in best * np.array([0.5, 0.9, 0.99, 1.01, 1.1, 2]):
        assert error <= np.square(np.where(weight < 0, -scale, scale) - weight).sum() * (1 + 1e-5) + 1e-12


def test_three_levels_are_as_near_as_the_best_of_a_thousand_scales() -> None:
    weight = np.random.default_rng(0).normal(size=(1, 5000)).astype(np.float32)
    error = np.square(restore(round_weight(weight, 2)) - weight).sum()
    scales = np.linspace(0.01, 4, 1000)
    best = min(np.square(np.clip(np.rint(weight / scale), -1, 1) * scale - weight).sum() for scale in scales)
    assert error <= best * 1.001


def test_more_bits_are_nearer() -> None:
    """Of normally distributed weights: 4.4 dB with 1 bit, 7.2 with 2 (Max 1960, table I for 2 and 3 levels)."""
    weight = np.random.default_rng(1).normal(size=(64, 2000)).astype(np.float32)
    errors = [np.square(restore(round_weight(weight, bits, axis=0)) - weight).mean() for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)
    assert -10 * np.log10(errors[0]) == pytest.approx(4.40, abs=0.05)
    assert -10 * np.log10(errors[1]) == pytest.approx(7.22, abs=0.05)


@given(weight=WEIGHTS, bits=st.integers(2, 8))
@settings(deadline=None)
def test_negating_a_weight_negates_its_levels(weight: np.ndarray, bits: int) -> None:
    assert (round_weight(-weight, bits).levels == -round_weight(weight, bits).levels).all()


@given(weight=WEIGHTS, bits=st.integers(2, 8), data=st.data())
@settings(deadline=None)
def test_channels_are_rounded_as_if_alone(weight: np.ndarray, bits: int, data: st.DataObject) -> None:
    axis = data.draw(st.integers(0, weight.ndim - 1))
    rounded = round_weight(weight, bits, axis)
    for channel in range(weight.shape[axis]):
        alone = round_weight(weight.take([channel], axis), bits)
        assert rounded.scale[channel] == alone.scale
        assert (rounded.levels.take([channel], axis) == alone.levels).all()


def test_a_short_last_block_has_a_scale_of_its_own() -> None:
    weight = np.array([[1, 2, 3, 4, 50]], np.float32)
    rounded = round_weight(weight, 8, axis=1, block=2)
    np.testing.assert_allclose(rounded.scale, np.array([[2, 4, 50]]) / 127, rtol=1e-6)
    np.testing.assert_allclose(restore(rounded), weight, rtol=0.01)


def _scale_at(rounded: Rounded, place: tuple[int, ...]) -> np.floating:
    if rounded.axis is None:
        return rounded.scale[()]
    if rounded.block is None:
        return rounded.scale[place[rounded.axis]]
    short = list(place)
    short[rounded.axis] //= rounded.block
    return rounded.scale[tuple(short)]
