"""Looking at results loads no inference runtime."""

import subprocess
import sys

import pytest

import workbench.ui

RUNTIMES = {"onnxruntime", "openvino", "paddle", "paddle2onnx", "paddleslim", "tensorrt", "x2paddle"}


def loaded_by(code):
    command = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("code", ["import workbench.ui.view", "from workbench.ui import *"])
def test_ui_loads_no_runtime_when_it_is_used(code):
    assert not RUNTIMES & loaded_by(code)


@pytest.mark.parametrize("name", workbench.ui.__all__)
def test_view_is_a_function_when_its_module_was_loaded_before(name):
    first = getattr(workbench.ui, name)
    assert first.__doc__
    assert getattr(workbench.ui, name) is first


def test_verdict_loads_no_widgets_when_it_asks_for_callbacks():
    assert "ipywidgets" not in loaded_by("import workbench.pipeline.verdict")


def test_unknown_view_is_an_attribute_error_when_used():
    with pytest.raises(AttributeError, match="no attribute 'explorer_of'"):
        _ = workbench.ui.explorer_of
