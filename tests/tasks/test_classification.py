"""Classification of a user's images: lists, class folders, the parts, and the figures against plain counting."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.class_scores import likeliest, top_accuracies
from workbench.tasks.classification import Classification
from workbench.tasks.loader import check_task_job, load_task, task_spec

CLASSES = ("cat", "dog", "newt")


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(seed).integers(0, 256, (20, 24, 3), np.uint8))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Nine images in a folder for each of three classes."""
    for seed in range(9):
        write_image(tmp_path / "photos" / CLASSES[seed % 3] / f"{seed}.png", seed)
    return tmp_path


def make(folder: Path, **options: Any) -> Classification:
    given = {"images": "photos", "calibration_samples": 2} | options
    return load_task(task_spec(TaskSource(name="classification", options=given), folder))


def keys(samples: Any) -> set[str]:
    return {sample.key for sample in samples}


def test_class_folders_are_numbered_in_order_when_there_is_no_list(folders):
    task = make(folders, evaluation_samples=5)
    assert (len(task.calibration()), len(task.evaluation())) == (2, 5)
    assert not keys(task.calibration()) & keys(task.evaluation())
    assert {sample.truth == int(Path(sample.key).stem) % 3 for sample in task.evaluation()} == {True}


def test_class_folders_are_numbered_by_the_labels_when_those_name_them(folders):
    (folders / "labels.txt").write_text("newt\nbird\ndog\ncat\n")
    task = make(folders, labels="labels.txt")
    assert {sample.key: sample.truth for sample in task.evaluation()}.items() <= {
        f"{seed}.png": (3, 2, 0)[seed % 3] for seed in range(9)
    }.items()


def test_list_gives_names_and_labels_when_it_is_imagenets(folders):
    lines = [f"{CLASSES[seed % 3]}/{seed}.png {seed * 100}" for seed in range(4)]
    (folders / "val_list.txt").write_text("\n".join(lines) + "\n\n")
    write_image(folders / "photos" / "with space.png", 77)
    (folders / "train.txt").write_text("with space.png\t7\n")
    task = make(folders, image_list="val_list.txt", training_list="train.txt", calibration_samples=1)
    assert {sample.key: sample.truth for sample in task.evaluation()} == {f"{n}.png": n * 100 for n in range(4)}
    assert [(sample.key, sample.truth) for sample in task.training()] == [("with space.png", 7)]
    assert task.calibration()[0].decode().shape == (20, 24, 3)


def test_parts_share_no_sample_when_all_come_from_one_folder(folders):
    task = make(folders, search_samples=2, training_samples=3)
    parts = [keys(part()) for part in (task.calibration, task.search, task.training, task.evaluation)]
    assert [len(part) for part in parts] == [2, 2, 3, 2]
    assert len(set().union(*parts)) == 9
    spec = task_spec(TaskSource(name="classification", options={"images": "photos", "calibration_samples": 2}), folders)
    assert check_task_job(None, task=spec)["evaluation"] == 7


def test_parts_come_from_the_training_images_when_there_are_such(folders):
    for seed in range(8):
        write_image(folders / "more" / CLASSES[seed % 2] / f"more{seed}.png", 50 + seed)
    task = make(folders, training_images="more", search_samples=3)
    assert len(task.evaluation()) == 9
    assert keys(task.calibration()) <= keys(task.training())
    assert not keys(task.search()) & keys(task.training())
    assert len(task.training()) == 5
    assert all(sample.key.startswith("more") for part in (task.search, task.training) for sample in part())
    few = make(folders, training_images="more", search_samples=3, training_samples=1)
    assert len(few.training()) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("image_list", "a.png one", r"line 1 is 'a.png one'; it must be `name label`, the label a number"),
        ("image_list", "\nalone", r"line 2 is 'alone'; it must be"),
        ("image_list", "none.png 3", r"line 1: no image .*none\.png; names are relative to `images`"),
        ("image_list", "\n", "it is empty"),
        ("image_list", None, "no such file or directory; give a file with `name label`"),
    ],
)
def test_list_is_named_with_its_line_when_it_is_wrong(folders, name, text, message):
    if text is not None:
        (folders / "list.txt").write_text(text)
    with pytest.raises(InputError, match=rf"^list .*list\.txt: {message}"):
        make(folders, **{name: "list.txt"}).evaluation()


def test_folder_is_named_when_it_has_no_images_or_an_unknown_class(folders):
    with pytest.raises(InputError, match=r"images .*nowhere: no folder of images for each class in it"):
        make(folders, images="nowhere").evaluation()
    write_image(folders / "more" / "bird" / "1.png", 70)
    with pytest.raises(InputError, match="bird: no such class among the evaluation images; give `labels` with all"):
        make(folders, training_images="more").training()


def test_digest_differs_when_a_label_of_the_list_does(folders):
    def digest(label: int) -> str:
        lines = [f"{CLASSES[seed % 3]}/{seed}.png {label}" for seed in range(9)]
        (folders / "list.txt").write_text("\n".join(lines))
        options = {"images": "photos", "image_list": "list.txt", "calibration_samples": 2}
        source = TaskSource(name="classification", options=options)
        return str(check_task_job(None, task=task_spec(source, folders))["task_digest"])

    assert digest(1) == digest(1) != digest(2)


def test_image_becomes_imagenets_input_when_nothing_is_said(folders):
    image = np.random.default_rng(1).integers(0, 256, (300, 500, 3), np.uint8)
    inputs, meta = make(folders, input="image").preprocess(image)
    scaled = cv2.resize(image, (427, 256), interpolation=cv2.INTER_LINEAR)[16:240, 101:325]
    expected = (scaled / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(inputs["image"][0].transpose(1, 2, 0), expected, atol=1e-5)
    assert (list(inputs), meta) == (["image"], None)


def test_image_is_prepared_by_deploy_file_and_recipe_when_given(folders):
    (folders / "inference_cls.yaml").write_text("PreProcess: {transform_ops: [{ResizeImage: {size: 8}}]}\n")
    image = np.full((16, 16, 3), 100, np.uint8)
    by_file = make(folders, deploy_file="inference_cls.yaml")
    assert np.array_equal(by_file.preprocess(image)[0]["inputs"], np.full((1, 3, 8, 8), 100, np.float32))
    assert [path.name for path in by_file.files()] == ["inference_cls.yaml"]
    by_recipe = make(folders, deploy_file="inference_cls.yaml", preparation={"scale": 1.0})
    assert by_recipe.preprocess(image)[0]["inputs"].shape == (1, 3, 16, 16)


def test_training_image_is_a_crop_by_chance_alone_when_augmented(folders):
    task = make(folders)
    image = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)
    first, again, other = (task.augment(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)
    assert all(30 <= seen.shape[0] <= 40 and 45 <= seen.shape[1] <= 60 for seen in (first, other))


def test_prediction_is_the_five_likeliest_when_scores_are_given(folders):
    scores = np.array([[0.1, 0.9, 0.2, 0.9, 0.5, 0.3, 0.0]])
    task = make(folders)
    assert task.postprocess({"other": scores, "z": -scores}, None) == [1, 3, 4, 5, 2]
    assert make(folders, output="z").postprocess({"other": scores, "z": -scores}, None)[0] == 6
    assert likeliest(np.array([1.0, 2.0])) == [1, 0]


def test_accuracies_are_those_of_plain_counting_when_computed():
    random = np.random.default_rng(2)
    predictions = [random.permutation(12)[:5].tolist() for _ in range(50)]
    truths = random.integers(0, 12, 50).tolist()
    first = sum(ranked[0] == truth for ranked, truth in zip(predictions, truths, strict=True))
    five = sum(ranked.count(truth) for ranked, truth in zip(predictions, truths, strict=True))
    assert top_accuracies(predictions, truths) == {"top1": 2.0 * first, "top5": 2.0 * five}
