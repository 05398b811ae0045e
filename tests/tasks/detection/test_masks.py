"""Masks from a network's outputs into the image, against shapes whose pixels are known."""

import json

import numpy as np
import pytest
from pycocotools import mask as run_lengths

from workbench.errors import InputError
from workbench.tasks.detection.masks import encode, paste
from workbench.tasks.preparation import Preparation

OPTIONS = {"decoder": "nms_inside", "inputs": ("image", "scale_factor"), "masks": True,
           "preparation": Preparation(size=(64, 64), resize="stretch")}  # fmt: skip


def decode(mask):
    return run_lengths.decode(mask | {"counts": mask["counts"].encode()}).astype(bool)


def test_mask_is_the_same_when_encoded_and_decoded():
    mask = np.random.default_rng(0).uniform(size=(31, 17)) > 0.5
    encoded = encode(mask)
    assert json.loads(json.dumps(encoded)) == encoded
    assert np.array_equal(decode(encoded), mask)


def test_paste_fills_the_box_when_the_mask_is_full():
    plane = paste(np.ones((28, 28), np.float32), np.array([10, 5, 30, 15]), size=(40, 50))
    expected = np.zeros((40, 50), bool)
    expected[5:15, 10:30] = True
    assert np.array_equal(plane, expected)


def test_paste_covers_half_the_box_when_half_of_the_mask_is_set():
    mask = np.zeros((28, 28), np.float32)
    mask[:, :14] = 1
    plane = paste(mask, np.array([10, 5, 30, 15]), size=(40, 50))
    expected = np.zeros((40, 50), bool)
    expected[5:15, 10:20] = True
    assert np.array_equal(plane, expected)


@pytest.mark.parametrize(
    "box", [[-20, -20, 20, 20], [40, 30, 70, 60], [3.2, 3.2, 3.4, 3.4], [5, 5, 5, 5], [60, 60, 70, 70]]
)
def test_paste_stays_in_the_image_when_the_box_does_not(box):
    """An ellipse fills its box to pi / 4, as far as the box is in the image."""
    rows, columns = np.mgrid[:28, :28]
    ellipse = (((rows - 13.5) ** 2 + (columns - 13.5) ** 2) <= 14**2).astype(np.float32)
    plane = paste(ellipse, np.array(box, np.float32), size=(40, 50))
    y, x = np.mgrid[:40, :50] + 0.5
    radius = [max((box[2] - box[0]) / 2, 1e-9), max((box[3] - box[1]) / 2, 1e-9)]
    inside = ((x - (box[0] + box[2]) / 2) / radius[0]) ** 2 + ((y - (box[1] + box[3]) / 2) / radius[1]) ** 2 <= 1
    assert np.count_nonzero(plane != inside) <= 0.1 * np.count_nonzero(inside) + 1


@pytest.mark.parametrize("kind", ["small", "small with channel", "whole"])
def test_mask_map_is_100_when_the_detector_is_perfect(make_task, kind):
    task = make_task(**OPTIONS)
    image = np.zeros((80, 120, 3), np.uint8)
    truth_masks = np.zeros((2, 80, 120), bool)
    truth_masks[0, 10:50, 20:60] = truth_masks[1, 30:70, 70:110] = True
    boxes = [[20, 10, 60, 50], [70, 30, 110, 70]]
    truth = {
        "width": 120,
        "height": 80,
        "boxes": [[1, *boxes[0]], [0, *boxes[1]]],
        "masks": [encode(m) for m in truth_masks],
    }
    # The rows come worst first, after one that holds nothing: masks must go with their rows.
    rows = np.array([[-1, 0, 0, 0, 0, 0], [0, 0.5, *boxes[1]], [1, 0.9, *boxes[0]]], np.float32)
    masks = {
        "small": np.ones((3, 28, 28), np.float32),
        "small with channel": np.ones((3, 1, 28, 28), np.float32),
        "whole": np.stack([truth_masks[0] & False, truth_masks[1], truth_masks[0]]).astype(np.int32),
    }[kind]
    _, geometry = task.preprocess(image)
    prediction = task.postprocess({"rows": rows, "count": np.array([3], np.int32), "masks": masks}, geometry)
    json.dumps(prediction)
    assert [row[0] for row in prediction["boxes"]] == [1, 0]
    assert task.metric([prediction], [truth]) == pytest.approx(
        {"mAP": 100, "mAP50": 100, "mask_mAP": 100, "mask_mAP50": 100}
    )


def test_mask_map_is_lower_than_box_map_when_masks_are_worse(make_task):
    task = make_task(**OPTIONS)
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:20] = True
    truth = {"width": 60, "height": 60, "boxes": [[0, 10, 10, 50, 50]], "masks": [encode(mask)]}
    _, geometry = task.preprocess(np.zeros((60, 60, 3), np.uint8))
    outputs = {"rows": np.array([[0, 0.9, 10, 10, 50, 50]], np.float32), "masks": np.ones((1, 28, 28), np.float32)}
    found = task.metric([task.postprocess(outputs, geometry)], [truth])
    assert (found["mAP"], found["mask_mAP"]) == (pytest.approx(100), 0)


def test_masks_are_missed_in_one_line_when_the_network_gives_none(make_task):
    task = make_task(**OPTIONS)
    _, geometry = task.preprocess(np.zeros((60, 60, 3), np.uint8))
    with pytest.raises(InputError, match=r"options\.masks: no output \[1, height, width\] among rows \[1, 6\]; take"):
        task.postprocess({"rows": np.array([[0, 0.9, 1, 1, 5, 5]], np.float32)}, geometry)


def test_prediction_is_empty_when_nothing_is_found_with_masks(make_task):
    task = make_task(**OPTIONS)
    _, geometry = task.preprocess(np.zeros((60, 60, 3), np.uint8))
    outputs = {"rows": np.zeros((0, 6), np.float32), "masks": np.zeros((0, 28, 28), np.float32)}
    assert task.postprocess(outputs, geometry) == {"boxes": [], "masks": []}
