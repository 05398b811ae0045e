"""Folders of unlabelled images, and inputs that are those of FastDeploy's preprocessing, written out here pixel by pixel."""

import cv2
import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.image_folder import INPUT_NAMES, SIDES, Preprocess, read_image
from workbench.tasks.loader import check_task_job, load_task, task_spec

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def photos(tmp_path):
    """Nine different images, one of them in a sub-folder, and a text."""
    random = np.random.default_rng(0)
    (tmp_path / "photos" / "more").mkdir(parents=True)
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    for number in range(9):
        path = tmp_path / "photos" / ("more" if number == 8 else ".") / f"{number}.png"
        assert cv2.imwrite(str(path), random.integers(0, 255, (30 + number, 40, 3), np.uint8))
    return tmp_path / "photos"


def make(folder, preprocess="classification", **options):
    options = {"calibration_folder": "photos", "preprocess": preprocess} | options
    return load_task(task_spec(TaskSource(name="images", options=options), folder.parent))


def keys(samples):
    return {sample.key for sample in samples}


def test_sets_are_disjoint_and_the_same_each_time_when_one_folder_is_given(photos):
    task = make(photos, calibration_images=4, evaluation_images=3)
    calibration, evaluation = keys(task.calibration()), keys(task.evaluation())
    assert (len(calibration), len(evaluation), calibration & evaluation) == (4, 3, set())
    assert keys(make(photos, calibration_images=4).calibration()) == calibration
    assert keys(make(photos, calibration_images=None).calibration()) == {f"{number}.png" for number in range(9)}


def test_evaluation_leaves_out_calibration_images_when_another_folder_repeats_them(photos):
    task = make(photos, calibration_images=4, evaluation_folder="photos")
    assert len(task.evaluation()) == 5


def test_training_has_all_images_but_those_of_evaluation_when_there_is_one_folder(photos):
    task = make(photos, calibration_images=4, evaluation_images=3)
    training, evaluation = keys(task.training()), keys(task.evaluation())
    assert (len(training), len(evaluation), training & evaluation) == (6, 3, set())
    assert keys(task.calibration()) < training


def test_training_leaves_out_images_that_another_folder_repeats_for_evaluation(photos, tmp_path):
    (tmp_path / "others").mkdir()
    calibrated = {sample.key for sample in make(photos, calibration_images=4).calibration()}
    twin = next(file for file in sorted(photos.glob("*.png")) if file.name not in calibrated)
    (tmp_path / "others" / "copy.png").write_bytes(twin.read_bytes())
    task = make(photos, calibration_images=4, evaluation_folder="others")
    assert keys(task.evaluation()) == {"copy.png"}
    assert keys(task.training()) == {f"{number}.png" for number in range(9)} - {twin.name}


def test_task_has_no_metric_when_there_are_no_labels(photos):
    found = check_task_job(None, task=task_spec(TaskSource(name="images", options={"calibration_folder": "photos", "preprocess": "yolo"}), photos.parent))  # fmt: skip
    assert (found["metric"], found["calibration"], found["evaluation"]) == ("", 9, 0)
    assert make(photos).metric([None], [None]) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preprocess": "ppyoloe", "input_list": ["image"]}, "makes 2 inputs, and `input_list` names 1"),
        ({"preprocess": "segmentation", "side": 64}, "leave `side` out"),
        ({"preprocess": "mine"}, "`preprocess` = 'mine'"),
    ],
)
def test_options_are_refused_when_they_do_not_fit(photos, options, said):
    with pytest.raises(InputError, match=said):
        make(photos, **options)


def test_image_is_named_when_it_cannot_be_read(photos):
    (photos / "9.jpg").write_text("not an image")
    with pytest.raises(InputError, match=r"image .*9\.jpg: cannot be read"):
        read_image(photos / "9.jpg")
    with pytest.raises(InputError, match="no such folder"):
        make(photos, calibration_folder="absent").calibration()


def test_image_is_rgb_when_read(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((2, 2, 3), (0, 0, 255), np.uint8))
    assert read_image(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("preprocess", Preprocess)
def test_inputs_have_names_shapes_and_finite_values_when_prepared(photos, preprocess):
    task = make(photos, preprocess=preprocess)
    inputs, meta = task.preprocess(task.calibration()[0].decode())
    assert (tuple(inputs), meta) == (INPUT_NAMES[preprocess], None)
    assert all(v.dtype == np.float32 and v.shape[0] == 1 and np.isfinite(v).all() for v in inputs.values())
    side = SIDES.get(preprocess)
    shape = next(iter(inputs.values())).shape
    assert shape == (1, 3, side, side) if side else shape[:2] == (1, 3)


def test_classification_is_a_centre_crop_of_the_scaled_image_when_prepared(photos):
    image = np.random.default_rng(1).integers(0, 255, (300, 500, 3), np.uint8)
    value = make(photos, input_list=["input"]).preprocess(image)[0]["input"]
    scaled = cv2.resize(image, (round(500 * 256 / 300), 256), interpolation=cv2.INTER_LINEAR)
    left = (scaled.shape[1] - 224) // 2
    expected = (scaled[16:240, left : left + 224] / 255 - MEAN) / STD
    np.testing.assert_allclose(value[0].transpose(1, 2, 0), expected, atol=1e-5)


def test_yolo_lies_top_left_on_grey_when_prepared(photos):
    image = np.full((100, 200, 3), 10, np.uint8)
    value = make(photos, preprocess="yolo").preprocess(image)[0]["images"][0]
    assert value.shape == (3, 640, 640)
    np.testing.assert_allclose(value[:, :320], 10 / 255, atol=1e-6)
    np.testing.assert_allclose(value[:, 320:], 114 / 255, atol=1e-6)


def test_ppyoloe_is_stretched_and_tells_its_scale_when_prepared(photos):
    image = np.full((320, 160, 3), 10, np.uint8)
    inputs = make(photos, preprocess="ppyoloe").preprocess(image)[0]
    np.testing.assert_allclose(inputs["image"][0, :, 5, 5], (10 / 255 - MEAN) / STD, atol=1e-5)
    assert inputs["scale_factor"].tolist() == [[2.0, 4.0]]
    plus = make(photos, preprocess="ppyoloe_plus").preprocess(image)[0]
    np.testing.assert_allclose(plus["image"], 10 / 255, atol=1e-6)


def test_segmentation_keeps_its_size_when_prepared(photos):
    image = np.full((12, 20, 3), 255, np.uint8)
    value = make(photos, preprocess="segmentation").preprocess(image)[0]["x"]
    assert value.shape == (1, 3, 12, 20)
    np.testing.assert_allclose(value, 1.0)


def test_segmentation_training_varies_by_chance_alone_when_augmented(photos):
    image = np.random.default_rng(1).integers(0, 255, (600, 700, 3), np.uint8)
    task = make(photos, preprocess="segmentation_train")
    first, again, other = (task.augment(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == ((512, 1024, 3), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    prepared = task.preprocess(first)[0]["x"]
    np.testing.assert_allclose(prepared[0].transpose(1, 2, 0), first / 127.5 - 1, atol=1e-6)


def test_segmentation_training_calibrates_on_the_middle_when_not_augmented(photos):
    task = make(photos, preprocess="segmentation_train")
    large = np.random.default_rng(1).integers(0, 255, (600, 1200, 3), np.uint8)
    value = task.preprocess(large)[0]["x"]
    assert np.array_equal(value, task.preprocess(large)[0]["x"])
    np.testing.assert_allclose(value[0].transpose(1, 2, 0), large[44:556, 88:1112] / 127.5 - 1, atol=1e-6)
    small = task.preprocess(large[:100, :200])[0]["x"]
    assert small.shape == (1, 3, 512, 1024)
    np.testing.assert_allclose(small[:, :, 100:], 127 / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("preprocess", sorted(set(Preprocess) - {Preprocess.SEGMENTATION_TRAIN}))
def test_image_is_learned_from_as_it_is_when_no_augmentation_belongs_to_it(photos, preprocess):
    image = np.random.default_rng(1).integers(0, 255, (60, 70, 3), np.uint8)
    assert np.array_equal(make(photos, preprocess=preprocess).augment(image, np.random.default_rng(0)), image)
