"""The backend that cannot run yet says truthfully what is missing."""

from pathlib import Path

import pytest

from workbench.backends import planned
from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import UnavailableError
from workbench.models.model import Manifest, Model
from workbench.records import Device, Precision

LITE = BACKENDS["paddle_lite"]


def pretend(monkeypatch: pytest.MonkeyPatch, *, package: bool, machine: str) -> None:
    monkeypatch.setattr(planned, "package_version", lambda name: "1.0" if package else None)
    monkeypatch.setattr(planned.platform, "machine", lambda: machine)


def test_availability_names_the_architecture_when_the_machine_is_not_arm(monkeypatch):
    pretend(monkeypatch, package=True, machine="x86_64")
    found = LITE.availability(Device.ARM)
    assert found.reason == "this machine is x86_64, not ARM"
    assert found.install == "on an ARM machine: pip install paddlelite"


def test_availability_gives_an_install_line_when_the_package_is_missing(monkeypatch):
    pretend(monkeypatch, package=False, machine="aarch64")
    found = LITE.availability(Device.ARM)
    assert found.reason == "package paddlelite is not installed"
    assert found.install == "install it with: pip install paddlelite"


def test_availability_blames_the_workbench_when_nothing_is_missing(monkeypatch):
    pretend(monkeypatch, package=True, machine="aarch64")
    found = LITE.availability(Device.ARM)
    assert found.reason == "this version of the workbench does not run Paddle Lite yet"
    assert found.install == ""


def test_availability_names_its_devices_when_asked_for_another():
    found = LITE.availability(Device.CPU)
    assert found.reason == "Paddle Lite does not run on cpu here"
    assert "arm" in found.install


def test_open_tells_what_is_missing_when_tried_all_the_same(tmp_path: Path):
    with Model.build(tmp_path) as draft:
        draft.manifest = Manifest(name="net", format=LITE.takes, inputs=(), outputs=())
    with pytest.raises(UnavailableError) as caught:
        LITE.open(draft.model, Settings(device=Device.ARM, precision=Precision.FP32))
    assert str(caught.value) == str(LITE.availability(Device.ARM))
