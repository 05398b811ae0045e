"""What the deploy file beside an exported model says: PaddleClas's inference_cls.yaml, PaddleDetection's infer_cfg.yml, PaddleSeg's deploy.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from workbench.errors import InputError
from workbench.tasks.deploy_steps import CLASSIFICATION_STEPS, DETECTION_STEPS, SEGMENTATION_STEPS, follow
from workbench.tasks.labels import read_labels
from workbench.tasks.preparation import Preparation


class Family(StrEnum):
    """Whose deploy file it is, by what the model does."""

    CLASSIFICATION = "classification"
    DETECTION = "detection"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True)
class DeployFile:
    """What a deploy file says. Empty where it says nothing of a thing."""

    family: Family
    preparation: Preparation
    labels: tuple[str, ...] = ()
    arch: str = ""
    """PaddleDetection's name of the architecture, such as YOLO, SSD or RCNN."""
    nms: Mapping[str, Any] = field(default_factory=dict)
    """How the graph, or a program after it, suppresses boxes: PaddleDetection's own keys."""
    masks: bool = False
    """Whether the model gives instance masks."""
    draw_threshold: float | None = None
    """Least score of a box that a program shows."""


def read_deploy_file(path: Path, *, family: Family | None = None) -> DeployFile:
    """Read a deploy file of any of the three projects.

    Raises InputError for a file that cannot be read, that is of another family than the one asked for, or that has a step which is
    not understood.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "not valid YAML"
        raise InputError(f"deploy file {path}: {reason}; give the file that was exported with the model") from None
    readers = {"PreProcess": _classification, "Preprocess": _detection, "Deploy": _segmentation}
    found = [key for key in readers if isinstance(content, dict) and content.get(key)]
    if not found:
        raise InputError(f"deploy file {path}: none of the keys {', '.join(readers)} in it, so it is of no known kind")
    try:
        read = readers[found[0]](content, path)
    except (AttributeError, StopIteration, TypeError):
        raise InputError(f"deploy file {path}: not laid out as such a file is; export the model again") from None
    if family is not None and read.family is not family:
        raise InputError(f"deploy file {path}: it is of a {read.family} model, and the task is {family}")
    return read


def _classification(content: Mapping[str, Any], path: Path) -> DeployFile:
    steps = [next(iter(step.items())) for step in content["PreProcess"].get("transform_ops") or ()]
    preparation = follow([(name, arguments or {}) for name, arguments in steps], CLASSIFICATION_STEPS, path)
    after = content.get("PostProcess") or {}
    named = after.get("class_id_map_file") or (after.get("Topk") or {}).get("class_id_map_file")
    # As exported, the name leads to PaddleClas's own sources; the file itself may lie beside.
    labels = path.parent / Path(named).name if named else None
    return DeployFile(
        Family.CLASSIFICATION, preparation, labels=read_labels(labels) if labels and labels.is_file() else ()
    )


def _detection(content: Mapping[str, Any], path: Path) -> DeployFile:
    preparation = follow([_typed(step) for step in content["Preprocess"]], DETECTION_STEPS, path)
    threshold = content.get("draw_threshold")
    return DeployFile(
        Family.DETECTION,
        preparation,
        labels=tuple(str(label) for label in content.get("label_list") or ()),
        arch=str(content.get("arch") or ""),
        nms=content.get("NMS") or {},
        masks=bool(content.get("mask")),
        draw_threshold=None if threshold is None else float(threshold),
    )


def _segmentation(content: Mapping[str, Any], path: Path) -> DeployFile:
    steps = [_typed(step) for step in content["Deploy"].get("transforms") or ()]
    return DeployFile(Family.SEGMENTATION, follow(steps, SEGMENTATION_STEPS, path))


def _typed(step: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    return str(step.get("type")), {key: value for key, value in step.items() if key != "type"}
