"""Decoders against detectors that are never wrong: what is encoded as their outputs must come out again, whatever else is in there."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.tasks.detection import Decoder
from workbench.tasks.detection.decoders import MAX_CANDIDATES, decode_boxes_and_scores, decode_rows, decode_yolo
from workbench.tasks.preparation import Preparation

BESIDE = {Decoder.PPYOLOE: ("image", "scale_factor"), Decoder.NMS_INSIDE: ("im_shape", "image", "scale_factor")}


@pytest.fixture
def make(make_task):
    """Make a task with the inputs that are usual for its decoder."""
    return lambda decoder, **options: make_task(
        decoder=decoder, **{"inputs": BESIDE.get(decoder, ("images",))} | options
    )


def outputs_of(*rows, classes=3):
    """A YOLO output with these rows: x, y, width, height, objectness, then scores of the classes."""
    return {"output": np.array(rows, np.float32).reshape(1, -1, 5 + classes)}


@pytest.mark.parametrize("resize", ["letterbox", "top_left", "stretch"])
@pytest.mark.parametrize("inputs", [("images",), ("image", "scale_factor")], ids=len)
@pytest.mark.parametrize("decoder", Decoder)
def test_decoder_gives_100_map_when_the_detector_is_perfect(
    make, scenes, encode, official_map, decoder, inputs, resize
):
    task = make(decoder, inputs=inputs, preparation=Preparation(size=(320, 416), resize=resize))
    predictions, truths = [], []
    for image, truth in scenes:
        given, geometry = task.preprocess(image)
        assert tuple(given) == inputs
        outputs = encode(decoder, truth, geometry, in_image_pixels="scale_factor" in inputs)
        predictions.append(task.postprocess(outputs, geometry))
        truths.append(truth)
    assert official_map(predictions, truths) == pytest.approx(100)
    assert task.metric(predictions, truths) == pytest.approx({"mAP": 100, "mAP50": 100})
    assert max(len(rows) for rows in predictions) == max(len(truth["boxes"]) for truth in truths)


@pytest.mark.parametrize("decoder", Decoder)
def test_decoder_is_not_disturbed_when_other_rows_are_broken(make, scenes, encode, decoder):
    """NaN, infinite, without area, ten thousand of them: the detector's own boxes come out as without them."""
    image, truth = scenes[-1]
    task = make(decoder, thresholds="deploy")
    geometry = task.preprocess(image)[1]
    told = "scale_factor" in task.options.inputs
    clean = task.postprocess(encode(decoder, truth, geometry, in_image_pixels=told), geometry)
    broken = task.postprocess(encode(decoder, truth, geometry, in_image_pixels=told, broken=10_000), geometry)
    assert len(clean) == len(truth["boxes"])
    assert broken == clean


@pytest.mark.parametrize("decoder", Decoder)
def test_decoder_gives_no_rows_when_nothing_is_above_the_threshold(make, scenes, encode, decoder):
    image, truth = scenes[-1]
    task = make(decoder, min_score=0.995)
    geometry = task.preprocess(image)[1]
    assert task.postprocess(encode(decoder, truth, geometry, in_image_pixels=False), geometry) == []


def test_yolov5_gives_each_class_above_the_threshold_when_one_box_has_several():
    outputs = outputs_of([20, 20, 10, 10, 0.5, 0.8, 0.2, 0.6])
    found = decode_yolo(outputs, min_score=0.25, multi_label=True)
    assert found.classes.tolist() == [0, 2]
    np.testing.assert_allclose(found.scores, [0.4, 0.3])
    np.testing.assert_allclose(found.boxes, [[15, 15, 25, 25]] * 2)


def test_yolov6_gives_the_likeliest_class_when_one_box_has_several():
    outputs = outputs_of([20, 20, 10, 10, 0.5, 0.8, np.nan, 0.6], [20, 20, 10, 10, 0.5, 0.4, 0.4, 0.4])
    found = decode_yolo(outputs, min_score=0.1, multi_label=False)
    assert found.classes.tolist() == [0, 0]  # of equals the first
    assert found.rows.tolist() == [0, 1]


def test_yolo_takes_the_best_candidates_when_there_are_too_many():
    random = np.random.default_rng(0)
    rows = np.hstack([np.full((20_000, 4), 9.0), np.ones((20_000, 1)), random.uniform(size=(20_000, 3))])
    found = decode_yolo(outputs_of(*rows), min_score=0.01, multi_label=True)
    scores = np.sort(rows[:, 5:].astype(np.float32).ravel())[::-1]
    assert len(found.scores) == MAX_CANDIDATES
    assert found.scores.min() >= scores[MAX_CANDIDATES - 1]


def test_boxes_and_scores_are_told_apart_when_their_order_is_reversed():
    boxes, scores = np.random.default_rng(0).uniform(size=(1, 30, 4)), np.random.default_rng(1).uniform(size=(1, 5, 30))
    first = decode_boxes_and_scores({"a": boxes, "b": scores}, min_score=0.5)
    second = decode_boxes_and_scores({"a": scores, "b": boxes}, min_score=0.5)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert first.scores.tolist() == [scores[0, c, r] for c, r in zip(first.classes, first.rows, strict=True)]


@pytest.mark.parametrize("rows", [np.zeros((0, 6), np.float32), np.array([[-1, 0, 0, 0, 0, 0]], np.float32)], ids=len)
def test_rows_are_none_when_paddle_found_nothing(rows):
    assert len(decode_rows({"rows": rows, "count": np.zeros(1, np.int32)}, min_score=0.0).scores) == 0


@pytest.mark.parametrize(
    ("decode", "wanted"),
    [
        (lambda outputs: decode_yolo(outputs, min_score=0.1, multi_label=True), r"\[1, n, 5 \+ classes\]"),
        (lambda outputs: decode_boxes_and_scores(outputs, min_score=0.1), r"boxes \[1, n, 4\] and scores"),
        (lambda outputs: decode_rows(outputs, min_score=0.1), r"rows \[n, 6\]"),
    ],
)
def test_decoder_names_the_shapes_when_outputs_are_of_another_family(decode, wanted):
    with pytest.raises(InputError, match=rf"decoder: it needs {wanted}.*the model gives y \[1, 9\]"):
        decode({"y": np.zeros((1, 9), np.float32)})
