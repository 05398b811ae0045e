"""From choices to a recipe: what is written passes the checker, and what cannot be chosen says why."""

import pytest
import yaml

from workbench.errors import InputError
from workbench.inspection.notes import Entry, fill_in
from workbench.models.sample import SAMPLES
from workbench.tasks.loader import TASKS
from workbench.ui.recipe_choices import (
    OWN_TASK,
    Choices,
    against_method,
    blanks,
    checked,
    free_name,
    method_titles,
    possible_places,
    sample_task,
    task_part,
    write_new,
)

CPU = (("onnxruntime", "cpu", "fp32"), ("onnxruntime", "cpu", "int8"), ("tensorrt", "gpu", "int8"))


def choices(sample="digits_mobilenet_v1", methods=("static",), places=CPU, name="mine"):
    return Choices(name, {"sample": Entry(sample)}, task_part(sample_task(sample), {}), methods, places)


@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_recipe_is_valid_when_any_sample_and_all_its_methods_are_chosen(tmp_path, sample):
    model, task = {"sample": Entry(sample)}, task_part(sample_task(sample), {})
    methods = tuple(name for name in method_titles() if not against_method(name, model, task))
    assert {"static", "dynamic", "qat"} <= set(methods)
    recipe = checked(choices(sample, methods).text, tmp_path)
    assert [entry.method for entry in recipe.quantize] == list(methods)


def test_recipe_names_each_backend_once_when_it_has_several_precisions():
    assert yaml.safe_load(choices().text)["deploy"] == [
        {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
        {"backend": "tensorrt", "device": "gpu", "precision": ["int8"]},
    ]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (choices(places=()), "`deploy`"),
        (choices(name="a b"), "`name` = 'a b'"),
        (choices(methods=("published",)), ""),
        (
            Choices("x", {"path": fill_in("FILL_IN/m.onnx", "model")}, task_part("classification", {}), (), CPU),
            "line 5: fill in path",
        ),
    ],
)
def test_recipe_is_refused_in_one_line_when_something_is_wrong_with_it(tmp_path, made, said):
    if said:
        with pytest.raises(InputError) as caught:
            checked(made.text, tmp_path)
        assert said in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    else:
        checked(made.text, tmp_path)


@pytest.mark.parametrize("task", [*TASKS, OWN_TASK])
def test_task_has_blanks_for_what_it_needs_when_nothing_is_given(task):
    needed = blanks(task_part(task, {}))
    assert bool(needed) == (
        task in ("classification", "detection", "images", "segmentation", "synthetic", "text", OWN_TASK)
    )


def test_blanks_are_filled_when_paths_are_given(tmp_path):
    task = task_part(OWN_TASK, {})
    made = Choices("x", {"sample": Entry("digits_text")}, task, (), CPU, {blanks(task)[0]: str(tmp_path / "task.py")})
    assert checked(made.text, tmp_path).task.file == tmp_path / "task.py"


def test_methods_say_why_not_when_model_or_task_lack_what_they_need():
    sample, images = {"sample": Entry("digits_mobilenet_v1")}, task_part("images", {})
    assert "needs a published model" in against_method("published", sample, images)
    assert against_method("published", {"zoo": Entry("yolov5s")}, images) == ""
    assert "task images has not" in against_method("qat", sample, images)
    assert "needs a teacher" in against_method("distill_only", sample, images)
    assert against_method("static", sample, images) == ""


def test_places_carry_the_doctors_reason_when_they_are_not_here():
    row = {
        "backend": "openvino",
        "device": "cpu",
        "precision": "int8",
        "status": "unavailable",
        "reason": "not installed",
        "install": "pip install it",
    }
    assert possible_places([row, row | {"precision": "fp32", "status": "ready", "reason": "", "install": ""}]) == {
        ("openvino", "cpu", "fp32"): "",
        ("openvino", "cpu", "int8"): "not installed; pip install it",
    }


def test_writing_overwrites_nothing_when_the_name_is_taken(tmp_path):
    file, folder = write_new(choices().text, tmp_path)
    assert (file, folder) == (tmp_path / "recipes" / "mine.yaml", tmp_path / "mine")
    before = file.read_text()
    with pytest.raises(InputError, match=r"mine\.yaml is there already; give another, such as 'mine-2'"):
        write_new(choices(methods=()).text, tmp_path)
    assert file.read_text() == before
    assert free_name(tmp_path, "mine") == "mine-2"
    (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match="run is there already"):
        write_new(choices(name="run").text, tmp_path)
    with pytest.raises(InputError, match="give another"):
        write_new(choices(name="uploads").text, tmp_path)
