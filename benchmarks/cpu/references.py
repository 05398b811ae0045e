"""What ours is compared with: each job makes a Model of what another tool made of the same network.

A Model, so that the package's own sessions open it and its comparison groups time it like any other.
"""

import shutil
import subprocess
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from workbench.models.model import Format, Manifest, Model, matching_inputs
from workbench.tasks.loader import load_task
from workbench.worker import Channel


class Tool(StrEnum):
    """The tools of `other_tools.py`."""

    QUANTIZE_STATIC = "quantize_static"
    NNCF = "nncf"


def as_given_job(channel: Channel, *, onnx_file: str, like: str, models: str) -> dict[str, str]:
    """Worker job: the ONNX file as it is. `like` is the folder of our FP32 Model, whose inputs and outputs it has."""
    with Model.build(Path(models)) as draft:
        shutil.copyfile(onnx_file, draft.folder / "model.onnx")
        draft.manifest = _manifest(like, precision="fp32", method="none", variant="as-given")
    assert draft.model is not None
    return {"digest": draft.model.digest}


def quantize_job(
    channel: Channel, *, tool: str, python: str, onnx_file: str, like: str, task: dict[str, Any], models: str
) -> dict[str, str]:
    """Worker job: INT8 by another tool, on the task's calibration samples; `python` is the one that has the tool."""
    with Model.build(Path(models)) as draft, tempfile.TemporaryDirectory() as scratch:
        inputs = Path(scratch) / "inputs.npz"
        _write_inputs(inputs, onnx_file, like, task)
        made = Path(scratch) / ("model.xml" if tool == Tool.NNCF else "model.onnx")
        script = Path(__file__).with_name("other_tools.py")
        _run([python, str(script), tool, onnx_file, str(inputs), str(made)])
        # OpenVINO tells its own format from ONNX by the content, so the package's session opens an .xml of this name too.
        shutil.copyfile(made, draft.folder / "model.onnx")
        if tool == Tool.NNCF:
            shutil.copyfile(made.with_suffix(".bin"), draft.folder / "model.bin")
        draft.manifest = _manifest(like, precision="int8", method=tool, variant="")
    assert draft.model is not None
    return {"digest": draft.model.digest}


def _run(command: list[str]) -> None:
    """Run a command; raises RuntimeError with its last line, all of which goes to the worker's log."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    print(done.stderr)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise RuntimeError(lines[-1] if lines else f"exit code {done.returncode}")


def _manifest(like: str, *, precision: str, method: str, variant: str) -> Manifest:
    ours = Model.open(Path(like)).manifest
    return Manifest(
        name=ours.name,
        format=Format.ONNX,
        precision=precision,
        method=method,
        variant=variant,
        inputs=ours.inputs,
        outputs=ours.outputs,
    )


def _write_inputs(target: Path, onnx_file: str, like: str, task: dict[str, Any]) -> None:
    """The calibration samples as npz, by the ONNX file's own names, which are matched by their order."""
    import onnx

    graph = onnx.load(onnx_file).graph
    stored = {initializer.name for initializer in graph.initializer}
    names = [value.name for value in graph.input if value.name not in stored]
    loaded, specs = load_task(task), Model.open(Path(like)).manifest.inputs
    arrays = {
        f"{index}/{name}": value
        for index, sample in enumerate(loaded.calibration())
        for name, value in zip(names, matching_inputs(specs, loaded.preprocess(sample.decode())[0]), strict=True)
    }
    np.savez(target, **arrays)
