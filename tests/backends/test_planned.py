"""Backends that cannot run yet say truthfully what is missing."""

from dataclasses import replace
from pathlib import Path

import pytest

from workbench.backends import gpu, planned
from workbench.backends.base import Settings
from workbench.backends.planned import PlannedBackend
from workbench.backends.registry import BACKENDS
from workbench.errors import UnavailableError
from workbench.machine import this_machine
from workbench.models.model import Manifest, Model
from workbench.records import Device, Precision

PLANNED = {name: backend for name, backend in BACKENDS.items() if isinstance(backend, PlannedBackend)}
PAIRS = [(name, device) for name, backend in PLANNED.items() for device in backend.precisions]
ON_GPU = [name for name, device in PAIRS if device is Device.GPU]


def pretend(monkeypatch: pytest.MonkeyPatch, *, gpus: int, packages: bool, machine: str = "x86_64") -> None:
    """Let the backends see a machine with so many GPUs, and all or none of the packages."""
    fake = replace(this_machine(), gpus=({"name": "T4"},) * gpus)
    monkeypatch.setattr(gpu, "this_machine", lambda: fake)
    for module in (gpu, planned):
        monkeypatch.setattr(module, "package_version", lambda name: "1.0" if packages else None)
    monkeypatch.setattr(planned.platform, "machine", lambda: machine)


@pytest.mark.parametrize(("name", "device"), PAIRS)
def test_availability_is_never_ready_when_asked_on_this_machine(name, device):
    found = PLANNED[name].availability(device)
    assert not found.ready
    assert found.reason
    assert "\n" not in str(found)


@pytest.mark.parametrize(("name", "device"), PAIRS)
def test_availability_gives_an_install_line_when_packages_are_missing(monkeypatch, name, device):
    pretend(monkeypatch, gpus=1, packages=False, machine="aarch64")
    found = PLANNED[name].availability(device)
    assert found.reason == f"package {PLANNED[name].packages[0]} is not installed"
    assert found.install.startswith("install it with: pip install ")


@pytest.mark.parametrize(("name", "device"), PAIRS)
def test_availability_blames_the_workbench_when_nothing_is_missing(monkeypatch, name, device):
    pretend(monkeypatch, gpus=1, packages=True, machine="aarch64")
    found = PLANNED[name].availability(device)
    assert found.reason == f"this version of the workbench does not run {PLANNED[name].title} yet"
    assert found.install == ""


@pytest.mark.parametrize("name", ON_GPU)
def test_availability_names_the_gpu_first_when_there_is_none(monkeypatch, name):
    pretend(monkeypatch, gpus=0, packages=True)
    found = PLANNED[name].availability(Device.GPU)
    assert found.reason == "no NVIDIA GPU with a working driver on this machine"
    assert found.install.startswith("on a machine with one: pip install ")


def test_paddle_lite_names_the_architecture_when_the_machine_is_not_arm(monkeypatch):
    pretend(monkeypatch, gpus=0, packages=True, machine="x86_64")
    found = planned.PaddleLite().availability(Device.ARM)
    assert found.reason == "this machine is x86_64, not ARM"


@pytest.mark.parametrize(("name", "device"), PAIRS)
def test_availability_names_its_devices_when_asked_for_another(name, device):
    other = next(d for d in Device if d not in PLANNED[name].precisions)
    found = PLANNED[name].availability(other)
    assert found.reason == f"{PLANNED[name].title} does not run on {other} here"
    assert str(device) in found.install


@pytest.mark.parametrize(("name", "device"), PAIRS)
def test_open_tells_what_is_missing_when_tried_all_the_same(tmp_path: Path, name, device):
    with Model.build(tmp_path) as draft:
        draft.manifest = Manifest(name="net", format=PLANNED[name].takes, inputs=(), outputs=())
    settings = Settings(device=device, precision=Precision.FP32)
    with pytest.raises(UnavailableError) as caught:
        PLANNED[name].open(draft.model, settings)
    assert str(caught.value) == str(PLANNED[name].availability(device))
