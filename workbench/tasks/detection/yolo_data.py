"""Detection data in YOLO's format: images/.../name.jpg beside labels/.../name.txt, with a line `class x y width height` for each box."""

from pathlib import Path

import numpy as np

from workbench.errors import InputError
from workbench.tasks.detection.labelled import LabelledImage, require_file
from workbench.tasks.image_folder import ENDINGS

IMAGES, LABELS = "images", "labels"
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)  # EXIF's tag, and its values for an image that lies on its side


def read_yolo(given: Path, *, labels: Path | None = None) -> list[LabelledImage]:
    """The images of a folder, or of a list file (paths relative to it, one a line), in order; raises InputError.

    `labels`: the folder of their text files; default: the images' folder with its last part `images` replaced by `labels`. An
    image without a text file has no objects, as usual in this format.
    """
    return [_labelled(path, labels) for path in _paths(given)]


def _paths(given: Path) -> list[Path]:
    if given.is_dir():
        paths = sorted(path for path in given.iterdir() if path.suffix.lower() in ENDINGS)
        if not paths:
            raise InputError(f"images {given}: no image in it; images end in {', '.join(sorted(ENDINGS))}")
        return paths
    lines = require_file(given, what="images").read_text(encoding="utf-8").splitlines()
    paths = [given.parent / line.strip() for line in lines if line.strip()]
    if not paths:
        raise InputError(f"images {given}: an empty list; write one path a line")
    return [require_file(path, what=f"{given.name}: image") for path in paths]


def _labelled(image: Path, labels: Path | None) -> LabelledImage:
    width, height = _size(image)
    file = (labels or _labels_folder(image)) / f"{image.stem}.txt"
    boxes = _boxes(file, width, height) if file.is_file() else []
    return LabelledImage(image, {"width": width, "height": height, "boxes": boxes})


def _labels_folder(image: Path) -> Path:
    parts = image.parent.parts
    if IMAGES not in parts:
        raise InputError(
            f"image {image}: no folder {IMAGES!r} above it, so its labels cannot be found; name their folder in `annotations`"
        )
    last = len(parts) - 1 - parts[::-1].index(IMAGES)
    folder = Path(*parts[:last], LABELS, *parts[last + 1 :])
    if not folder.is_dir():
        raise InputError(f"image {image}: no folder {folder} for its labels; make it, or name theirs in `annotations`")
    return folder


def _boxes(file: Path, width: int, height: int) -> list[list[float]]:
    try:
        rows = np.array([line.split() for line in file.read_text().splitlines() if line.strip()], float).reshape(-1, 5)
    except (ValueError, UnicodeDecodeError):
        rows = np.full((1, 5), np.nan)
    if not np.isfinite(rows).all() or (rows[:, 0] % 1 != 0).any() or (rows < 0).any() or (rows[:, 1:] > 1).any():
        raise InputError(
            f"labels {file}: a line is not 'class x y width height' with shares of the image's sides; mend the line"
        )
    halves, scale = rows[:, 3:] / 2, np.array([width, height] * 2)
    corners = np.hstack([rows[:, 1:3] - halves, rows[:, 1:3] + halves]) * scale
    return [[int(label), *box] for label, box in zip(rows[:, 0], corners.tolist(), strict=True)]


def _size(image: Path) -> tuple[int, int]:
    """Width and height, from the file's head alone, as the image is turned when it is shown."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(image) as opened:
            width, height = opened.size
            turned = opened.getexif().get(ORIENTATION, 1) in SIDEWAYS
    except (UnidentifiedImageError, OSError):
        raise InputError(f"image {image}: cannot be read; take it out of the data or mend it") from None
    return (height, width) if turned else (width, height)
