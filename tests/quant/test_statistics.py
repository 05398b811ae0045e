"""Statistics of made-up tensors against numpy's on all values at once."""

import numpy as np
import pytest

from workbench.quant.levels import BINS
from workbench.quant.statistics import Statistics, load_statistics, save_statistics


def batches(scale_by=1.0, count=4, shape=(2, 3, 50, 50)):
    random = np.random.default_rng(0)
    return [(random.laplace(0, 1 + index * scale_by, shape)).astype(np.float32) for index in range(count)]


def gathered(values):
    statistics = Statistics.empty(1)
    for batch in values:
        statistics.add([batch])
    return statistics


@pytest.mark.parametrize("growth", [0.0, 1.0, 40.0])
def test_histogram_equals_numpys_when_the_range_grows(growth):
    values = batches(growth)
    everything = np.abs(np.concatenate(values))
    wanted, _ = np.histogram(everything, bins=BINS, range=(0, everything.max()))
    found = gathered(values).histogram(0)
    assert found.sum() == wanted.sum() == everything.size
    # A value on the wrong side of an edge moves by one bin at most.
    shifted = np.cumsum(wanted)
    assert (np.cumsum(found) <= np.append(shifted[1:], shifted[-1])).all()
    assert (np.cumsum(found)[1:] >= shifted[:-1]).all()


def test_extremes_and_means_equal_numpys_when_batches_hold_several_samples():
    values = batches(1.0)
    found = gathered(values)
    samples = np.concatenate(values).reshape(8, -1)
    assert found.minimum[0] == samples.min()
    assert found.maximum[0] == samples.max()
    assert found.mean_absmax[0] == pytest.approx(np.abs(samples).max(axis=1).mean(), rel=1e-6)
    assert found.mean_minimum[0] == pytest.approx(samples.min(axis=1).mean(), rel=1e-6)
    assert found.mean_maximum[0] == pytest.approx(samples.max(axis=1).mean(), rel=1e-6)


def test_signed_histogram_keeps_the_sides_apart_when_values_are_lopsided():
    values = [np.array([[-1.0, -1.0, -1.0, 3.0, 0.0]], np.float32)]
    found = gathered(values).signed_histogram(0)
    assert found[BINS] == 1
    assert found[:BINS].sum() == 3
    assert found[BINS + 1 :].sum() == 1
    assert found[-1] == 1


def test_statistics_have_a_range_when_a_tensor_is_zero_or_absent():
    statistics = Statistics.empty(3)
    statistics.add([np.zeros((1, 4), np.float32), None, np.zeros((1, 0), np.float32)])
    assert statistics.batches.tolist() == [1, 0, 0]
    assert statistics.absmax[0] > 0


def test_statistics_come_back_when_they_are_saved(tmp_path):
    statistics = gathered(batches())
    save_statistics(statistics, tmp_path / "kept" / "s.npz", names=["a tensor"], facts={"samples": 8.0})
    names, loaded, facts = load_statistics(tmp_path / "kept" / "s.npz")
    assert (names, facts) == (["a tensor"], {"samples": 8.0})
    assert (loaded.counts == statistics.counts).all()
    assert loaded.mse_scale == statistics.mse_scale


def test_memory_does_not_grow_when_there_are_more_batches():
    few, many = gathered(batches(count=2)), gathered(batches(count=12))
    assert few.counts.nbytes == many.counts.nbytes < 70_000
