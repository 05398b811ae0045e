"""Backends of the result table that the workbench cannot run yet: each says truthfully what is missing on this machine."""

import platform
from collections.abc import Mapping
from typing import ClassVar

from workbench.backends.base import Availability, Backend, Session, Settings, missing
from workbench.errors import UnavailableError
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision


class PaddleLite(Backend):
    """Paddle Lite on ARM: never ready, for when nothing is missing on the machine, the workbench itself is what lacks it."""

    name = "paddle_lite"
    title = "Paddle Lite"
    takes = Format.ENGINE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.ARM: frozenset({Precision.FP32, Precision.FP16, Precision.INT8}),
    }
    packages = ("paddlelite",)

    def _availability(self, device: Device) -> Availability:
        if platform.machine() not in ("aarch64", "arm64"):
            return Availability(
                f"this machine is {platform.machine()}, not ARM", "on an ARM machine: pip install paddlelite"
            )
        if package_version("paddlelite") is None:
            return missing("paddlelite", "pip install paddlelite")
        return Availability(f"this version of the workbench does not run {self.title} yet")

    def _open(self, model: Model, settings: Settings) -> Session:
        raise UnavailableError(str(self._availability(settings.device)))
