"""Detection data in Pascal VOC's format: one xml file an image, and lists of image names (VOC2012 development kit, section 9)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from workbench.errors import InputError
from workbench.tasks.detection.labelled import LabelledImage, require_file

CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike",
    "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp")


def read_voc(given: Path, *, images: Path | None = None, labels: Sequence[str] | None = None) -> list[LabelledImage]:
    """The images of a folder like VOC2007 (all that have annotations), or of a list in its ImageSets/Main; raises InputError.

    `images`: their folder, where it is not JPEGImages. Classes are numbered as in `labels`; default: VOC's twenty, in order of name.
    """
    root, names = _names(given)
    folder = images or root / "JPEGImages"
    return [
        _labelled(root / "Annotations" / f"{name}.xml", folder, CLASSES if labels is None else labels) for name in names
    ]


def _names(given: Path) -> tuple[Path, list[str]]:
    """The folder of the data set, and the names of its images."""
    if given.is_dir():
        names = sorted(path.stem for path in (given / "Annotations").glob("*.xml"))
        if not names:
            raise InputError(
                f"annotations {given}: no Annotations/*.xml in it; give a folder like VOC2007, or a list in it"
            )
        return given, names
    lines = require_file(given, what="annotations").read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    if len(given.parents) < 3 or not (given.parents[2] / "Annotations").is_dir():
        raise InputError(
            f"annotations {given}: no Annotations folder for it; put the list into ImageSets/Main of a folder like VOC2007"
        )
    if not names:
        raise InputError(f"annotations {given}: an empty list; write one image name a line")
    return given.parents[2], names


def _labelled(file: Path, images: Path, labels: Sequence[str]) -> LabelledImage:
    try:
        root = ElementTree.parse(require_file(file, what="annotations")).getroot()
        truth = _truth(root, labels)
    except InputError as error:
        raise InputError(f"annotations {file}: {error}") if str(error).startswith("class ") else error from None
    except (ElementTree.ParseError, UnicodeDecodeError, ValueError) as error:
        raise InputError(f"annotations {file}: not in Pascal VOC's format ({error}); export them again") from None
    image = next((path for ending in ENDINGS if (path := images / f"{file.stem}{ending}").is_file()), None)
    if image is None:
        raise InputError(f"annotations {file}: no image {file.stem}{{{','.join(ENDINGS)}}} in {images}; put it there")
    return LabelledImage(image, truth)


def _truth(root: ElementTree.Element, labels: Sequence[str]) -> dict[str, Any]:
    boxes, difficult = [], []
    for found in root.iter("object"):
        name = _text(found, "name")
        if name not in labels:
            raise InputError(f"class {name!r} is not known; name the classes in task.options.labels")
        x1, y1, x2, y2 = (float(_text(found, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
        # Pixels are counted from 1, and the last one belongs to the box.
        boxes.append([labels.index(name), x1 - 1, y1 - 1, x2, y2])
        difficult.append(int(found.findtext("difficult", "0").strip() or 0))
    size = {side: int(_text(root, f"size/{side}")) for side in ("width", "height")}
    return size | {"boxes": boxes, "difficult": difficult}


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.findtext(path)
    if found is None:
        raise ValueError(f"no {path} in {element.tag}")
    return found.strip()
