"""The environment of the tools that the CPU benchmark compares with, and what they are given."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cpu import other_tools, references
from benchmarks.cpu.contenders import PYTHON

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def pins(name):
    text = (REQUIREMENTS / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("package", ["numpy", "onnx", "onnxruntime", "openvino"])
def test_other_tools_work_with_the_versions_of_the_workbench_when_compared(package):
    assert pins("bench.lock")[package] == pins("cpu.lock")[package]


def test_other_tools_are_no_dependencies_and_report_on_nobody_when_locked():
    assert "nncf" not in pins("cpu.lock")
    assert not [name for name in pins("bench.lock") if "telemetry" in name]


def test_other_tools_get_the_samples_by_input_name_when_names_have_dots(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setitem(other_tools.TOOLS, "nncf", lambda model, samples, out: given.update(samples=samples, out=out))
    np.savez(tmp_path / "inputs.npz", **{f"{i}/input.1": np.full((1, 2), i) for i in (0, 10, 2)})
    other_tools.main("nncf", "model.onnx", str(tmp_path / "inputs.npz"), "model.xml")
    assert [int(sample["input.1"][0, 0]) for sample in given["samples"]] == [0, 2, 10]
    assert given["out"] == "model.xml"


def test_a_tool_that_fails_is_told_by_its_last_line_when_run():
    with pytest.raises(RuntimeError, match="no such tool"):
        references._run([sys.executable, "-c", "raise SystemExit('starting\\nno such tool')"])


def test_tools_are_looked_for_where_make_puts_them_when_installed():
    makefile = (REQUIREMENTS.parent / "Makefile").read_text(encoding="utf-8")
    assert f"{PYTHON.parents[1].name}/.installed: requirements/bench.lock" in makefile
