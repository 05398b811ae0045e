"""Thresholds and ranges from statistics of made-up tensors."""

import math

import numpy as np
import pytest

from workbench.quant.levels import BINS, LEVELS, STEPS
from workbench.quant.ranges import Algorithm, Ranges, hist_threshold, kl_threshold
from workbench.quant.statistics import Statistics


def statistics_of(values, slope=1.0):
    statistics = Statistics.empty(1, slopes=[slope])
    statistics.add([values.astype(np.float32).reshape(1, -1)])
    statistics.finish()
    return statistics


@pytest.fixture(scope="module")
def peaked():
    """Mostly within +-4, with one far peak on the positive side."""
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    values[0] = 40.0
    return values


def error(values, low, high, function=lambda x: x):
    scale = (high - low) / STEPS
    zero_point = round(-low / scale)
    quantized = (np.clip(np.round(values / scale) + zero_point, 0, STEPS) - zero_point) * scale
    return float(((function(quantized) - function(values)) ** 2).mean())


def literal_kl(histogram):
    """Paddle's `cal_kl_threshold`, step by step as the paper tells it."""
    start = int((len(histogram) - 1) * 0.5)
    best = (math.inf, 0)
    for end in range(start, len(histogram)):
        reference = histogram[:end].astype(float)
        if reference[-1] == 0:
            continue
        reference[-1] += histogram[end:].sum()
        merged = end // LEVELS
        candidate = np.zeros(end)
        for level in range(LEVELS):
            part = slice(level * merged, end if level == LEVELS - 1 else (level + 1) * merged)
            occupied = histogram[part] > 0
            if occupied.any():
                candidate[part] = occupied * histogram[part].sum() / occupied.sum()
        used = reference > 0
        p, q = reference[used], candidate[used]
        kl = (p * (np.log(candidate.sum() * p) - np.log(histogram.sum() * q))).sum() / histogram.sum()
        best = min(best, (kl, end))
    return best[1] + 0.5


@pytest.mark.parametrize("seed", range(6))
def test_kl_threshold_is_the_papers_when_all_candidates_are_computed_at_once(seed):
    random = np.random.default_rng(seed)
    values = np.abs(random.laplace(0, 1, 3_000) if seed % 2 else random.normal(0, 1, 200_000))
    histogram = np.histogram(values, bins=BINS)[0]
    assert kl_threshold(histogram.astype(np.float64)) == literal_kl(histogram)


def test_kl_threshold_exists_when_all_values_are_small_but_one():
    histogram = np.zeros(BINS)
    histogram[[3, 5]] = 100
    histogram[-1] = 1
    assert kl_threshold(histogram) == 5.5


@pytest.mark.parametrize(("percent", "bins"), [(0.5, 0.5), (0.9, 9.5), (1.0, 10.5)])
def test_hist_threshold_ends_the_wanted_share_when_cut(percent, bins):
    histogram = np.zeros(BINS)
    histogram[[0, 9, 10]] = [50, 40, 10]
    assert hist_threshold(histogram, percent) == bins


@pytest.mark.parametrize("algorithm", Algorithm)
def test_ranges_hold_zero_and_stay_within_the_values_when_chosen(peaked, algorithm):
    found = Ranges(statistics_of(peaked), algorithm, hist_percent=0.9999).of(0)
    assert peaked.min() - 1e-6 <= found.minimum < 0 < found.maximum <= 40.0
    assert 0 < found.absmax <= 40.0


def test_ranges_cut_the_peak_when_the_algorithm_weighs_values(peaked):
    statistics = statistics_of(peaked)
    found = {a: Ranges(statistics, a, hist_percent=0.9999).of(0) for a in Algorithm}
    assert found[Algorithm.ABS_MAX].absmax == found[Algorithm.ABS_MAX].maximum == 40.0
    assert found[Algorithm.HIST].absmax < 5
    assert found[Algorithm.HIST].maximum < 5
    assert found[Algorithm.MSE].maximum < 40


def test_least_error_beats_the_extremes_when_there_is_a_peak(peaked):
    found = Ranges(statistics_of(peaked), Algorithm.MSE, hist_percent=1.0).of(0)
    assert error(peaked, found.minimum, found.maximum) < error(peaked, peaked.min(), peaked.max())


def test_ranges_clip_what_the_activation_makes_small_when_one_follows():
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    slope = 0.1

    def leaky(x):
        return np.where(x > 0, x, slope * x)

    plain, before_leaky = (
        Ranges(statistics_of(values, chosen), Algorithm.HIST, hist_percent=0.99999).of(0) for chosen in (1.0, slope)
    )
    assert before_leaky.minimum > plain.minimum
    assert error(values, before_leaky.minimum, before_leaky.maximum, leaky) < error(
        values, plain.minimum, plain.maximum, leaky
    )


def test_minimum_is_zero_when_no_value_is_negative():
    values = np.abs(np.random.default_rng(0).normal(0, 1, 10_000))
    for algorithm in Algorithm:
        assert Ranges(statistics_of(values), algorithm, hist_percent=0.999).of(0).minimum == 0.0
