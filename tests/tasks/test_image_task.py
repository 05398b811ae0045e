"""Where tasks on images take their preparation and class names from: the recipe, the deploy file, or what is usual."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.tasks.image_task import ImageTask
from workbench.tasks.loader import load_task, task_spec

REQUIRED: dict[str, dict[str, Any]] = {
    "classification": {"images": "photos"},
    "detection": {"decoder": "yolov5", "evaluation": {"format": "yolo", "images": "images"}},
    "segmentation": {"images": "photos", "masks": "masks"},
}
FILES = {
    "classification": "PreProcess: {transform_ops: [{ResizeImage: {size: 12}}]}",
    "detection": "{Preprocess: [{type: Resize, target_size: 12, keep_ratio: false}], label_list: [cat, dog]}",
    "segmentation": "Deploy: {transforms: [{type: Resize, target_size: [12, 12]}]}",
}
USUAL_SIZE = {"classification": (224, 224), "detection": (640, 640), "segmentation": (30, 40)}


def make(name: str, folder: Path, **options: Any) -> ImageTask:
    return load_task(task_spec(TaskSource(name=name, options=REQUIRED[name] | options), folder))


def input_size(task: ImageTask) -> tuple[int, ...]:
    inputs, _ = task.preprocess(np.zeros((30, 40, 3), np.uint8))
    return tuple(next(iter(inputs.values())).shape[2:])


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_image_is_prepared_by_the_recipe_before_the_deploy_file_before_what_is_usual(name, tmp_path):
    (tmp_path / "deploy").write_text(FILES[name])
    assert input_size(make(name, tmp_path)) == USUAL_SIZE[name]
    assert input_size(make(name, tmp_path, deploy_file="deploy")) == (12, 12)
    stretched = {"size": [8, 16], "resize": "stretch"}
    assert input_size(make(name, tmp_path, deploy_file="deploy", preparation=stretched)) == (8, 16)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_deploy_file_is_refused_when_it_is_of_another_family(name, tmp_path):
    other = next(family for family in FILES if family != name)
    (tmp_path / "deploy").write_text(FILES[other])
    with pytest.raises(InputError, match=f"it is of a {other} model, and the task is {name}"):
        make(name, tmp_path, deploy_file="deploy").preprocess(np.zeros((30, 40, 3), np.uint8))


def test_class_names_are_those_of_the_recipe_before_the_deploy_file_when_both_have_them(tmp_path):
    (tmp_path / "deploy").write_text(FILES["detection"])
    (tmp_path / "labels.txt").write_text("newt\n")
    assert make("detection", tmp_path).label_names == ()
    assert make("detection", tmp_path, deploy_file="deploy").label_names == ("cat", "dog")
    both = make("detection", tmp_path, deploy_file="deploy", labels="labels.txt")
    assert both.label_names == ("newt",)
    assert {path.name for path in both.files()} == {"deploy", "labels.txt"}


def test_labels_are_named_when_their_file_is_empty(tmp_path):
    (tmp_path / "labels.txt").write_text("\n")
    with pytest.raises(InputError, match=r"labels .*labels\.txt: no class name in it; write one a line"):
        _ = make("detection", tmp_path, labels="labels.txt").label_names
