"""Engines that runtimes keep: each GPU and version has its own folder, and what TensorRT refuses is built again."""

from dataclasses import replace

import pytest

from workbench.backends.gpu import kept_engines
from workbench.backends.gpu.kept_engines import engine_folder, with_kept
from workbench.machine import this_machine

A10 = {"name": "A10", "compute_cap": "8.6", "driver_version": "550"}
# What they say (Paddle: tensorrt/engine.cc; ONNX Runtime: tensorrt_execution_provider.cc).
PADDLE = """

FatalError: Building TRT cuda engine failed when deserializing engine info. Please check:
1. Your TRT serialization is generated and loaded on the same GPU architecture;
2. The Paddle Inference version of generating serialization file and doing inference are consistent."""
ONNX_RUNTIME = "[ONNXRuntimeError] : 11 : EP_FAIL : TensorRT EP could not deserialize engine from cache: /x/y.engine"


@pytest.fixture
def folder_of(tmp_path, monkeypatch):
    """The folder of one model's engines on a machine with a GPU and packages."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))

    def folder(gpu=A10, **packages):
        machine = replace(this_machine(), gpus=(gpu,), versions=packages)
        monkeypatch.setattr(kept_engines, "this_machine", lambda: machine)
        return engine_folder("paddle_tensorrt", "model", "int8")

    return folder


@pytest.mark.parametrize("said", [PADDLE, ONNX_RUNTIME])
def test_engines_are_forgotten_and_made_again_when_tensorrt_refuses_them(tmp_path, said):
    engine = tmp_path / "engines" / "old.engine"
    engine.parent.mkdir()
    engine.touch()
    done = []

    def make():
        if engine.exists():
            raise RuntimeError(said)
        done.append("made")
        return "predictor"

    assert with_kept(engine.parent, make, renew=lambda: done.append("renewed")) == "predictor"
    assert done == ["renewed", "made"]
    assert engine.parent.is_dir()


@pytest.mark.parametrize("said", ["out of memory", "no such operator"])
def test_engines_stay_when_something_else_goes_wrong(tmp_path, said):
    (tmp_path / "kept.engine").touch()

    def make():
        raise RuntimeError(said)

    with pytest.raises(RuntimeError, match=said):
        with_kept(tmp_path, make)
    assert (tmp_path / "kept.engine").exists()


def test_fault_passes_when_new_engines_are_refused_too(tmp_path):
    def make():
        raise RuntimeError(ONNX_RUNTIME)

    (tmp_path / "engines").mkdir()
    with pytest.raises(RuntimeError, match="could not deserialize"):
        with_kept(tmp_path / "engines", make)


def test_folder_is_another_when_the_gpu_or_tensorrt_is(folder_of):
    versions = {"tensorrt-cu12": "10.13.3.9", "numpy": "1"}
    folders = [
        folder_of(**versions), folder_of(A10 | {"name": "T4"}, **versions), folder_of(A10 | {"compute_cap": "8.9"}, **versions),
        folder_of(**versions | {"tensorrt-cu12": "10.14.1"}),
    ]  # fmt: skip
    assert len(set(folders)) == 4
    assert all(folder.is_dir() for folder in folders)


def test_folder_is_the_same_when_only_the_driver_and_other_packages_differ(folder_of):
    assert folder_of(**{"tensorrt-cu12": "10"}) == folder_of(
        A10 | {"driver_version": "560"}, **{"tensorrt-cu12": "10", "numpy": "2"}
    )
