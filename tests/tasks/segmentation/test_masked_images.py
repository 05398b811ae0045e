"""A user's images with masks: Cityscapes trees, folders, lists, palettes."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.loader import check_task_job, load_task, task_spec
from workbench.tasks.segmentation.masked_images import MaskedImages
from workbench.tasks.segmentation.masks import CITYSCAPES_CLASSES, CITYSCAPES_IDS, read_mask

SIZE = (6, 8)


def noise(seed: int, most: int, channels: int = 1) -> np.ndarray:
    found = np.random.default_rng(seed).integers(0, most, (*SIZE, channels), np.uint8)
    return found if channels > 1 else found[:, :, 0]


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def make(folder: Path, **options: Any) -> MaskedImages:
    given = {"images": "images", "classes": 3, "calibration_samples": 1} | options
    return load_task(task_spec(TaskSource(name="segmentation", options=given), folder))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Four images in two sub-folders with masks of three classes and ignored pixels."""
    for seed in range(4):
        write(tmp_path / "images" / f"part{seed % 2}" / f"{seed}_photo.jpg", noise(seed, 256, 3))
        mask = noise(seed, 3)
        mask[0] = 255
        write(tmp_path / "masks" / f"part{seed % 2}" / f"{seed}.png", mask)
    return tmp_path


def cityscapes(folder: Path, split: str, count: int, *, ending: str) -> None:
    for seed in range(count):
        name = f"town/town_{seed:06d}"
        write(folder / "leftImg8bit" / split / f"{name}_leftImg8bit.png", noise(len(split) + seed, 256, 3))
        write(folder / "gtFine" / split / f"{name}_gtFine_{ending}.png", noise(seed, 34))


def test_pairs_are_found_by_name_when_they_lie_in_folders(pairs):
    task = make(pairs, masks="masks", image_ending="_photo")
    samples = [*task.calibration(), *task.evaluation()]
    assert {sample.key for sample in samples} == {f"{seed}_photo.jpg" for seed in range(4)}
    for sample in samples:
        mask = noise(int(sample.key[0]), 3)
        assert np.array_equal(sample.truth()[1:], mask[1:])
        assert (sample.truth()[0] == 255).all()
        assert sample.decode().shape == (*SIZE, 3)


def test_pairs_come_from_a_list_when_it_is_given(pairs):
    lines = ["images/part0/0_photo.jpg masks/part0/0.png", "", "images/part1/1_photo.jpg\tmasks/part1/1.png"]
    (pairs / "val.txt").write_text("\n".join(lines))
    task = make(pairs, images=".", image_list="val.txt")
    assert len([*task.calibration(), *task.evaluation()]) == 2
    assert sorted(path.name for path in task.files()) == ["0.png", "1.png"]


def test_training_pairs_are_calibrated_and_trained_on_when_given(pairs):
    for seed in range(3):
        write(pairs / "more" / f"{seed}.png", noise(90 + seed, 256, 3))
        write(pairs / "more_masks" / f"{seed}.png", noise(seed, 3))
    task = make(pairs, masks="masks", image_ending="_photo", training_images="more", training_masks="more_masks")
    assert (len(task.calibration()), len(task.training()), len(task.evaluation())) == (1, 3, 4)
    assert task.labels(task.training()[0].truth)["classes"].shape == (1, *SIZE)


def test_masks_values_become_classes_when_a_mapping_is_given(pairs):
    task = make(pairs, masks="masks", image_ending="_photo", mask_values={0: 2, 2: 0})
    sample = task.evaluation()[0]
    mask = noise(int(sample.key[0]), 3)[1:]
    assert np.array_equal(sample.truth()[1:], np.choose(mask, [2, 255, 0]))


@pytest.mark.parametrize("ending", ["labelTrainIds", "labelIds"])
def test_cityscapes_is_read_as_it_is_when_downloaded(tmp_path, ending):
    cityscapes(tmp_path, "val", 3, ending=ending)
    cityscapes(tmp_path, "train", 4, ending=ending)
    task = make(tmp_path, layout="cityscapes", images=".", classes=None)
    assert (len(task.calibration()), len(task.training()), len(task.evaluation())) == (1, 4, 3)
    assert task.class_names == CITYSCAPES_CLASSES
    sample = task.evaluation()[0]
    raw = noise(int(sample.key.split("_")[1]), 34)
    expected = np.vectorize(lambda value: CITYSCAPES_IDS.get(value, 255))(raw) if ending == "labelIds" else raw
    assert np.array_equal(sample.truth(), expected)


def test_cityscapes_calibrates_on_val_when_train_is_not_there(tmp_path):
    cityscapes(tmp_path, "val", 3, ending="labelTrainIds")
    task = make(tmp_path, layout="cityscapes", images=".", classes=20)
    assert (len(task.calibration()), len(task.training()), len(task.evaluation())) == (1, 0, 2)
    assert task.class_names == tuple(map(str, range(20)))


def test_cityscapes_ids_are_the_nineteen_classes_when_counted():
    assert sorted(CITYSCAPES_IDS.values()) == list(range(19))
    named = {CITYSCAPES_CLASSES[number]: value for value, number in CITYSCAPES_IDS.items()}
    assert (named["road"], named["person"], named["car"], named["bicycle"]) == (7, 24, 26, 33)


@pytest.mark.parametrize(("mode", "bits"), [("P", 8), ("P", 4), ("P", 2), ("P", 1), ("L", 8), ("1", 1)])
def test_mask_is_the_values_that_its_file_stores_when_it_has_a_palette_or_few_bits(tmp_path, mode, bits):
    values = noise(3, 2**bits if mode == "P" else 2)
    image = Image.fromarray(values if mode != "1" else values.astype(bool))
    if mode == "P":
        image.putpalette(np.random.default_rng(0).integers(0, 4, 3 * 2**bits, np.uint8).tolist())
    image.save(tmp_path / "mask.png", bits=bits)
    assert (tmp_path / "mask.png").read_bytes()[24] == bits
    assert np.array_equal(read_mask(tmp_path / "mask.png", {}), values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"\x89PNG\r\n\x1a\nxx", "cannot be read"),
        ("colours", "it has colours or 16-bit"),
        ("deep", "16-bit"),
    ],
)
def test_mask_is_named_when_it_cannot_be_one(tmp_path, content, message):
    if isinstance(content, bytes):
        (tmp_path / "mask.png").write_bytes(content)
    elif content == "colours":
        write(tmp_path / "mask.png", noise(1, 256, 3))
    else:
        write(tmp_path / "mask.png", noise(1, 3).astype(np.uint16) + 300)
    with pytest.raises(InputError, match=rf"^mask .*mask\.png: .*{message}"):
        read_mask(tmp_path / "mask.png", {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": "masks"}, r"_photo\.jpg: its mask .*_photo\.png is not there; see `mask_ending`"),
        ({"masks": "masks", "images": "none"}, r"images .*none: no image in it"),
        ({"layout": "cityscapes"}, r"images .*images: no leftImg8bit/val in it"),
        ({"image_list": "list.txt"}, r"list .*list\.txt: line 1 is 'a'; it must be `image mask`"),
        ({"image_list": "other.txt"}, r"list .*other\.txt: line 1: no file .*a; names are relative"),
        ({"image_list": "empty.txt"}, r"list .*empty\.txt: it is empty"),
        ({}, "give either a folder of masks or a list"),
        ({"masks": "masks", "training_images": "more"}, "give either a folder of masks or a list"),
        ({"masks": "masks", "layout": "cityscapes"}, "layout cityscapes takes `images` alone"),
    ],
)
def test_data_is_named_when_it_is_wrong(pairs, options, message):
    for name, text in (("list", "a"), ("other", "a b"), ("empty", "\n")):
        (pairs / f"{name}.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        make(pairs, **options).evaluation()


def test_digest_differs_when_a_mask_does(pairs):
    def digest() -> str:
        options = {
            "images": "images",
            "masks": "masks",
            "image_ending": "_photo",
            "classes": 3,
            "calibration_samples": 1,
        }
        source = TaskSource(name="segmentation", options=options)
        return str(check_task_job(None, task=task_spec(source, pairs))["task_digest"])

    first = digest()
    assert digest() == first
    write(pairs / "masks" / "part0" / "0.png", noise(70, 3))
    assert digest() != first


def test_training_image_stays_in_its_place_when_augmented(pairs):
    task = make(pairs, masks="masks", image_ending="_photo")
    image = noise(5, 256, 3)
    first, again, other = (task.augment(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    bright = np.argsort(image[..., 0].ravel())[[0, -1]]
    assert first[..., 0].ravel()[bright[0]] < first[..., 0].ravel()[bright[1]]
