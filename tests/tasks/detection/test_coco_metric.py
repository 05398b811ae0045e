"""The metric against pycocotools' own evaluation of the same boxes, from matching to the summary."""

import numpy as np
import pytest

from workbench.tasks.detection.coco_metric import CocoMetric


def scene(seed, *, images=6, classes=4, ties=False):
    """Truths with crowds, and predictions that are some of them moved, some made up."""
    random = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(images):
        count = int(random.integers(0, 7))
        corners, sides = random.uniform(0, 80, (count, 2)), random.uniform(5, 40, (count, 2))
        boxes = np.column_stack([random.integers(0, classes, count), corners, corners + sides])
        crowd = (random.uniform(size=count) < 0.2).astype(int).tolist()
        truths.append({"width": 120, "height": 120, "boxes": boxes.tolist(), "crowd": crowd})
        rows = [
            [kind, _score(random, ties), *(np.array(box) + random.normal(0, 3, 4)).tolist()]
            for kind, *box in boxes.tolist() * 2
        ]
        rows += [[int(random.integers(0, classes + 2)), _score(random, ties), 5, 5, 30, 30] for _ in range(2)]
        predictions.append(rows)
    return predictions, truths


def _score(random, ties):
    return float(random.integers(1, 4) / 4 if ties else random.uniform())


@pytest.fixture
def official(official_map):
    """mAP and mAP50."""
    return lambda predictions, truths: tuple(official_map(predictions, truths, at=at) for at in (0, 1))


@pytest.mark.parametrize("seed", range(8))
def test_metric_is_pycocotools_when_boxes_are_random(official, seed):
    predictions, truths = scene(seed, ties=seed % 2 == 1)
    assert CocoMetric("bbox")(predictions, truths) == pytest.approx(official(predictions, truths), abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_metric_is_pycocotools_when_the_same_images_come_in_another_mixture(official, seed):
    predictions, truths = scene(seed)
    metric, random = CocoMetric("bbox"), np.random.default_rng(seed)
    metric(predictions, truths)
    for _ in range(5):
        chosen = random.integers(0, len(truths), len(truths))
        mixture = [predictions[i] for i in chosen], [truths[i] for i in chosen]
        assert metric(*mixture) == pytest.approx(official(*mixture), abs=1e-9)


def test_metric_tells_two_models_apart_when_it_is_asked_in_turn():
    truth = {"width": 50, "height": 50, "boxes": [[0, 5, 5, 20, 20]]}
    right, wrong = [[0, 0.9, 5, 5, 20, 20]], [[0, 0.9, 30, 30, 45, 45]]
    metric = CocoMetric("bbox")
    assert [metric([p], [truth])[0] for p in (right, wrong, right)] == pytest.approx([100, 0, 100])


def test_metric_is_not_a_number_when_there_is_no_truth():
    metric = CocoMetric("bbox")
    assert np.isnan(metric([[[0, 0.9, 1, 1, 5, 5]]], [{"width": 9, "height": 9, "boxes": []}])).all()
    assert np.isnan(metric([[]], [{"width": 9, "height": 9, "boxes": []}])).all()


def test_metric_is_0_when_nothing_is_found():
    assert CocoMetric("bbox")([[]], [{"width": 9, "height": 9, "boxes": [[0, 1, 1, 5, 5]]}]) == (0, 0)


def test_metric_leaves_a_crowd_out_when_boxes_fall_into_it():
    truth = {"width": 50, "height": 50, "boxes": [[0, 0, 0, 10, 10], [0, 20, 20, 50, 50]], "crowd": [0, 1]}
    rows = [[0, 0.9, 21, 21, 30, 30], [0, 0.8, 31, 31, 45, 45], [0, 0.7, 0, 0, 10, 10]]
    assert CocoMetric("bbox")([rows], [truth])[0] == pytest.approx(100)


def test_metric_compares_masks_when_told_so():
    from pycocotools import mask

    def lengths(rows, columns):
        plane = np.zeros((20, 20), np.uint8, order="F")
        plane[rows, columns] = 1
        found = mask.encode(plane)
        return found | {"counts": found["counts"].decode()}

    cross, box = lengths(slice(5, 15), slice(8, 10)), lengths(slice(5, 15), slice(5, 15))
    truth = {"width": 20, "height": 20, "boxes": [[0, 5, 5, 15, 15]], "masks": [cross]}
    predicted = {"boxes": [[0, 0.9, 5, 5, 15, 15]], "masks": [box]}
    assert CocoMetric("bbox")([predicted], [truth])[0] == pytest.approx(100)
    assert CocoMetric("segm")([predicted], [truth])[0] == 0
    assert CocoMetric("segm")([predicted | {"masks": [cross]}], [truth])[0] == pytest.approx(100)
