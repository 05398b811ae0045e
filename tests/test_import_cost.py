"""Importing the package is cheap: runtimes load in workers only."""

import subprocess
import sys

import pytest

import workbench

HEAVY = {
    "matplotlib",
    "onnxruntime",
    "openvino",
    "paddle",
    "paddle2onnx",
    "paddleslim",
    "tensorrt",
    "torch",
    "x2paddle",
}


def loaded_by(code: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize(
    "module",
    ["workbench", "workbench.pipeline", "workbench.backends.registry", "workbench.quant.registry", "workbench.cli"],
)
def test_import_loads_no_runtime_when_a_module_is_imported(module):
    assert not HEAVY & loaded_by(f"import {module}")


def test_import_loads_no_package_when_only_the_top_is_imported():
    assert not {"numpy", "pandas", "pydantic", "yaml", "workbench.pipeline"} & loaded_by("import workbench")


def test_import_of_a_worker_stays_small_when_it_starts():
    assert not {"numpy", "pydantic", "yaml"} & loaded_by("import workbench.worker")


def test_import_of_what_measures_stays_small_when_a_worker_loads_it():
    loaded = loaded_by("import workbench.measure.accuracy, workbench.measure.timer, workbench.backends.probe")
    assert not {"asyncio", "cv2", "pandas", "requests", "sklearn"} & loaded


@pytest.mark.parametrize("name", workbench.__all__)
def test_public_name_resolves_when_used(name):
    assert getattr(workbench, name).__doc__


def test_public_names_load_no_runtime_when_all_are_used():
    assert not HEAVY & loaded_by("from workbench import *")


def test_unknown_name_is_an_attribute_error_when_used():
    with pytest.raises(AttributeError, match="no attribute 'quantise'"):
        _ = workbench.quantise
