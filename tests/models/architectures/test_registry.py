"""Networks by name: which there are, what inputs they take, and how wrong ones are refused; no runtime is loaded."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from workbench.errors import InputError
from workbench.experiment import RECIPES
from workbench.models.architectures import registry
from workbench.models.architectures.registry import ARCHITECTURES, code_files, find_architecture
from workbench.models.zoo import read_zoo


def test_every_zoo_model_names_a_network_that_exists_when_it_names_one():
    named = {entry.architecture for entry in read_zoo().models.values() if entry.architecture}
    assert named <= set(ARCHITECTURES)
    assert {"yolov5s", "yolov6s", "yolov7", "resnet50_vd", "ppyoloe_l", "pp_liteseg_t", "ernie_base"} <= named


def test_find_architecture_names_the_known_ones_when_there_is_none():
    with pytest.raises(InputError, match=r"architecture 'yolov9': not known; architectures are: .*yolov7"):
        find_architecture("yolov9", {})


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"image": [1, 3, 64, 64]}, "input_shapes names 'image'; its inputs are: images"),
        ({"images": [3, 64, 64]}, r"gives 'images' the shape \[3, 64, 64\]; give 4 axes"),
    ],
)
def test_find_architecture_names_input_and_fix_when_a_shape_does_not_fit(shapes, message):
    with pytest.raises(InputError, match=message):
        find_architecture("yolov5s", shapes)


def test_find_architecture_takes_other_shapes_when_given():
    assert find_architecture("yolov5s", {"images": [1, 3, 64, 96]}).inputs[0].shape == (1, 3, 64, 96)
    small = find_architecture("yolov5s", {}).with_images_within(192)
    assert small.inputs[0].shape == (-1, 3, 192, 192)
    assert find_architecture("ernie_base", {}).with_images_within(192) == ARCHITECTURES["ernie_base"]


def test_missing_tells_what_to_install_when_a_package_is_absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert find_architecture("yolov5s", {}).missing() == ""
    assert "pip install --no-deps paddledet==" in find_architecture("ppyoloe_l", {}).missing()
    assert "pip install --no-deps paddleseg==" in find_architecture("pp_liteseg_t", {}).missing()


def test_packages_are_those_of_the_extra_when_compared_with_the_locks_source():
    pyproject = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert sorted(registry.PACKAGES.values()) == sorted(pyproject["project"]["optional-dependencies"]["networks"])


def test_names_and_shapes_load_no_runtime_when_they_are_read():
    code = "import sys, workbench.models.architectures.registry; print([m for m in ('paddle', 'numpy') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


def test_code_files_hold_every_builder_when_listed():
    files = {path.stem for path in code_files()}
    assert {entry.builder.partition(":")[0] for entry in ARCHITECTURES.values()} <= files


def test_shipped_suite_has_every_network_when_read():
    members = yaml.safe_load((RECIPES / "published_cpu.yaml").read_text())["members"]
    assert {member["model"].get("architecture") for member in members} - {None} == set(ARCHITECTURES)
