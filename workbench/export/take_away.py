"""A deployed model with all that runs it elsewhere, in one folder."""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, UnsupportedError
from workbench.export.closure import Code, code_of
from workbench.files import file_digest, write_json, write_text
from workbench.models.model import STORED, Model, matching_inputs
from workbench.tasks.base import Task
from workbench.tasks.loader import load_task
from workbench.worker import Channel

PROGRAMS = Path(__file__).parent / "programs"
CHECKED = 2  # samples whose outputs go along
RUNTIMES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "paddle_inference": "paddlepaddle"}
"""The package that network.py needs, by backend."""
CPP = {
    "onnxruntime": {"@HEADER@": "onnxruntime_cxx_api.h", "@LIBRARY@": "onnxruntime"},
    "paddle_inference": {"@HEADER@": "paddle_inference_api.h", "@LIBRARY@": "paddle_inference"},
}
"""What network.cc needs, by backend."""


def export_job(
    channel: Channel, *, backend: str, model: str, settings: dict[str, Any], task: dict[str, Any], out: str
) -> list[str]:
    """Worker job: write the folder `out`, which must not be there yet; returns the names of its files.

    Raises UnsupportedError for a backend without a program, InputError where something is missing or in the way.
    """
    if backend not in RUNTIMES:
        raise UnsupportedError(
            f"export: no program for backend {backend}; there are programs for {', '.join(RUNTIMES)}"
        )
    target = Path(out)
    if target.exists():
        raise InputError(f"--out {target}: it is there already; choose another folder")
    source, wanted = Model.open(Path(model), verify=True), Settings(**settings)
    loaded = load_task(task, source.manifest.left_to_task)
    code = code_of(type(loaded))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        folder = Path(scratch) / "export"
        _copy(
            {name: source.folder / name for name in source.manifest.files if not name.startswith(f"{STORED}/")},
            folder / "model",
        )
        _copy(code.files, folder / "lib")
        _copy_programs(backend, folder)
        runtime = RUNTIMES[backend]
        needed = {*code.requirements(), f"{runtime}=={importlib.metadata.version(runtime)}"}
        write_text(folder / "requirements.txt", "\n".join(sorted(needed)) + "\n")
        found = _write_check(folder / "check", source, loaded, backend=backend, settings=wanted)
        settings_file = _settings(source, wanted, backend) | found | {"task": _task(loaded, code, folder)}
        write_json(folder / "settings.json", settings_file)
        _write_checksums(folder)
        folder.rename(target)
    return sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())


def _copy(files: dict[str, Path], folder: Path) -> None:
    for name, file in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / name)


def _copy_programs(backend: str, folder: Path) -> None:
    _copy({"run.py": PROGRAMS / "run.py", "network.py": PROGRAMS / f"{backend}.py"}, folder)
    if backend in CPP:
        _copy({"network.cc": PROGRAMS / f"{backend}.cc", "tensors.h": PROGRAMS / "tensors.h"}, folder / "cpp")
        text = (PROGRAMS / "CMakeLists.txt").read_text(encoding="utf-8")
        for mark, value in CPP[backend].items():
            text = text.replace(mark, value)
        write_text(folder / "cpp" / "CMakeLists.txt", text)


def _settings(source: Model, settings: Settings, backend: str) -> dict[str, Any]:
    manifest = source.manifest
    return {
        "model": {
            "name": manifest.name,
            "method": manifest.method,
            "variant": manifest.variant,
            "digest": source.digest,
        },
        "backend": backend,
        **settings.model_dump(mode="json", include={"device", "precision", "threads", "options"}),
        "inputs": [spec.model_dump(mode="json") for spec in manifest.inputs],
        "outputs": [spec.model_dump(mode="json") for spec in manifest.outputs],
        "versions": manifest.versions | {RUNTIMES[backend]: importlib.metadata.version(RUNTIMES[backend])},
    }


def _task(task: Task, code: Code, folder: Path) -> dict[str, Any]:
    """How run.py makes the task; the files that it reads are copied, and its options name the copies."""
    read = {file.resolve(): f"files/{number}-{file.name}" for number, file in enumerate(task.files())}
    _copy({name: file for file, name in read.items()}, folder)
    options = {
        key: read.get((task.folder / value).resolve(), value) if isinstance(value, str) else value
        for key, value in task.options.model_dump(mode="json").items()
    }
    return {
        "module": code.module, "class": type(task).__name__, "options": options, "left_to_task": dict(task.left_to_task)
    }  # fmt: skip


def _write_check(folder: Path, source: Model, task: Task, *, backend: str, settings: Settings) -> dict[str, Any]:
    """Inputs of the first samples, and what the workbench's own session makes of them; returns what it found out on the way."""
    with BACKENDS[backend].open(source, settings) as session:
        for number, sample in enumerate(list(task.evaluation())[:CHECKED]):
            inputs, _ = task.preprocess(sample.decode())
            outputs = session.run(inputs)
            _write_tensors(folder / str(number) / "inputs", matching_inputs(session.inputs, inputs))
            _write_tensors(folder / str(number) / "outputs", [outputs[spec.name] for spec in session.outputs])
        # Paddle Inference learns at the first run which operators it cannot run in INT8.
        return {"int8_operators": sorted(getattr(session, "int8_operators", ()))}


def _write_tensors(folder: Path, values: list[NDArray[Any]]) -> None:
    folder.mkdir(parents=True)
    for number, value in enumerate(values):
        np.ascontiguousarray(value).tofile(folder / f"{number}.bin")
        write_text(folder / f"{number}.txt", " ".join([str(value.dtype), *map(str, value.shape)]) + "\n")


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_digest(path)}  {path.relative_to(folder)}\n" for path in files]
    write_text(folder / "SHA256SUMS", "".join(lines))
