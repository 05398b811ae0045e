"""The ranges of one-pass calibration against PaddleSlim's own, on the same network and data."""

import pytest

from workbench.experiment import TaskSource
from workbench.models.model import Model
from workbench.quant.levels import BINS
from workbench.quant.ranges import Algorithm
from workbench.tasks.loader import task_spec

SAME_VALUE = {Algorithm.ABS_MAX, Algorithm.AVG}
SEARCH_STEP = 0.02  # of the largest value, between the thresholds that mse and emd try
FLAT = 1e-4  # of the largest value: losses that differ by less count as equal


@pytest.fixture(scope="module")
def measured(imported, tiny_task_file, run_native, tmp_path_factory):
    """A function from names of algorithms to ours and PaddleSlim's ranges, each by algorithm and tensor."""

    def measure(*algorithms):
        folder = tmp_path_factory.mktemp("ranges")
        task = task_spec(TaskSource(file=tiny_task_file, options={"calibration_images": 8}), folder)
        model = str(imported["tiny"].folder)
        cases = {name: {"model": model, "task": task, "options": {"algo": name}} for name in algorithms}
        ours = run_native("quantize_many", cases=cases, models=folder).value
        theirs = run_native("paddleslim_ranges", model=model, task=task, algorithms=algorithms)
        assert theirs.status == "ok", theirs.reason
        mine = {name: Model.open(folder / found["value"]).manifest.scales.activations for name, found in ours.items()}
        return {name: {tensor: found.absmax for tensor, found in mine[name].items()} for name in mine}, theirs.value

    return measure


@pytest.fixture(scope="module")
def ranges(measured):
    """Those of all algorithms but KL, for which PaddleSlim takes twenty seconds."""
    return measured(*(str(algorithm) for algorithm in Algorithm if algorithm is not Algorithm.KL))


def common(ranges, algorithm):
    """(ours, theirs) for every tensor that both have and that holds zeros, which the ReLUs and what they read do.

    Without a zero PaddleSlim's bins start at the smallest absolute value, and its threshold forgets to add that again.
    """
    ours, theirs = (found[str(algorithm)] for found in ranges)
    tensors = {name for name in set(ours) & set(theirs) if name.startswith(("relu", "batch_norm", "conv2d"))}
    assert len(tensors) >= 6
    return [(ours[tensor], theirs[tensor]) for tensor in sorted(tensors)]


@pytest.mark.parametrize("algorithm", sorted(SAME_VALUE))
def test_ranges_equal_paddleslims_when_no_histogram_is_needed(ranges, algorithm):
    for ours, theirs in common(ranges, algorithm):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_ranges_are_within_a_bin_of_paddleslims_when_the_histogram_is_cut(ranges):
    largest = [theirs for _, theirs in common(ranges, Algorithm.ABS_MAX)]
    for (ours, theirs), absmax in zip(common(ranges, Algorithm.HIST), largest, strict=True):
        assert abs(ours - theirs) <= 1.01 * absmax / BINS


def test_ranges_are_within_a_search_step_of_paddleslims_when_the_squared_error_is_least(ranges):
    largest = [theirs for _, theirs in common(ranges, Algorithm.ABS_MAX)]
    for (ours, theirs), absmax in zip(common(ranges, Algorithm.MSE), largest, strict=True):
        assert abs(ours - theirs) <= 1.01 * SEARCH_STEP * absmax


def test_ranges_lose_as_little_as_paddleslims_when_the_earth_movers_distance_is_flat(
    ranges, imported, tiny_task_file, run_native, tmp_path
):
    """Its candidates hardly differ, so that the last digit of an activation says which is the best: the loss tells, not the threshold."""
    ours, theirs = (found[str(Algorithm.EMD)] for found in ranges)
    largest = ranges[0][str(Algorithm.ABS_MAX)]
    half = {tensor: absmax / 2 for tensor, absmax in largest.items()}
    tried = {tensor: [ours[tensor], theirs[tensor], half[tensor]] for tensor in sorted(set(ours) & set(theirs))}
    task = task_spec(TaskSource(file=tiny_task_file, options={"calibration_images": 8}), tmp_path)
    found = run_native("earth_movers_distances", model=imported["tiny"].folder, task=task, thresholds=tried)
    assert found.status == "ok", found.reason
    losses = {tensor: [loss / largest[tensor] for loss in values] for tensor, values in found.value.items()}
    assert len(losses) >= 6
    assert all(our <= their + FLAT for our, their, _ in losses.values())
    assert sum(cut > their + FLAT for _, their, cut in losses.values()) >= len(losses) / 2


@pytest.mark.slow
def test_most_ranges_are_paddleslims_when_the_divergence_is_flat(measured):
    """Both take the best of candidates that hardly differ, from values rounded otherwise: a few come out elsewhere."""
    pairs = common(measured(str(Algorithm.KL)), Algorithm.KL)
    close = [abs(ours - theirs) <= 0.05 * theirs for ours, theirs in pairs]
    assert sum(close) >= 0.6 * len(close)
