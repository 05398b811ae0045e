"""Examples of a family: the samples that INT8 changes most, and their pictures."""

from types import SimpleNamespace

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.lessons.answered_sentences import answers
from workbench.lessons.class_pictures import differing, show_class_maps
from workbench.lessons.examples import Example, most_changed
from workbench.lessons.first_choices import show_choices
from workbench.lessons.found_boxes import show_boxes
from workbench.records import Precision
from workbench.tasks.digits import DigitsClassification, DigitsOptions
from workbench.tasks.segmentation.class_maps import pack

FP32, INT8 = Precision.FP32, Precision.INT8
PICTURE = np.full((32, 32, 3), 128, np.uint8)


@pytest.fixture
def lesson(tmp_path):
    """A lesson on four digits: INT8 errs in the last two, and FP32 in the first."""
    task = DigitsClassification(DigitsOptions(evaluation_images=4), tmp_path)
    truths = [sample.truth for sample in task.evaluation()]
    right, wrong = ([[(truth + off) % 10] * 5 for truth in truths] for off in (0, 1))
    found = {FP32: [wrong[0], *right[1:]], INT8: [wrong[0], right[1], *wrong[2:]]}
    return SimpleNamespace(task=task, predictions=lambda backend: found if backend == "onnxruntime" else {FP32: []})


def test_most_changed_gives_the_worst_first_when_int8_errs(lesson):
    keys = [sample.key for sample in lesson.task.evaluation()]
    assert [example.key for example in most_changed(lesson, "onnxruntime", 3)] == [keys[2], keys[3], keys[0]]
    worst = most_changed(lesson, "onnxruntime", 1)[0]
    assert (worst.figures[FP32]["top1"], worst.figures[INT8]["top1"]) == (100, 0)
    assert worst.image.shape == (224, 224, 3)


def test_most_changed_names_the_backend_when_int8_was_not_evaluated(lesson):
    with pytest.raises(WorkbenchError, match=r"^backend openvino: no predictions of int8; take a backend that"):
        most_changed(lesson, "openvino", 1)


def test_choices_are_told_in_words_when_shown(lesson, tmp_path):
    examples = most_changed(lesson, "onnxruntime", 3)
    shown = show_choices(examples, backend="onnxruntime", folder=tmp_path).data
    assert "INT8 errs where FP32 does not in 2 of these 3." in shown
    assert f"{examples[0].key}: FP32 says {examples[0].truth}, INT8 says" in shown
    assert (tmp_path / "plots" / "choices.png").stat().st_size > 5000


def test_boxes_are_counted_in_words_when_shown(tmp_path):
    truth = {"width": 32, "height": 32, "boxes": [[1, 2, 2, 12, 12], [0, 16, 16, 30, 30]]}
    found = {
        FP32: [[1, 0.9, 2, 2, 12, 12], [0, 0.8, 15, 16, 30, 29]],
        INT8: [[1, 0.7, 2, 3, 12, 12], [0, 0.1, 15, 16, 30, 29]],
    }
    example = Example("scene_7", PICTURE, truth, found, {FP32: {"mAP": 95.0}, INT8: {"mAP": 45.0}})
    shown = show_boxes([example], classes="ab", backend="openvino", folder=tmp_path).data
    assert "scene_7: 2 there, 2 boxes of FP32, 1 boxes of INT8" in shown
    assert (tmp_path / "plots" / "boxes.png").stat().st_size > 5000


def test_class_maps_tell_the_share_that_differs_when_shown(tmp_path):
    truth = np.zeros((32, 32), np.uint8)
    truth[8:24, 8:16] = 1
    other = truth.copy()
    other[8:16, 8:16] = 0
    figures = {FP32: {"miou": 100.0}, INT8: {"miou": 70.0}}
    example = Example("scene_3", PICTURE, truth, {FP32: pack(truth), INT8: pack(other)}, figures)
    assert differing(example).sum() == 64
    shown = show_class_maps([example], classes=("ground", "a"), backend="openvino", folder=tmp_path).data
    assert "scene_3: 6.25%" in shown
    assert (tmp_path / "plots" / "class_maps.png").stat().st_size > 5000


def test_answers_are_named_when_there_are_pairs_and_single_sentences():
    examples = [
        Example("a", ("one", "two"), 0, {FP32: 0, INT8: 1}, {}),
        Example("b", "alone", 1, {FP32: 1, INT8: 1}, {}),
    ]
    table = answers(examples, classes=("less", "more"))
    assert table.to_dict("list") == {
        "sentences": ["one / two", "alone"], "truth": ["less", "more"], "FP32": ["less", "more"], "INT8": ["more", "more"],
    }  # fmt: skip
