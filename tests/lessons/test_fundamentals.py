"""The real numbers of the notebook on fundamentals, and what its plots say of them."""

import numpy as np
import pytest

from workbench.lessons.answers import fundamentals as answers
from workbench.lessons.exercises import State, check
from workbench.lessons.fundamentals import (
    draw_channels,
    draw_mapping,
    draw_overflow,
    draw_pair_sums,
    draw_rounding,
    sqnr_db,
)
from workbench.lessons.real_numbers import first_layer
from workbench.models.sample import data_folder


def test_first_layer_computes_what_its_batch_norm_expects_when_run_on_digits():
    """Before gain and bias each channel has mean 0 and deviation 1 over the pictures that the statistics are of."""
    with np.load(data_folder() / "digits_mobilenet_v1.npz") as stored:
        gain, bias = (stored[f"conv1.1.{name}"].astype(np.float32) for name in ("weight", "bias"))
    outputs = np.concatenate([first_layer(sample).outputs for sample in range(12)])
    assert outputs.shape == (12 * 112 * 112, 32)
    wide = np.abs(gain) > 0.05
    normalised = ((outputs - bias) / gain)[:, wide]
    assert np.abs(normalised.mean(axis=0)).max() < 0.2
    assert np.abs(normalised.std(axis=0) - 1).max() < 0.2


def test_sqnr_is_six_decibels_a_halving_when_noise_halves():
    x = np.ones(10)
    assert sqnr_db(x, x + 0.01) == pytest.approx(40)
    assert sqnr_db(x, x + 0.005) == pytest.approx(46.02, abs=0.01)
    assert sqnr_db(x, x) == np.inf


def test_drawings_tell_their_figures_when_drawn():
    x = np.linspace(-1, 1, 101)
    q = np.round(x * 3)
    assert (
        "7 of 7 levels are used, the largest error is 0.50 steps"
        in draw_mapping(x, q, q / 3, scale=1 / 3, zero_point=0, levels=7).seen
    )
    noise = {"a": np.array([10.0, 20.0]), "b": np.array([30.0, 40.0])}
    assert (
        "reaches 50% of the largest weight: 20.0 dB with a, 40.0 dB with b"
        in draw_channels(noise, np.array([2.0, 1.0]), channel=1, bits=8).seen
    )
    assert draw_rounding(np.full(5, -0.5), way="down", bits=8).seen.startswith("Mean -0.500 steps, mean square 0.2500")
    assert draw_overflow(100 * x, {"saturated": np.clip(100 * x, -50, 50)}, most=50).seen.startswith(
        "49.5% of the sums lie beyond 50."
    )
    assert (
        "0.00% of the pairs of products do not fit 16 bits, 0.0% of the sums come out wrong, signal to noise without limit"
        in (draw_pair_sums(x, x, saturated=0.0, bits=7).seen)
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(64, answers.zero_point(-1, 3)), (0, answers.zero_point(0, 6)), (7, answers.most_weight_bits()), (1568, answers.tile_products(12544, 32, 27))],
)  # fmt: skip
def test_answers_are_these_when_worked_out_by_hand(answer, expected):
    assert check(answer, expected).state is State.RIGHT
    assert check(answer + 1, expected).state is State.WRONG
