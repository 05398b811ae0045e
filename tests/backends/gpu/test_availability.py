"""Backends on GPUs say what is missing, a GPU first; nothing is loaded to find out."""

from dataclasses import replace

import pytest

from workbench.backends import onnx_runtime
from workbench.backends.base import Availability
from workbench.backends.gpu import availability
from workbench.backends.gpu.diagnosis import Facts
from workbench.backends.registry import BACKENDS
from workbench.machine import this_machine
from workbench.records import Device

ON_GPU = sorted(name for name, backend in BACKENDS.items() if Device.GPU in backend.precisions)
T4 = {"name": "Tesla T4", "memory.total": "15360 MiB", "driver_version": "550.54.15", "compute_cap": "7.5"}


def pretend(
    monkeypatch: pytest.MonkeyPatch, *, gpu: dict[str, str] | None, packages: dict[str, str], libraries=()
) -> None:
    """Let the backends see one GPU or none, and these packages and libraries."""
    machine = replace(this_machine(), gpus=(gpu,) if gpu else ())
    monkeypatch.setattr(availability, "this_machine", lambda: machine)
    monkeypatch.setattr(availability, "package_version", packages.get)
    monkeypatch.setattr(availability, "installed", lambda: Facts(machine.gpus, packages, frozenset(libraries)))


@pytest.mark.parametrize("name", ON_GPU)
def test_availability_names_the_gpu_first_when_there_is_none(monkeypatch, name):
    pretend(monkeypatch, gpu=None, packages={})
    found = BACKENDS[name].availability(Device.GPU)
    assert found.reason == "no NVIDIA GPU with a working driver on this machine"
    assert found.install.startswith("on a machine with one: pip ")
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("paddle_inference", "paddlepaddle-gpu"),
        ("paddle_tensorrt", "paddlepaddle-gpu"),
        ("onnxruntime", "onnxruntime-gpu"),
        ("tensorrt", "tensorrt-cu12"),
    ],
)
def test_availability_gives_an_install_line_when_the_package_is_missing(monkeypatch, name, package):
    pretend(monkeypatch, gpu=T4, packages={})
    found = BACKENDS[name].availability(Device.GPU)
    assert found.reason == f"package {package} is not installed"
    assert found.install.startswith("install it with: pip ")
    assert package in found.install


def test_availability_names_cuda_python_when_tensorrt_alone_is_installed(monkeypatch):
    pretend(monkeypatch, gpu=T4, packages={"tensorrt-cu12": "10.13.3.9"})
    assert BACKENDS["tensorrt"].availability(Device.GPU).reason == "package cuda-bindings is not installed"


def test_availability_tells_the_cure_when_the_driver_is_too_old(monkeypatch):
    pretend(
        monkeypatch,
        gpu=T4 | {"driver_version": "470.57"},
        packages={"tensorrt-cu12": "10.13.3.9", "cuda-bindings": "12.9.4"},
    )
    found = BACKENDS["tensorrt"].availability(Device.GPU)
    assert found.reason == "driver 470.57 is too old for tensorrt-cu12 10.13.3.9, which is for CUDA 12"
    assert found.install == "update it to 525.60.13 or later"


def test_onnxruntime_is_ready_when_nothing_is_missing_and_its_provider_loads(monkeypatch):
    monkeypatch.setattr(onnx_runtime, "probe_cuda", Availability)
    providers = ("libonnxruntime_providers_cuda.so", "libonnxruntime_providers_tensorrt.so")
    pretend(monkeypatch, gpu=T4, packages={"onnxruntime-gpu": "1.23.2"}, libraries=providers)
    assert BACKENDS["onnxruntime"].availability(Device.GPU).ready


def test_tensorrt_tells_in_one_line_when_it_cannot_be_loaded(monkeypatch):
    """The packages' names are there, and nothing that can be imported: as after a broken install."""
    pretend(monkeypatch, gpu=T4, packages={"tensorrt-cu12": "10.13.3.9", "cuda-bindings": "12.9.4"})
    found = BACKENDS["tensorrt"].availability(Device.GPU)
    assert found.reason.startswith("TensorRT cannot be loaded: ")
    assert "\n" not in str(found)
