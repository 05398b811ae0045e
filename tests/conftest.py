"""Tiny models, a tiny task, and one finished run of them that many tests share."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from workbench import cli, launch, pipeline
from workbench.models import download
from workbench.models.model import Model
from workbench.pipeline import Experiment, open_experiment

TESTS = Path(__file__).parent
TASK_FILE = TESTS / "assets" / "tiny_task.py"
MEASURE: dict[str, Any] = {
    "warmup": 2, "repeats": 8, "rounds": 2, "block_runs": 4, "block_seconds": 0.0, "discard_runs": 1, "bootstrap": 20,
    "sqnr_images": 4, "timeout_s": 120,
}  # fmt: skip
BACKENDS = [
    {"backend": "paddle_inference", "precision": ["fp32", "int8"]},
    {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
    {"backend": "tensorrt", "device": "gpu", "precision": ["fp32", "int8"]},
]
GPU_PACKAGES = {"tensorrt-cu12": "10.13.3.9", "cuda-bindings": "12.9.4"}
STAGES: tuple[Callable[[Experiment], Any], ...] = (
    pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report,
)  # fmt: skip
WriteRecipe = Callable[..., Path]


RunNative = Callable[..., Any]
# They hold few tests, which take minutes.
FIRST = (TESTS / "notebooks", TESTS / "examples")
# Coverage adds half to the time that a process takes to start. Those of whole runs do again what these tests' processes do.
MEASURED = tuple(TESTS / part for part in ("backends", "lowering", "measure", "models", "quant"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files that take longest first: two run at a time, and one that starts last would end alone."""
    items.sort(key=lambda item: not any(item.path.is_relative_to(folder) for folder in FIRST))


@pytest.fixture(scope="module", autouse=True)
def _coverage_of_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of what the tests of some folders start, only the lines that run in pytest's own process are counted."""
    with pytest.MonkeyPatch.context() as patch:
        if not any(request.path.is_relative_to(folder) for folder in MEASURED):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@dataclass(frozen=True)
class TinyRun:
    """A recipe and the folder of its run."""

    recipe: Path
    folder: Path

    def open(self, **options: Any) -> Experiment:
        """The experiment, as a stage or a notebook opens it."""
        return open_experiment(self.recipe, self.folder, **options)

    def jobs(self, name: str = "") -> dict[Path, dict[str, Any]]:
        """Files and records of the finished jobs whose name starts so."""
        found = {path: json.loads(path.read_text()) for path in sorted((self.folder / "jobs").glob("*.json"))}
        return {path: record for path, record in found.items() if record["name"].startswith(name)}

    def forget(self, *names: str) -> None:
        """Remove the records of all jobs whose name starts so, and what calibration kept: as if they had not been done."""
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        for name in names:
            found = self.jobs(name)
            assert found, f"no job {name}; jobs are: {sorted(r['name'] for r in self.jobs().values())}"
            for path in found:
                path.unlink()

    def moved_to(self, folder: Path) -> "TinyRun":
        """The same run in another folder."""
        shutil.copytree(self.folder, folder)
        return TinyRun(self.recipe, folder)

    def break_task(self, **fault: Any) -> None:
        """Make the task misbehave from now on (see assets/tiny_task.py)."""
        (self.recipe.parent / "fault.json").write_text(json.dumps(fault))


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all models that assets/build_models.py makes; Paddle runs in a process of its own."""
    folder = tmp_path_factory.mktemp("models")
    script = TESTS / "assets" / "build_models.py"
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    made = subprocess.run(
        [sys.executable, script, folder], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def tiny_paddle(tiny_models: Path) -> Path:
    """Folder with tiny.pdmodel and tiny.pdiparams: four classes from "image", 3x16x16, batch of any size."""
    return tiny_models / "tiny"


@pytest.fixture(scope="session")
def tiny_onnx(tiny_models: Path) -> Path:
    """The same network as ONNX."""
    return tiny_models / "onnx" / "tiny.onnx"


@pytest.fixture(scope="session")
def tiny_task_file() -> Path:
    """The python file of the tiny task."""
    return TASK_FILE


@pytest.fixture(scope="session")
def noise_task_file() -> Path:
    """The python file of the task of random input."""
    return TESTS / "assets" / "noise_task.py"


@pytest.fixture(scope="session")
def run_native(tmp_path_factory: pytest.TempPathFactory) -> RunNative:
    """Run a job of assets/native_jobs.py, or another one, in a worker; returns its outcome."""
    logs = tmp_path_factory.mktemp("native")

    def run(function: str, *, progress: launch.Progress | None = None, **arguments: Any) -> launch.Outcome:
        name = function if ":" in function else f"native_jobs:{function}"
        log = logs / f"{len(list(logs.glob('*.log')))}.log"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(TESTS / "assets"))
            return launch.run_job(
                name, json.loads(json.dumps(arguments, default=str)), log=log, timeout_s=120, progress=progress
            )

    return run


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, run_native: RunNative) -> dict[str, Model]:
    """FP32 Models by name: tiny, fixed (batch 1), wide, residual (sums), plain (nothing to quantize), regions (R-CNN), strange (no ONNX), onnx (tiny's)."""
    models = tmp_path_factory.mktemp("imported")
    paths = {name: tiny_models / name for name in ("tiny", "fixed", "wide", "residual", "plain", "regions", "strange")}
    paths["onnx"] = tiny_models / "onnx" / "tiny.onnx"
    outcome = run_native("import_many", sources={name: {"path": path} for name, path in paths.items()}, models=models)
    assert outcome.status == "ok", outcome.reason
    assert not [found for found in outcome.value.values() if found["error"]]
    return {name: Model.open(models / found["value"], verify=True) for name, found in outcome.value.items()}


def recipe_data(model: Path) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "name": "tiny",
        "model": {"path": str(model), "name": "tiny"},
        "task": {"file": str(TASK_FILE)},
        "quantize": [{"method": "static", "algo": "hist"}],
        "deploy": BACKENDS,
        "measure": MEASURE,
    }


@pytest.fixture
def write_recipe(tmp_path: Path, tiny_paddle: Path) -> WriteRecipe:
    """Write the tiny recipe, with some of its top-level keys changed, into `tmp_path`; `measure` is merged."""

    def write(**changes: Any) -> Path:
        data = recipe_data(tiny_paddle) | changes
        data["measure"] = MEASURE | changes.get("measure", {})
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, tiny_paddle: Path) -> TinyRun:
    """All five stages done; read it only: other tests see the same folder."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = folder / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(recipe_data(tiny_paddle)))
    run = TinyRun(recipe, folder / "run")
    experiment = run.open()
    for stage in STAGES:
        stage(experiment)
    return run


@pytest.fixture
def copy_of_run(tmp_path: Path, finished_run: TinyRun) -> TinyRun:
    """A finished run of its own, for a test that changes it."""
    shutil.copytree(finished_run.folder, tmp_path / "run")
    shutil.copy(finished_run.recipe, tmp_path / "tiny.yaml")
    return TinyRun(tmp_path / "tiny.yaml", tmp_path / "run")


@pytest.fixture(scope="session")
def fake_gpu(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give every worker from now on, as long as the monkeypatch lasts, a GPU as assets/fake_gpu plays it; the keywords change what it is like.

    Returns the folder of its nvidia-smi, its gpu.json and the packages that are said to be installed.
    """

    def give(monkeypatch: pytest.MonkeyPatch, **state: object) -> Path:
        folder = tmp_path_factory.mktemp("gpu")
        script = folder / "nvidia-smi"
        script.write_text('#!/bin/sh\necho "A10, 23028 MiB, 550.54.15, 8.6"\n')
        script.chmod(0o755)
        (folder / "gpu.json").write_text(json.dumps(state))
        for name, version in GPU_PACKAGES.items():
            about = folder / f"{name.replace('-', '_')}-{version}.dist-info"
            about.mkdir()
            (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        places = [TESTS / "assets", TESTS / "assets" / "fake_gpu", folder, os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, places)))
        monkeypatch.setenv("WORKBENCH_CACHE", str(folder / "cache"))
        return folder

    return give


@pytest.fixture
def started_workers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The logs' names of the workers that this process starts, in order: what was really done."""
    started: list[str] = []
    start = launch.Worker.__init__

    def spy(self: launch.Worker, function: str, arguments: Any, *, log: Path, threads: int = 1) -> None:
        started.append(log.stem)
        start(self, function, arguments, log=log, threads=threads)

    monkeypatch.setattr(launch.Worker, "__init__", spy)
    return started


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str]]]:
    """Run a `workbench` command in this process; gives its exit code and the lines that it said of what is wrong."""

    def run(*arguments: Any) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err.splitlines()
        return int(ended.value.code or 0), [line for line in said if line.startswith("workbench: ")]

    return run


@pytest.fixture(scope="session")
def archive_server() -> Any:
    """The module assets/archive_server.py."""
    spec = importlib.util.spec_from_file_location("archive_server", TESTS / "assets" / "archive_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def http_server(archive_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A web server of this machine, to which downloads come back at once when it fails."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with archive_server.running() as server:
        yield server


@pytest.fixture
def https_server(archive_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The same over https, its certificate trusted."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(archive_server.CERTIFICATE))
    monkeypatch.setattr(download, "PAUSE_S", 0.0)
    with archive_server.running(https=True) as server:
        yield server
