"""Backends of the result table that the workbench cannot run yet: each says truthfully what is missing on this machine."""

import platform
from collections.abc import Mapping
from typing import ClassVar

from workbench.backends.base import Availability, Backend, Session, Settings, missing
from workbench.backends.gpu import gpu_availability
from workbench.errors import UnavailableError
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

GPU_PRECISIONS = frozenset({Precision.FP32, Precision.FP16, Precision.INT8, Precision.INT8_FP16})
NVIDIA_INDEX = "https://pypi.nvidia.com"
PADDLE_INDEX = "https://www.paddlepaddle.org.cn/packages/stable/cu126/"


class PlannedBackend(Backend):
    """A backend that is never ready: when nothing is missing on the machine, the workbench itself is what lacks it."""

    def _availability(self, device: Device) -> Availability:
        found = self._missing()
        return (
            found if not found.ready else Availability(f"this version of the workbench does not run {self.title} yet")
        )

    def _missing(self) -> Availability:
        raise NotImplementedError

    def _open(self, model: Model, settings: Settings) -> Session:
        raise UnavailableError(str(self._availability(settings.device)))


class TensorRT(PlannedBackend):
    """NVIDIA TensorRT."""

    name = "tensorrt"
    title = "TensorRT"
    takes = Format.ENGINE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {Device.GPU: GPU_PRECISIONS}
    packages = ("tensorrt-cu12", "tensorrt", "tensorrt-cu13")

    def _missing(self) -> Availability:
        return gpu_availability(self.packages, f"pip install 'tensorrt-cu12>=10,<11' --extra-index-url {NVIDIA_INDEX}")


class PaddleTensorRT(PlannedBackend):
    """TensorRT under Paddle Inference."""

    name = "paddle_tensorrt"
    title = "Paddle-TensorRT"
    takes = Format.PADDLE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {Device.GPU: GPU_PRECISIONS}
    packages = ("paddlepaddle-gpu",)

    def _missing(self) -> Availability:
        return gpu_availability(self.packages, f"pip install paddlepaddle-gpu==3.0.0 --extra-index-url {PADDLE_INDEX}")


class PaddleLite(PlannedBackend):
    """Paddle Lite on ARM."""

    name = "paddle_lite"
    title = "Paddle Lite"
    takes = Format.ENGINE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.ARM: frozenset({Precision.FP32, Precision.FP16, Precision.INT8}),
    }
    packages = ("paddlelite",)

    def _missing(self) -> Availability:
        if platform.machine() not in ("aarch64", "arm64"):
            return Availability(
                f"this machine is {platform.machine()}, not ARM", "on an ARM machine: pip install paddlelite"
            )
        return (
            missing("paddlelite", "pip install paddlelite") if package_version("paddlelite") is None else Availability()
        )
