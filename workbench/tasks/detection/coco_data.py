"""Detection data in COCO's format: one json file with `images`, `annotations` and `categories` (cocodataset.org, "Data format")."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError
from workbench.tasks.detection.labelled import LabelledImage, require_file
from workbench.tasks.detection.masks import RunLengths


def read_coco(
    annotations: Path, images: Path, *, labels: Sequence[str] | None = None, masks: bool = False
) -> list[LabelledImage]:
    """The images of a json file; raises InputError.

    Classes are numbered from 0 in the order of the file's category ids (COCO's ids 1 to 90 thus become 0 to 79), or as `labels`
    names them. `masks`: with the objects' outlines as run lengths.
    """
    data = _read(annotations)
    try:
        classes = _classes(data["categories"], labels, annotations)
        objects: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for found in data["annotations"]:
            objects[found["image_id"]].append(found)
        return [
            LabelledImage(
                require_file(images / image["file_name"], what=f"{annotations.name}: image"),
                _truth(image, objects[image["id"]], classes, masks=masks),
            )
            for image in data["images"]
        ]
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else error
        raise InputError(f"annotations {annotations}: not in COCO's format ({said}); export them again") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(require_file(path, what="annotations").read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"annotations {path}: not valid JSON ({error}); fetch or export them again") from None
    if not isinstance(data, dict):
        raise InputError(
            f"annotations {path}: not in COCO's format (a {type(data).__name__}); give an instances_*.json"
        )
    return data


def _classes(categories: list[dict[str, Any]], labels: Sequence[str] | None, path: Path) -> dict[int, int]:
    """Category id -> class."""
    if labels is None:
        return {number: index for index, number in enumerate(sorted(category["id"] for category in categories))}
    if unknown := [category["name"] for category in categories if category["name"] not in labels]:
        raise InputError(f"annotations {path}: category {unknown[0]!r} is not in task.options.labels; add it there")
    return {category["id"]: labels.index(category["name"]) for category in categories}


def _truth(
    image: dict[str, Any], objects: list[dict[str, Any]], classes: dict[int, int], *, masks: bool
) -> dict[str, Any]:
    height, width = int(image["height"]), int(image["width"])
    boxes = []
    for found in objects:
        x, y, wide, high = map(float, found["bbox"])
        boxes.append([classes[found["category_id"]], x, y, x + wide, y + high])
    if not np.isfinite(np.array(boxes, float)).all():
        raise ValueError(f"a box of image {image['file_name']} is not finite")
    truth = {"width": width, "height": height, "boxes": boxes, "crowd": [int(f.get("iscrowd", 0)) for f in objects]}
    if masks:
        truth["masks"] = [_mask(found["segmentation"], height, width) for found in objects]
    return truth


def _mask(outline: Any, height: int, width: int) -> RunLengths:
    """Polygons, counts or run lengths as run lengths."""
    from pycocotools import mask

    if isinstance(outline, dict) and isinstance(outline["counts"], str):
        return {"size": outline["size"], "counts": outline["counts"]}
    coded = mask.frPyObjects(outline, height, width)
    merged = mask.merge(coded) if isinstance(coded, list) else coded
    return {"size": [height, width], "counts": merged["counts"].decode("ascii")}
