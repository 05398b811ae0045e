"""A recipe to start from, of real small models of every family: the guess is right, marked, and the recipe can be read."""

import os
import re

import pytest
import yaml

from workbench.errors import InputError
from workbench.experiment import read_recipe, validate
from workbench.inspection import recipe as module
from workbench.inspection.description import Description
from workbench.inspection.recipe import starting_recipe
from workbench.models.zoo import read_zoo
from workbench.tasks.loader import task_options

PADDLE = {
    "photos": ("classification", {"input": "inputs"}),
    "boxes_with_nms": ("detection", {"decoder": "nms_inside", "inputs": ["image", "scale_factor"]}),
    "boxes_without_nms": ("detection", {"decoder": "ppyoloe", "inputs": ["image", "scale_factor"]}),
    "yolo": ("detection", {"decoder": "yolov5", "inputs": ["images"]}),
    "maps": ("segmentation", {"input": "x", "classes": 4}),
    "picked": ("segmentation", {"input": "x"}),
    "sentences": ("text", {"max_length": 16, "inputs": {"input_ids": "input_ids", "token_type_ids": "token_type_ids"}}),
}
ONNX = {f"{name}.onnx": PADDLE[name] for name in ("photos", "yolo", "maps", "sentences", "boxes_without_nms")}


@pytest.fixture(scope="module")
def networks(run_native, tmp_path_factory):
    """Folder of all networks, and what is read in each (see assets/inspection_nets.py)."""
    folder = tmp_path_factory.mktemp("networks")
    outcome = run_native("inspection_nets:describe_all", folder=folder)
    assert outcome.status == "ok", outcome.reason
    return folder, {name: Description.model_validate(found) for name, found in outcome.value.items()}


@pytest.fixture
def started(networks, monkeypatch, tmp_path):
    """The recipe for one of the networks, read and checked; and its text. What is in the file was read before."""
    folder, described = networks
    monkeypatch.setattr(module, "describe", lambda path, params: described[path.name])

    def start(name):
        text = starting_recipe(str(folder / name), params=None, folder=tmp_path)
        (tmp_path / "recipe.yaml").write_text(text)
        return read_recipe(tmp_path / "recipe.yaml"), text

    return start


@pytest.mark.parametrize("name", [*PADDLE, *ONNX])
def test_starting_recipe_guesses_the_task_when_the_family_is_known(started, name):
    task, expected = (PADDLE | ONNX)[name]
    recipe, text = started(name)
    assert recipe.task.name == task
    assert {key: recipe.task.options[key] for key in expected} == expected
    validate(task_options(task), recipe.task.options, where=name)
    assert recipe.model.path.exists()
    assert [entry.method for entry in recipe.quantize] == ["static"]
    assert [entry.backend for entry in recipe.deploy] == ["paddle_inference", "onnxruntime", "openvino"]
    assert re.search(r"# guess: .+\n  name: ", text)


@pytest.mark.parametrize("name", [*PADDLE, *ONNX])
def test_starting_recipe_marks_every_key_of_the_task_when_written(started, name):
    _, text = started(name)
    lines = text[text.index("task:") : text.index("quantize:")].splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"    [a-z_]+:", line)]
    assert keys
    assert all(re.match(r"    # (guess|fill in|from)", lines[number - 1]) for number in keys)
    filled = [line for line in lines if "FILL_IN" in line]
    assert filled
    assert all("# fill in" in lines[lines.index(line) - 1] for line in filled)


def test_starting_recipe_takes_the_size_of_the_input_when_it_is_fixed(started):
    assert started("yolo")[0].task.options["preparation"] == {"size": [640, 640], "resize": "letterbox"}
    assert started("boxes_with_nms")[0].task.options["preparation"]["size"] == [64, 64]
    assert started("photos")[0].task.options["preparation"]["short_side"] == 37


def test_starting_recipe_believes_the_deploy_file_when_one_lies_beside(started, networks):
    file = networks[0] / "boxes_with_nms" / "infer_cfg.yml"
    file.write_text(
        yaml.safe_dump(
            {"mode": "paddle", "arch": "YOLO", "draw_threshold": 0.5, "label_list": ["a", "b"],
             "Preprocess": [{"type": "Resize", "target_size": [64, 64], "keep_ratio": False, "interp": 2},
                            {"type": "NormalizeImage", "mean": [0, 0, 0], "std": [1, 1, 1], "is_scale": True}, {"type": "Permute"}]}
        )
    )  # fmt: skip
    try:
        recipe, text = started("boxes_with_nms")
    finally:
        file.unlink()
    assert recipe.task.options["preparation"] == {"size": [64, 64], "resize": "stretch", "interpolation": "cubic"}
    assert "infer_cfg.yml\n    preparation:" in text


def test_starting_recipe_asks_for_a_task_file_when_no_family_fits(started, networks, monkeypatch):
    heads = networks[1]["yolo"].model_copy(update={"outputs": networks[1]["yolo"].outputs * 3})
    monkeypatch.setattr(module, "describe", lambda path, params: heads)
    recipe, text = started("yolo")
    assert recipe.task.file.name == "task.py"
    assert "# fill in: a python file with your own Task" in text


def test_starting_recipe_deploys_the_file_as_published_when_it_is_quantized(started, networks, monkeypatch):
    operators = networks[1]["photos"].operators | {"quantize_linear"}
    quantized = networks[1]["photos"].model_copy(update={"operators": operators})
    monkeypatch.setattr(module, "describe", lambda path, params: quantized)
    recipe, text = started("photos")
    (entry,) = recipe.quantize
    assert (entry.method, entry.options["path"]) == ("published", str(networks[0] / "photos"))
    assert "# fill in: the FP32 model that it was quantized from\n  path: FILL_IN/float_model" in text


@pytest.mark.parametrize("name", read_zoo().models)
def test_starting_recipe_states_what_the_zoo_knows_when_it_is_a_zoo_model(name, tmp_path):
    text = starting_recipe(name, params=None, folder=tmp_path)
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.model.zoo == name
    validate(task_options(recipe.task.name), recipe.task.options, where=name)
    assert [entry.method for entry in recipe.quantize] == ["published", "static"]


# The command


def test_inspect_writes_the_recipe_when_a_file_is_given(command, networks, tmp_path, capsys):
    out = tmp_path / "recipe.yaml"
    assert command("inspect", networks[0] / "yolo.onnx", "--out", out) == (0, [])
    assert read_recipe(out).task.name == "detection"


def test_inspect_names_the_model_relative_to_the_recipe_when_it_lies_below(command, networks):
    out = networks[0] / "recipe.yaml"
    assert command("inspect", networks[0] / "maps.onnx", "--out", out)[0] == 0
    assert yaml.safe_load(out.read_text())["model"]["path"] == "maps.onnx"
    assert command("inspect", networks[0] / "maps.onnx", "--out", out) == (
        2, [f"workbench: --out {out}: it is there already; give another file"]
    )  # fmt: skip


def test_inspect_reads_real_files_when_called_twice_in_a_row(networks):
    described = module.describe(networks[0] / "photos", None)
    assert described == networks[1]["photos"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("absent.onnx", "no such file"), ("absent", "no such file or folder"), ("yolov99", "no such file or folder")],
)
def test_inspect_is_refused_when_there_is_no_such_model(command, tmp_path, monkeypatch, name, said):
    monkeypatch.chdir(tmp_path)
    code, (line,) = command("inspect", name)
    assert code == 2
    assert said in line


def test_inspect_is_refused_when_the_file_is_broken(command, tmp_path):
    (tmp_path / "broken.onnx").write_bytes(os.urandom(100))
    code, (line,) = command("inspect", tmp_path / "broken.onnx")
    assert code == 2
    assert "not a readable ONNX model" in line


def test_starting_recipe_raises_input_error_when_params_are_missing(tmp_path):
    (tmp_path / "net.pdmodel").write_bytes(b"x")
    with pytest.raises(InputError, match="its weights"):
        starting_recipe(str(tmp_path / "net.pdmodel"), params=None, folder=tmp_path)
