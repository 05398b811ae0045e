"""The digits task: its split, its pictures, and its metric."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from workbench.tasks.digits import (
    HELD_OUT_SCANS,
    TRAIN_SCANS,
    DigitsClassification,
    DigitsOptions,
    enlarge,
    load_digits,
    split_digits,
)


def make_task(**options: object) -> DigitsClassification:
    return DigitsClassification(DigitsOptions(**options), Path())


def test_import_stays_light_when_no_sample_is_used():
    code = "import sys, workbench.tasks.digits; sys.exit(bool({'sklearn', 'cv2', 'paddle'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_split_has_the_stated_sizes_when_the_shipped_scans_are_loaded():
    train, held_out = load_digits()
    assert (len(train.labels), len(held_out.labels)) == (TRAIN_SCANS, HELD_OUT_SCANS)
    assert sorted([*train.indices, *held_out.indices]) == list(range(1797))
    assert np.bincount(held_out.labels).tolist() == [36] * 10


def test_scans_are_scikit_learns_when_read_from_its_file():
    from sklearn import datasets  # takes a second, which is why the package does without

    bunch = datasets.load_digits()
    for part in load_digits():
        assert np.array_equal(part.scans, bunch.images[part.indices])
        assert np.array_equal(part.labels, bunch.target[part.indices])


def test_split_is_the_one_the_weights_were_trained_on_when_loaded():
    _, held_out = load_digits()
    digest = hashlib.sha256(np.sort(held_out.indices).astype("<i8").tobytes()).hexdigest()
    assert digest.startswith("c78d8476c47afd42"), (
        "another split would evaluate the shipped network on scans it was trained on"
    )


def test_split_keeps_copies_on_one_side_when_scans_repeat():
    rng = np.random.default_rng(1)
    scans = rng.integers(0, 17, (40, 8, 8)).astype(np.uint8)[np.arange(120) % 40]
    train, held_out = split_digits(scans, np.arange(120) % 10, held_out=10, seed=0)
    contents = [{scan.tobytes() for scan in part.scans} for part in (train, held_out)]
    assert not contents[0] & contents[1]
    assert (len(train.scans), len(held_out.scans)) == (90, 30)


def test_split_differs_when_the_seed_differs():
    train, _ = load_digits()
    parts = [split_digits(train.scans, train.labels, held_out=100, seed=seed)[1] for seed in (0, 0, 1)]
    assert np.array_equal(parts[0].indices, parts[1].indices)
    assert not np.array_equal(parts[0].indices, parts[2].indices)


def test_samples_are_disjoint_by_digest_when_all_are_used():
    task = make_task(calibration_images=TRAIN_SCANS)
    calibration, evaluation = (
        {sample.digest for sample in samples} for samples in (task.calibration(), task.evaluation())
    )
    assert (len(calibration), len(evaluation)) == (TRAIN_SCANS, HELD_OUT_SCANS)
    assert not calibration & evaluation


@pytest.mark.parametrize("calibration_images", [1, 32, 1000, TRAIN_SCANS])
def test_search_samples_are_disjoint_by_digest_when_calibration_grows(calibration_images):
    task = make_task(calibration_images=calibration_images, search_images=TRAIN_SCANS)
    sets = [{sample.digest for sample in samples} for samples in (task.calibration(), task.evaluation(), task.search())]
    assert not sets[2] & (sets[0] | sets[1])
    assert len(task.search()) <= TRAIN_SCANS - calibration_images


def test_search_samples_are_as_many_as_asked_when_there_are_enough():
    assert len(make_task(calibration_images=20, search_images=50).search()) == 50


def test_samples_repeat_and_balance_classes_when_counts_are_given():
    first, second = (make_task(calibration_images=20, evaluation_images=30) for _ in range(2))
    assert [s.key for s in first.calibration()] == [s.key for s in second.calibration()]
    assert np.bincount([s.truth for s in first.calibration()]).tolist() == [2] * 10
    assert np.bincount([s.truth for s in first.evaluation()]).tolist() == [3] * 10


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"calibration_images": 0}, "greater than or equal to 1.*input_value=0"),
        ({"calibration_images": 2000}, "less than or equal to 1437.*input_value=2000"),
        ({"evaluation_images": -3}, "greater than or equal to 1.*input_value=-3"),
        ({"evaluation_images": 361}, "less than or equal to 360.*input_value=361"),
        ({"images": 5}, "Extra inputs are not permitted"),
    ],
)
def test_options_name_value_and_limit_when_they_are_wrong(options, shown):
    with pytest.raises(ValidationError, match=shown):
        DigitsOptions(**options)


def test_decode_gives_a_grey_picture_of_full_range_when_called():
    scan = np.zeros((8, 8), dtype=np.uint8)
    scan[:, 4:] = 16
    picture = enlarge(scan)
    assert (picture.shape, picture.dtype) == ((224, 224, 3), np.uint8)
    assert (picture[:, :84].max(), picture[:, 140:].min()) == (0, 255)
    assert (picture == picture[:, :, :1]).all()
    sample = make_task().evaluation()[0]
    assert np.array_equal(sample.decode(), sample.decode())


def test_preprocess_normalises_to_planes_when_given_a_picture():
    picture = np.zeros((224, 224, 3), dtype=np.uint8)
    picture[:, :, 1] = 255
    picture[5, 7, 2] = 51
    inputs, _ = make_task().preprocess(picture)
    image = inputs["image"]
    assert (image.shape, image.dtype, image.flags.c_contiguous) == ((1, 3, 224, 224), np.float32, True)
    assert (image[0, 0] == -1).all()
    assert np.allclose(image[0, 1], 1)
    assert image[0, 2, 5, 7] == pytest.approx(-0.6)


def test_postprocess_ranks_five_digits_when_given_scores():
    scores = np.array([[0.0, 0.3, 0.05, 0.2, 0.0, 0.25, 0.0, 0.15, 0.04, 0.01]], dtype=np.float32)
    prediction = make_task().postprocess({"any_name": scores}, None)
    assert prediction == [1, 5, 3, 7, 2]
    assert {type(digit) for digit in prediction} == {int}


def test_metric_counts_first_and_five_when_predictions_are_known():
    predictions = [[1, 2, 3, 4, 5], [2, 1, 3, 4, 5], [6, 7, 8, 9, 0], [0, 1, 2, 3, 4]]
    assert make_task().metric(predictions, [1, 1, 1, 0]) == {"top1": 50.0, "top5": 75.0}


def test_metric_refuses_when_a_truth_is_missing():
    with pytest.raises(ValueError, match="shorter"):
        make_task().metric([[1, 2, 3, 4, 5]], [])
