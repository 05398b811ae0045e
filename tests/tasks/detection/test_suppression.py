"""Suppression against a plain reference written here, box by box, as torchvision and Paddle define it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.tasks.detection.suppression import overlaps, suppress


def reference_iou(first, second, pixels):
    """Paddle's JaccardOverlap in float32."""
    if second[0] > first[2] or second[2] < first[0] or second[1] > first[3] or second[3] < first[1]:
        return np.float32(0)
    one = np.float32(pixels)
    width = min(first[2], second[2]) - max(first[0], second[0]) + one
    height = min(first[3], second[3]) - max(first[1], second[1]) + one
    area = [(box[2] - box[0] + one) * (box[3] - box[1] + one) for box in (first, second)]
    with np.errstate(invalid="ignore"):
        return width * height / (area[0] + area[1] - width * height)


def reference(boxes, scores, classes, *, max_iou, limit=None, pixels=0.0):
    """Best first, class by class; then the best of all classes."""
    kept = []
    for label in sorted(set(classes.tolist())):
        chosen = []
        for index in sorted(np.flatnonzero(classes == label), key=lambda i: (-scores[i], i)):
            if all(reference_iou(boxes[index], boxes[other], pixels) <= np.float32(max_iou) for other in chosen):
                chosen.append(index)
        kept += chosen
    return sorted(kept, key=lambda i: (-scores[i], classes[i], i))[:limit]


def scene(seed, count, *, classes=3, levels=None):
    """Boxes in clusters; `levels`: scores take so many values, so that there are ties."""
    random = np.random.default_rng(seed)
    corners = random.choice([0, 20, 40, 60], (count, 2)) + random.normal(0, 4, (count, 2))
    boxes = np.hstack([corners, corners + random.uniform(0, 30, (count, 2))]).astype(np.float32)
    scores = random.uniform(size=count) if levels is None else random.integers(0, levels, count) / levels
    return boxes, scores.astype(np.float32), random.integers(0, classes, count)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("count", "levels", "limit"), [(0, None, 5), (1, None, None), (60, 4, 7), (700, 5, 40), (300, None, None)])  # fmt: skip
def test_suppress_keeps_what_the_reference_keeps_when_boxes_are_random(seed, count, levels, limit):
    boxes, scores, classes = scene(seed, count, levels=levels)
    pixels = float(seed % 2)
    found = suppress(boxes, scores, classes, max_iou=0.4, limit=limit, pixels=pixels)
    assert found.tolist() == reference(boxes, scores, classes, max_iou=0.4, limit=limit, pixels=pixels)


ON_A_GRID = st.tuples(*[st.integers(0, 5)] * 4, st.integers(0, 3), st.integers(0, 1))


@given(
    rows=st.lists(ON_A_GRID, max_size=40), max_iou=st.sampled_from([0.01, 0.25, 0.5, 1.0]), pixels=st.sampled_from([0.0, 1.0]),
    limit=st.sampled_from([None, 0, 3]),
)  # fmt: skip
def test_suppress_keeps_what_the_reference_keeps_when_boxes_lie_on_a_grid(rows, max_iou, pixels, limit):
    """Few places, sizes and scores: boxes that are the same, touch, have no area or tie."""
    values = np.array(rows, np.float32).reshape(-1, 6)
    boxes = np.hstack([values[:, :2], values[:, :2] + values[:, 2:4]])
    scores, classes = values[:, 4] / 4, values[:, 5].astype(np.int64)
    found = suppress(boxes, scores, classes, max_iou=max_iou, limit=limit, pixels=pixels)
    assert found.tolist() == reference(boxes, scores, classes, max_iou=max_iou, limit=limit, pixels=pixels)


@pytest.mark.parametrize(
    "boxes",
    [
        [[5, 5, 5, 5], [5, 5, 5, 5], [5, 5, 9, 9], [7, 7, 7, 7]],  # no area, one point twice, and inside another
        [[0, 0, 10, 0], [0, 0, 10, 0], [20, 0, 30, 0]],  # no height
        [[0, 0, 10, 10], [0, 0, 10, 10], [10, 10, 20, 20], [10, 0, 20, 10]],  # the same, and touching
        [[-5, -5, 5, 5], [-1e6, -1e6, 1e6, 1e6], [1e6, 1e6, 1e6 + 1, 1e6 + 1]],  # outside and huge
    ],
)
def test_suppress_keeps_what_the_reference_keeps_when_boxes_are_degenerate(boxes):
    boxes = np.array(boxes, np.float32)
    scores, classes = np.linspace(1, 0.5, len(boxes), dtype=np.float32), np.zeros(len(boxes), np.int64)
    found = suppress(boxes, scores, classes, max_iou=0.5)
    assert found.tolist() == reference(boxes, scores, classes, max_iou=0.5)


def test_suppress_takes_class_and_index_in_turn_when_scores_tie():
    boxes = np.array([[0, 0, 10, 10]] * 4 + [[50, 50, 60, 60]], np.float32)
    scores, classes = np.full(5, 0.5, np.float32), np.array([1, 0, 0, 1, 0])
    assert suppress(boxes, scores, classes, max_iou=0.5).tolist() == [1, 4, 0]
    assert suppress(boxes, scores, classes, max_iou=0.5, limit=2).tolist() == [1, 4]


def test_suppress_keeps_ten_thousand_when_none_overlap():
    corners = np.stack(np.meshgrid(np.arange(100), np.arange(100)), axis=-1).reshape(-1, 2).astype(np.float32) * 10
    boxes = np.hstack([corners, corners + 9])
    scores = np.random.default_rng(0).uniform(size=10_000).astype(np.float32)
    found = suppress(boxes, scores, np.zeros(10_000, np.int64), max_iou=0.5)
    assert found.tolist() == np.argsort(-scores).tolist()


def test_suppress_keeps_one_of_each_class_when_ten_thousand_boxes_are_the_same():
    boxes = np.tile(np.array([[3, 3, 9, 9]], np.float32), (10_000, 1))
    classes = np.arange(10_000) % 7
    assert suppress(boxes, np.ones(10_000, np.float32), classes, max_iou=0.9).tolist() == list(range(7))


def test_suppress_keeps_boxes_when_they_overlap_by_the_threshold_itself():
    boxes = np.array([[0, 0, 2, 1], [1, 0, 2, 1]], np.float32)  # overlap 0.5
    scores, classes = np.array([0.9, 0.8], np.float32), np.zeros(2, np.int64)
    assert len(suppress(boxes, scores, classes, max_iou=0.5)) == 2
    assert len(suppress(boxes, scores, classes, max_iou=0.499)) == 1


def test_overlaps_counts_the_last_pixel_when_told_so():
    boxes = np.array([[0, 0, 1, 1], [1, 1, 2, 2]], np.float32)
    np.testing.assert_allclose(overlaps(boxes, boxes, pixels=1.0), [[1, 1 / 7], [1 / 7, 1]], rtol=1e-6)
    np.testing.assert_allclose(overlaps(boxes, boxes), [[1, 0], [0, 1]])
