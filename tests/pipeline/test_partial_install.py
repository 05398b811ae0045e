"""Where only some of the runtimes are installed, the others go on: their absence is a reason in a row, never a stack trace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench import pipeline

# What Python runs at its start: the modules cannot be found, and their packages are not installed.
HIDING = """
import importlib.metadata
import sys

MODULES, PACKAGES = {modules!r}, {packages!r}


class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Hidden())
found = importlib.metadata.Distribution.from_name.__func__


def from_name(cls, name):
    if name in PACKAGES:
        raise importlib.metadata.PackageNotFoundError(name)
    return found(cls, name)


importlib.metadata.Distribution.from_name = classmethod(from_name)
"""
PACKAGES = {"paddle": "paddlepaddle", "onnxruntime": "onnxruntime", "openvino": "openvino"}


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Hide runtimes from every Python that is started from now on."""

    def hide(*modules: str) -> None:
        folder = tmp_path / "hiding"
        folder.mkdir()
        packages = [PACKAGES[module] for module in modules]
        (folder / "sitecustomize.py").write_text(HIDING.format(modules=modules, packages=packages))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))

    return hide


def test_doctor_names_what_is_missing_when_only_paddle_is_installed(without):
    without("onnxruntime", "openvino")
    done = subprocess.run([sys.executable, "-m", "workbench.cli", "doctor", "--json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {(row["backend"], row["device"], row["precision"]): row for row in json.loads(done.stdout)["matrix"]}
    assert rows["paddle_inference", "cpu", "fp32"]["status"] == "ready"
    for name in ("onnxruntime", "openvino"):
        row = rows[name, "cpu", "int8"]
        assert (row["status"], row["reason"]) == ("unavailable", f"package {name} is not installed")
        assert row["install"].startswith(f"install it with: pip install {name}")
    for (_, device, _), row in rows.items():
        assert device == "cpu" or row["status"] == "unavailable"
        assert "Traceback" not in row["reason"]


@pytest.mark.parametrize(
    ("module", "missing", "others"),
    [("onnxruntime", "onnxruntime", "paddle_inference"), ("paddle", "paddle_inference", "onnxruntime")],
)
def test_deploy_goes_on_with_the_others_when_a_runtime_is_not_installed(copy_of_run, without, module, missing, others):
    without(module)
    cells = pipeline.deploy(copy_of_run.open())["cells"].values()
    by_backend = {
        name: {(cell["status"], cell["reason"]) for cell in cells if cell["cell"]["backend"] == name}
        for name in (missing, others, "tensorrt")
    }
    assert by_backend[others] == {("ok", "")}
    ((status, reason),) = by_backend[missing]
    assert status == "unavailable"
    assert reason.startswith(
        f"package {PACKAGES[module]} is not installed; install it with: pip install {PACKAGES[module]}"
    )
    ((status, reason),) = by_backend["tensorrt"]
    assert status == "unavailable"
    assert "\n" not in reason
