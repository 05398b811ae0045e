"""Masks on disk: which one belongs to an image, and what its pixel values mean."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workbench.errors import InputError
from workbench.tasks.image_folder import ENDINGS
from workbench.tasks.segmentation.class_maps import IGNORED, ClassMap
from workbench.tasks.segmentation.png_values import as_grey
from workbench.tasks.text_files import read_text_file

Pair = tuple[Path, Path]
"""An image and its mask."""

CITYSCAPES_CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
CITYSCAPES_IDS = dict(
    zip((7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33), range(19), strict=True)
)
"""Cityscapes' label ids and the classes that count (M. Cordts et al., "The Cityscapes dataset", 2016; cityscapesScripts labels.py)."""
TRAIN_IDS, LABEL_IDS = "_gtFine_labelTrainIds.png", "_gtFine_labelIds.png"


def cityscapes_pairs(root: Path, split: str) -> list[Pair]:
    """The pairs of a Cityscapes split, empty when the tree has no such split: `labelTrainIds` masks, or else `labelIds`."""
    images = root / "leftImg8bit" / split
    if not images.is_dir():
        return []
    masks = root / "gtFine" / split
    ending = TRAIN_IDS if any(masks.glob(f"*/*{TRAIN_IDS}")) else LABEL_IDS
    return folder_pairs(images, masks, image_ending="_leftImg8bit", mask_ending=ending)


def folder_pairs(images: Path, masks: Path, *, image_ending: str, mask_ending: str) -> list[Pair]:
    """Every image of a folder and its sub-folders with the mask of its name. Raises InputError for one without."""
    found = sorted(path for path in images.rglob("*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise InputError(f"images {images}: no image in it; images end in {', '.join(sorted(ENDINGS))}")
    pairs = [
        (path, masks / path.relative_to(images).with_name(path.stem.removesuffix(image_ending) + mask_ending))
        for path in found
    ]
    if lacking := next((pair for pair in pairs if not pair[1].is_file()), None):
        raise InputError(
            f"image {lacking[0]}: its mask {lacking[1]} is not there; see `mask_ending` and `image_ending`"
        )
    return pairs


def listed_pairs(file: Path, folder: Path) -> list[Pair]:
    """The pairs of a list with `image mask` lines, as PaddleSeg's. Raises InputError for a line that is not right."""
    text = read_text_file(file, what="list", fix="give a file with `image mask` in each line")
    pairs = []
    for number, line in enumerate(text.splitlines(), start=1):
        names = line.split("\t") if "\t" in line else line.split()
        if names and len(names) != 2:
            raise InputError(f"list {file}: line {number} is {line.strip()!r}; it must be `image mask`")
        if lacking := next((name for name in names if not (folder / name).is_file()), None):
            raise InputError(f"list {file}: line {number}: no file {folder / lacking}; names are relative to `images`")
        if names:
            pairs.append((folder / names[0], folder / names[1]))
    if not pairs:
        raise InputError(f"list {file}: it is empty; give a file with `image mask` in each line")
    return pairs


def read_mask(path: Path, classes: Mapping[int, int]) -> ClassMap:
    """A mask of one channel, or with a palette, as a class map; `classes` by pixel value, or none where the values are the classes.

    Raises InputError for a file that is no mask.
    """
    import cv2

    data = path.read_bytes()
    grey, factor = as_grey(data)
    values = cv2.imdecode(np.frombuffer(grey, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if values is None:
        raise InputError(f"mask {path}: cannot be read; mend it, or take its image out of the data")
    if values.ndim != 2 or values.max() > IGNORED:
        raise InputError(
            f"mask {path}: it has colours or 16-bit values; a mask has one channel of values up to {IGNORED}"
        )
    stored: ClassMap = values.astype(np.uint8) // np.uint8(factor)
    if not classes:
        return stored
    table = np.full(IGNORED + 1, IGNORED, np.uint8)
    table[list(classes)] = list(classes.values())
    mapped: ClassMap = table[stored]
    return mapped
