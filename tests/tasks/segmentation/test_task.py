"""The segmentation contract: windows, the way back into the image, and the metric against naive loops."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.tasks.segmentation import SegmentationTask
from workbench.tasks.segmentation.task import highest


class Fixed(SegmentationTask):
    def calibration(self):
        return []

    def evaluation(self):
        return []


def make(**options: Any) -> Fixed:
    given = {"classes": 4, "preparation": {}} | options
    return Fixed(Fixed.Options.model_validate(given), Path())


def scores_of(inputs: dict[str, Any], classes: int = 4) -> np.ndarray:
    """A network that takes the grey level of a pixel, 0 to classes - 1, for its class: scores [n, classes, h, w]."""
    levels = inputs["x"][:, :1] * 255
    return -np.abs(levels - np.arange(classes).reshape(1, -1, 1, 1)).astype(np.float32)


def picture(classes: np.ndarray) -> np.ndarray:
    return np.repeat(classes[:, :, np.newaxis], 3, axis=2).astype(np.uint8)


CLASSES = np.random.default_rng(3).integers(0, 4, (37, 53)).astype(np.uint8)
BLOCKS = np.kron(np.random.default_rng(4).integers(0, 4, (5, 6)), np.ones((8, 8))).astype(np.uint8)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"preparation": {"multiple": 32}},
        {"window": [16, 20]},
        {"window": [16, 20], "stride": [9, 7]},
        {"window": [64, 20], "stride": [64, 13]},
        {"window": [64, 64]},
    ],
)
@pytest.mark.parametrize("argmax", [False, True])
def test_segmentation_gives_each_pixel_its_class_when_seen_whole_or_through_windows(options, argmax):
    task = make(**options)
    inputs, meta = task.preprocess(picture(CLASSES))
    scores = scores_of(inputs)
    output = scores.argmax(axis=1).astype(np.int32) if argmax else scores
    assert np.array_equal(task.postprocess({"out": output}, meta), CLASSES)


def test_segmentation_input_has_the_sides_asked_for_when_padded_or_cut():
    assert make(preparation={"multiple": 32}).preprocess(picture(CLASSES))[0]["x"].shape == (1, 3, 64, 64)
    assert make(window=[16, 20]).preprocess(picture(CLASSES))[0]["x"].shape == (3 * 3, 3, 16, 20)
    assert make(window=[16, 20], stride=[8, 33]).preprocess(picture(CLASSES))[0]["x"].shape == (4 * 2, 3, 16, 20)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "top_left"])
@pytest.mark.parametrize("argmax", [False, True])
def test_segmentation_comes_back_to_the_images_size_when_it_was_resized(resize, argmax):
    preparation = {"size": [80, 120], "resize": resize, "interpolation": "nearest"}
    task = make(preparation=preparation)
    inputs, meta = task.preprocess(picture(BLOCKS))
    scores = scores_of(inputs)
    found = task.postprocess({"out": scores.argmax(axis=1) if argmax else scores}, meta)
    assert found.shape == BLOCKS.shape
    assert (found == BLOCKS).mean() > 0.95


def test_segmentation_enlarges_scores_when_the_network_gives_fewer():
    task = make()
    inputs, meta = task.preprocess(picture(BLOCKS))
    found = task.postprocess({"out": scores_of(inputs)[:, :, ::2, ::2]}, meta)
    assert found.shape == BLOCKS.shape
    assert (found == BLOCKS).mean() > 0.8


def test_segmentation_takes_a_map_with_a_channel_axis_when_the_graph_ends_in_argmax_with_it():
    task = make()
    _, meta = task.preprocess(picture(CLASSES))
    assert np.array_equal(task.postprocess({"out": CLASSES[np.newaxis, np.newaxis].astype(np.int64)}, meta), CLASSES)


def test_segmentation_refuses_a_crop_when_pixels_would_have_no_class():
    task = make(preparation={"size": 16, "resize": "short_side", "short_side": 20})
    inputs, meta = task.preprocess(picture(CLASSES))
    with pytest.raises(InputError, match="short_side crops the image"):
        task.postprocess({"out": scores_of(inputs)}, meta)


def naive(predictions: list[np.ndarray], truths: list[np.ndarray], classes: int) -> dict[str, float]:
    """Pixel by pixel."""
    right, union, same, counted = [0] * classes, [0] * classes, 0, 0
    for predicted, truth in zip(predictions, truths, strict=True):
        for have, want in zip(predicted.ravel().tolist(), truth.ravel().tolist(), strict=True):
            if want == 255:
                continue
            counted += 1
            same += have == want
            for index in range(classes):
                right[index] += have == want == index
                union[index] += index in (have, want)
    each = {str(i): 100 * right[i] / union[i] for i in range(classes) if union[i]}
    return {"miou": sum(each.values()) / len(each), "pixel_accuracy": 100 * same / counted} | {
        f"iou_{name}": value for name, value in each.items()
    }


def test_metric_is_that_of_naive_loops_when_pixels_are_ignored_and_a_class_is_absent():
    random = np.random.default_rng(5)
    truths = [random.choice([0, 1, 3, 255], (9, 11)).astype(np.uint8) for _ in range(3)]
    found = [random.choice([0, 1, 3], (9, 11)).astype(np.uint8) for _ in range(3)]
    task = make()
    packed = [task.to_json(one) for one in found]
    assert task.metric(packed, truths) == pytest.approx(naive(found, truths, 4))
    again = [2, 0, 0]
    chosen = task.metric([packed[i] for i in again], [truths[i] for i in again])
    assert chosen == pytest.approx(naive([found[i] for i in again], [truths[i] for i in again], 4))


def test_metric_reads_a_mask_once_when_it_is_asked_again():
    reads = []

    def read() -> np.ndarray:
        reads.append(1)
        return CLASSES

    task = make()
    packed = task.to_json(CLASSES)
    assert [task.metric([packed, packed], [read, read])["miou"] for _ in range(3)] == [100.0] * 3
    assert len(reads) == 1


def test_prediction_is_what_json_holds_when_packed():
    task = make()
    packed = json.loads(json.dumps(task.to_json(CLASSES)))
    assert task.metric([packed], [CLASSES])["pixel_accuracy"] == 100.0


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (CLASSES, CLASSES[:-1], r"a prediction of \[37, 53\] pixels for a mask of \[36, 53\]"),
        (CLASSES, np.full_like(CLASSES, 9), "class 9 in a mask, and there are 4 classes"),
        (np.full_like(CLASSES, 5), CLASSES, "class 5 in a prediction, and there are 4 classes"),
    ],
)
def test_metric_names_what_does_not_fit_when_maps_differ(predicted, truth, message):
    task = make()
    with pytest.raises(InputError, match=message):
        task.metric([task.to_json(predicted)], [truth])


def test_labels_lie_as_the_input_does_when_the_image_is_padded():
    letterboxed = make(preparation={"size": [40, 60], "resize": "letterbox"})
    small = np.zeros((40, 40), np.uint8)
    found = letterboxed.labels(small)["classes"]
    assert (found.shape, found.dtype) == ((1, 40, 60), np.int64)
    assert (found[0, :, 10:50] == 0).all()
    assert (found[0, :, :10] == 255).all()
    padded = make(preparation={"multiple": 32}).labels(lambda: CLASSES)["classes"]
    assert padded.shape == (1, 64, 64)
    assert np.array_equal(padded[0, :37, :53], CLASSES)
    assert (padded[0, 37:] == 255).all()
    assert make(window=[16, 20]).labels(CLASSES)["classes"].shape == (9, 16, 20)


def test_highest_is_argmax_when_scores_are_equal_too():
    scores = np.random.default_rng(6).integers(0, 3, (7, 20, 30)).astype(np.float32)
    assert np.array_equal(highest(scores), scores.argmax(axis=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": [4, 4]}, "`stride` is that of a `window`"),
        ({"window": [0, 4]}, "`window` must be one pixel at least"),
    ],
)
def test_options_say_what_does_not_go_together_when_read(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_class_names_are_those_of_the_file_when_given(tmp_path):
    (tmp_path / "labels.txt").write_text("road\nside walk\n")
    task = Fixed(Fixed.Options(labels="labels.txt"), tmp_path)
    assert task.class_names == ("road", "side walk")
    with pytest.raises(InputError, match="2 names for 3 classes"):
        _ = Fixed(Fixed.Options(labels="labels.txt", classes=3), tmp_path).class_names
    with pytest.raises(InputError, match="the number of classes is not known; give `classes` or `labels`"):
        _ = Fixed(Fixed.Options(), tmp_path).class_names
