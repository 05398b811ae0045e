"""What networks of the families learn from, against plain arithmetic."""

from typing import Any

import numpy as np
import pytest

RANDOM = np.random.default_rng(7)
SCORES = RANDOM.normal(size=(5, 4)).astype(np.float32)
LABELS = RANDOM.integers(0, 4, (5, 1))
MAPS = RANDOM.normal(size=(4, 3, 6, 8)).astype(np.float32)  # two images of two windows each
MAP_LABELS = RANDOM.choice([0, 1, 2, 255], (2, 2, 6, 8))


def cross_entropy(scores: np.ndarray, label: int) -> float:
    return float(np.log(np.exp(scores.astype(np.float64)).sum()) - scores[label])


@pytest.fixture(scope="module")
def losses(run_native: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    arrays = tmp_path_factory.mktemp("losses") / "arrays.npz"
    # As coarse a network's output: every score stands for a square of 2 x 2 pixels.
    np.savez(arrays, scores=SCORES, labels=LABELS, maps=MAPS, map_labels=MAP_LABELS, small_maps=MAPS[:, :, ::2, ::2])
    outcome = run_native("loss_jobs:task_losses", arrays=arrays)
    assert outcome.status == "ok", outcome.reason
    return outcome.value


@pytest.mark.parametrize("kind", ["logits", "probabilities", "scaled"])
def test_class_loss_is_cross_entropy_when_the_scores_are_probabilities_or_not(losses, kind):
    expected = np.mean([cross_entropy(row, int(label)) for row, label in zip(SCORES, LABELS[:, 0], strict=True)])
    assert losses[kind] == pytest.approx(expected, rel=1e-4)


def test_segmentation_loss_is_cross_entropy_of_the_pixels_that_count_when_some_do_not(losses):
    labels = MAP_LABELS.reshape(4, 6, 8)
    places = np.argwhere(labels != 255)
    expected = np.mean([cross_entropy(MAPS[n, :, y, x], int(labels[n, y, x])) for n, y, x in places])
    assert losses["map"] == pytest.approx(expected, rel=1e-4)


def test_segmentation_loss_is_finite_when_the_network_gives_fewer_scores(losses):
    assert 0 < losses["small map"] < 10


def test_segmentation_loss_is_refused_when_the_model_picks_the_class(losses):
    assert losses["argmax"] == 1.0
