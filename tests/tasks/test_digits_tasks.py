"""The shipped tasks with generated samples: disjoint parts, and a perfect prediction scores 100."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.tasks.digits_detection import DigitsDetection, DigitsDetectionOptions
from workbench.tasks.digits_scenes import SCENE_SIZE
from workbench.tasks.digits_segmentation import DigitsSegmentation, DigitsSegmentationOptions
from workbench.tasks.digits_text import DigitsText, DigitsTextOptions
from workbench.tasks.loader import check_task_job, load_task

FEW = {"calibration_samples": 4, "evaluation_samples": 5, "search_samples": 3, "training_samples": 6}
NAMES = ("digits_detection", "digits_segmentation", "digits_text")


def spec(name: str, tmp_path, **options: object) -> dict[str, object]:
    return {"source": {"name": name, "file": None, "options": FEW | options}, "folder": str(tmp_path)}


@pytest.mark.parametrize("name", NAMES)
def test_parts_have_the_sizes_asked_for_and_share_nothing_when_checked(name, tmp_path):
    found = check_task_job(None, task=spec(name, tmp_path))
    assert {part: found[part] for part in ("calibration", "evaluation", "search", "training")} == {
        "calibration": 4, "evaluation": 5, "search": 3, "training": 6,
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_the_same_when_the_task_is_loaded_again(name, tmp_path):
    first, second = (
        [(sample.key, sample.digest) for sample in load_task(spec(name, tmp_path)).evaluation()] for _ in range(2)
    )
    assert first == second
    assert len({digest for _, digest in first}) == 5


@pytest.mark.parametrize("name", NAMES)
def test_options_are_refused_when_there_are_no_samples(name, tmp_path):
    with pytest.raises(InputError, match=r"`evaluation_samples` = 0: input should be greater than or equal to 1"):
        load_task(spec(name, tmp_path, evaluation_samples=0))


def test_detection_scores_100_when_the_outputs_hold_the_truth(tmp_path):
    task = DigitsDetection(DigitsDetectionOptions(**FEW), tmp_path)
    samples = task.evaluation()
    predictions = []
    for sample in samples:
        inputs, meta = task.preprocess(sample.decode())
        assert inputs["image"].shape == (1, 3, SCENE_SIZE, SCENE_SIZE)
        assert -1 <= inputs["image"].min() < inputs["image"].max() <= 1
        rows = np.array(sample.truth["boxes"], np.float32)
        scores = np.zeros((1, 10, len(rows)), np.float32)
        scores[0, rows[:, 0].astype(int), np.arange(len(rows))] = 0.9
        predictions.append(task.postprocess({"a": rows[np.newaxis, :, 1:], "b": scores}, meta))
    assert task.metric(predictions, [sample.truth for sample in samples]) == {"mAP": 100.0, "mAP50": 100.0}


def test_segmentation_scores_100_when_the_logits_hold_the_truth(tmp_path):
    task = DigitsSegmentation(DigitsSegmentationOptions(**FEW), tmp_path)
    samples = task.evaluation()
    predictions = []
    for sample in samples:
        inputs, meta = task.preprocess(sample.decode())
        assert inputs["image"].shape == (1, 3, SCENE_SIZE, SCENE_SIZE)
        logits = np.eye(2, dtype=np.float32)[sample.truth].transpose(2, 0, 1)[np.newaxis]
        predictions.append(task.to_json(task.postprocess({"any": logits}, meta)))
    figures = task.metric(predictions, [sample.truth for sample in samples])
    assert (figures["miou"], figures["pixel_accuracy"], figures["iou_ink"]) == (100, 100, 100)


def test_text_scores_100_when_the_logits_hold_the_truth(tmp_path):
    task = DigitsText(DigitsTextOptions(**FEW), tmp_path)
    samples = task.evaluation()
    inputs, meta = task.preprocess(samples[0].decode())
    assert {name: (value.shape, value.dtype) for name, value in inputs.items()} == {
        name: ((1, 24), np.int64) for name in ("input_ids", "token_type_ids")
    }
    first, second = samples[0].decode()
    words = len(f"{first} {second}".split())
    assert (inputs["input_ids"] > 3).sum() == words
    assert inputs["token_type_ids"].sum() == len(second.split()) + 1
    logits = [np.eye(3, dtype=np.float32)[[sample.truth]] for sample in samples]
    predictions = [task.postprocess({"any": one}, meta) for one in logits]
    assert task.metric(predictions, [sample.truth for sample in samples]) == {"accuracy": 100.0}


def test_text_reads_the_users_vocabulary_when_one_is_given(tmp_path):
    (tmp_path / "mine.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "has"]) + "\n")
    task = DigitsText(DigitsTextOptions(vocabulary="mine.txt", **FEW), tmp_path)
    assert task.files() == [tmp_path / "mine.txt"]
    assert set(task.preprocess(("anna has two", "ben has one"))[0]["input_ids"].ravel()) == {0, 1, 2, 3, 4}
