"""A model that was taken away: it computes what the session did, without the workbench, in Python and in C++."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench import pipeline
from workbench.errors import InputError

BACKENDS = ("onnxruntime", "paddle_inference")
HEADER = "onnxruntime_cxx_api.h"
PLACES = [os.environ.get("ONNXRUNTIME_ROOT", ""), "/usr", "/usr/local"]
ROOT = next((Path(p) for p in PLACES if p and list(Path(p, "include").glob(f"**/{HEADER}"))), None)


@pytest.fixture(scope="module")
def exported(finished_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for backend in BACKENDS:
        pipeline.export(finished_run.folder, folder / backend, backend=backend)
    return folder


def python(*arguments, cwd):
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd)}
    return subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
def test_program_gives_what_the_session_gave_when_it_checks_itself(exported, backend, tmp_path):
    done = python(exported / backend / "run.py", "--check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "largest difference from the workbench's outputs: 0" in done.stdout


def test_check_fails_when_the_outputs_differ(exported, tmp_path):
    copy = shutil.copytree(exported / "onnxruntime", tmp_path / "copy")
    outputs = copy / "check" / "0" / "outputs" / "0.bin"
    (np.fromfile(outputs, np.float32) + np.float32(0.1)).tofile(outputs)
    done = python(copy / "run.py", "--check", cwd=tmp_path)
    assert done.returncode == 1
    assert "0.1" in done.stdout


@pytest.mark.parametrize("backend", BACKENDS)
def test_program_predicts_as_the_run_does_when_it_has_code_of_its_own(exported, finished_run, backend, tmp_path):
    asked = pipeline.predict(finished_run.folder, "3", backend=backend, model="static-hist")
    source = (
        "import runpy, sys, json\n"
        f"sys.argv = ['run.py', '3']; program = runpy.run_path({str(exported / backend / 'run.py')!r}, run_name='__main__')\n"
    )
    shown = (
        "import atexit, json, sys\n"
        "def tell(): print(json.dumps([m.__file__ for n, m in sorted(sys.modules.items()) if n.startswith('workbench')]))\n"
        "atexit.register(tell)\n"
    )
    done = python("-c", shown + source, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert f"3: {asked[0]['text']}" in lines
    files = json.loads(lines[-1])
    assert files
    assert all(Path(file).is_relative_to(exported / backend / "lib") for file in files)


@pytest.mark.parametrize("backend", BACKENDS)
def test_checksums_are_those_of_every_file_when_exported(exported, backend):
    folder = exported / backend
    listed = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    assert {name for name in there if "__pycache__" not in name} == listed.keys()
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_settings_say_what_runs_when_exported(exported):
    settings = json.loads((exported / "onnxruntime" / "settings.json").read_text())
    assert settings["model"]["method"] == "static"
    assert settings["precision"] == "int8"
    assert [spec["name"] for spec in settings["inputs"]] == ["image"]
    needed = (exported / "onnxruntime" / "requirements.txt").read_text()
    assert "onnxruntime==" in needed
    assert "quant-workbench" not in needed


@pytest.mark.skipif(
    ROOT is None,
    reason=f"no {HEADER} here; Debian's libonnxruntime-dev (from trixie on) has it, or set ONNXRUNTIME_ROOT",
)
def test_cpp_program_gives_what_the_session_gave_when_built(exported, tmp_path):
    folder = exported / "onnxruntime"
    for step in (
        ["-S", folder / "cpp", "-B", tmp_path / "build", f"-DRUNTIME={ROOT}"],
        ["--build", tmp_path / "build"],
    ):
        built = subprocess.run(["cmake", *map(str, step)], capture_output=True, text=True, timeout=300, check=False)
        assert built.returncode == 0, built.stderr
    environment = os.environ | {"LD_LIBRARY_PATH": f"{ROOT}/lib"}
    command = [
        tmp_path / "build" / "network",
        folder / "model",
        folder / "check" / "0" / "inputs",
        tmp_path / "out",
        "1",
    ]
    done = subprocess.run(
        [*map(str, command)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "0.bin").read_bytes() == (folder / "check" / "0" / "outputs" / "0.bin").read_bytes()
    assert (tmp_path / "out" / "0.txt").read_text().split() == (
        folder / "check" / "0" / "outputs" / "0.txt"
    ).read_text().split()


def test_export_leaves_a_folder_alone_when_it_is_there(finished_run, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match="it is there already; choose another folder"):
        pipeline.export(finished_run.folder, tmp_path / "mine", backend="onnxruntime")
    assert list(tmp_path.iterdir()) == [tmp_path / "mine"]


def test_export_names_the_choices_when_the_model_is_not_clear(finished_run, tmp_path):
    with pytest.raises(InputError, match=r"no deployed no-such on onnxruntime; .*models are: fp32, static-hist"):
        pipeline.export(finished_run.folder, tmp_path / "out", backend="onnxruntime", model="no-such")
    with pytest.raises(
        InputError, match=r"export: 0 models of onnxruntime fit; choose one of: --model fp32 --precision fp32"
    ):
        pipeline.export(finished_run.folder, tmp_path / "out", backend="onnxruntime", precision="bf16")
    with pytest.raises(InputError, match="no deployed models in it"):
        pipeline.export(tmp_path, tmp_path / "out", backend="onnxruntime")
    assert not (tmp_path / "out").exists()
