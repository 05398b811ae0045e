"""The task of drawn samples."""

import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import Recipe, TaskSource
from workbench.tasks.loader import check_task_job, load_task, task_spec

DEPLOY = [{"backend": "onnxruntime", "precision": "int8"}]


def make(tmp_path, **options):
    return task_spec(TaskSource(name="synthetic", options=options), tmp_path)


def test_sets_share_no_sample_and_have_no_metric_when_checked(tmp_path):
    found = check_task_job(None, task=make(tmp_path, architecture="mobilenet_v1", calibration_samples=3))
    assert (found["calibration"], found["evaluation"], found["metric"]) == (3, 4, "")


def test_inputs_are_the_networks_own_when_preprocessed(tmp_path):
    task = load_task(
        make(tmp_path, architecture="ernie_base", input_shapes={"input_ids": [1, 8], "token_type_ids": [1, 8]})
    )
    inputs, _ = task.preprocess(task.evaluation()[0].decode())
    assert {name: (value.shape, str(value.dtype)) for name, value in inputs.items()} == {
        "input_ids": ((1, 8), "int64"),
        "token_type_ids": ((1, 8), "int64"),
    }
    again = task.preprocess(task.evaluation()[0].decode())[0]
    assert np.array_equal(inputs["input_ids"], again["input_ids"])
    assert not np.array_equal(inputs["input_ids"], task.preprocess(task.evaluation()[1].decode())[0]["input_ids"])


def test_recipe_takes_the_synthetic_task_when_an_architecture_names_none():
    model = {"architecture": "yolov5s", "input_shapes": {"images": [1, 3, 64, 64]}}
    recipe = Recipe.model_validate({"name": "x", "model": model, "deploy": DEPLOY})
    assert (recipe.task.name, recipe.task.options) == ("synthetic", model)
    assert (recipe.model.weights, recipe.model.label) == ("random", "yolov5s")
    # As written and read back: what was filled in stays.
    assert Recipe.model_validate(recipe.model_dump(mode="json", exclude_defaults=True)) == recipe


def test_recipe_keeps_a_task_of_its_own_when_an_architecture_names_one(tmp_path):
    data = {"name": "x", "model": {"architecture": "yolov5s"}, "task": {"file": "task.py"}, "deploy": DEPLOY}
    assert Recipe.model_validate(data).task.name is None
    data["task"] = {"name": "synthetic", "options": {"evaluation_samples": 1, "architecture": "yolov7"}}
    assert Recipe.model_validate(data).task.options == {"evaluation_samples": 1, "architecture": "yolov7"}


def test_task_names_the_known_networks_when_there_is_none_of_a_name(tmp_path):
    with pytest.raises(InputError, match="architecture 'none': not known"):
        load_task(make(tmp_path, architecture="none")).calibration()


@pytest.mark.parametrize(("name", "nms"), [("yolov7", "outside"), ("ppyoloe_l", "outside"), ("resnet50", "")])
def test_nms_is_outside_when_the_network_is_a_detector(tmp_path, name, nms):
    assert load_task(make(tmp_path, architecture=name)).nms == nms
