"""Latency statistics: percentiles, ratios of blocks, intervals, SQNR."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.measure.statistics import block_ratio, percentile_interval, sqnr_db, summarize

TIMES = st.floats(0.01, 1000.0)


def test_summarize_gives_known_figures_when_samples_are_1_to_100():
    summary = summarize(range(1, 101))
    assert (summary.mean, summary.p50, summary.repeats) == (50.5, 50.5, 100)
    assert (summary.p90, summary.p99) == (pytest.approx(90.1), pytest.approx(99.01))
    assert summary.std == pytest.approx(28.866, abs=1e-3)


def test_summarize_has_no_spread_when_there_is_one_sample():
    summary = summarize([2.5])
    assert (summary.mean, summary.p50, summary.p99, summary.std, summary.repeats) == (2.5, 2.5, 2.5, 0.0, 1)


def test_summarize_refuses_when_there_are_no_samples():
    with pytest.raises(ValueError, match="no samples to summarize"):
        summarize([])


@given(st.lists(TIMES, min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_summarize_is_ordered_when_samples_are_anything(samples):
    summary = summarize(samples)
    assert min(samples) <= summary.p50 <= summary.p90 <= summary.p99 <= max(samples)
    assert min(samples) * (1 - 1e-9) <= summary.mean <= max(samples) * (1 + 1e-9)


@given(st.lists(st.tuples(TIMES, st.floats(0.5, 20.0)), min_size=2, max_size=12), st.floats(0.2, 8.0))
@settings(max_examples=40, deadline=None)
def test_block_ratio_is_exact_when_a_drift_hits_both_alike(rounds, ratio):
    baseline = [[time * drift, time * drift * 1.01, time * drift * 1.02] for time, drift in rounds]
    other = [[sample / ratio for sample in block] for block in baseline]
    found = block_ratio(baseline, other)
    assert (found.value, found.low, found.high) == pytest.approx((ratio, ratio, ratio))


def test_block_ratio_is_the_median_over_rounds_when_rounds_differ():
    found = block_ratio([[2.0], [3.0], [40.0]], [[1.0], [1.0], [1.0]])
    assert found.value == 3.0
    assert 2.0 <= found.low < 3.0 < found.high <= 40.0


def test_block_ratio_ignores_a_slow_call_when_it_is_one_of_many():
    block = [1.0] * 49
    assert block_ratio([[*block, 500.0]] * 4, [[*block, 1.0]] * 4).value == 1.0


def test_block_ratio_takes_blocks_of_unequal_length_when_one_ran_longer():
    assert block_ratio([[4.0] * 7, [4.0] * 3], [[2.0] * 2, [2.0] * 9]).value == 2.0


def test_block_ratio_is_the_inverse_when_the_sides_change():
    random = np.random.default_rng(1)
    a, b = random.uniform(1, 2, (11, 20)).tolist(), random.uniform(3, 4, (11, 20)).tolist()
    forth, back = block_ratio(a, b), block_ratio(b, a)
    assert forth.value == pytest.approx(1 / back.value)
    assert forth.low == pytest.approx(1 / back.high)


def test_block_ratio_is_the_same_when_asked_again():
    random = np.random.default_rng(2)
    blocks = random.uniform(1, 2, (2, 10, 20)).tolist()
    assert block_ratio(*blocks) == block_ratio(*blocks)


def test_block_ratio_interval_covers_the_truth_about_as_often_as_stated_when_noise_is_lognormal():
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        noise = random.lognormal(0, 0.05, (2, 10, 5))
        found = block_ratio(3.0 * noise[0], noise[1])
        covered += found.low <= 3.0 <= found.high
    assert covered >= 88


def test_block_ratio_refuses_when_rounds_are_missing():
    with pytest.raises(ValueError, match="shorter"):
        block_ratio([[1.0], [1.0]], [[1.0]])


def test_percentile_interval_holds_the_central_share_when_values_are_even():
    assert percentile_interval(range(1001)) == (pytest.approx(25.0), pytest.approx(975.0))


@pytest.mark.parametrize(
    ("signal", "noise", "decibels"),
    [
        (1.0, 1.0, 0.0),
        (100.0, 1.0, 20.0),
        (1.0, 1000.0, -30.0),
        (5.0, 0.0, 200.0),
        (5.0, 1e-300, 200.0),
        (0.0, 1.0, 0.0),
    ],
)
def test_sqnr_db_is_known_when_signal_and_noise_are(signal, noise, decibels):
    assert sqnr_db(signal, noise) == pytest.approx(decibels)


def test_sqnr_db_does_not_praise_when_the_noise_is_not_a_number():
    assert math.isnan(sqnr_db(1.0, math.nan))
