"""The contract of a backend: is it here, what must a model become for it, and a session that runs it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from workbench.errors import UnsupportedError
from workbench.gpu_generations import lacking
from workbench.machine import Machine, package_version
from workbench.models.model import Format, Model, TensorSpec, matching_inputs
from workbench.records import Device, Precision

Arrays = dict[str, NDArray[Any]]


class BackendOptions(BaseModel):
    """Base of a backend's options, as a recipe writes them. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Settings(BaseModel):
    """How a model is to run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Device = Device.CPU
    precision: Precision = Precision.FP32
    pinned: bool = False
    threads: int = 1
    batch: int = 1
    options: dict[str, Any] = {}


@dataclass(frozen=True)
class Availability:
    """Whether a backend can run here: an empty `reason` is yes; otherwise what is missing, and how to get it."""

    reason: str = ""
    install: str = ""

    @property
    def ready(self) -> bool:
        """True when nothing is missing."""
        return not self.reason

    def __str__(self) -> str:
        return "ready" if self.ready else "; ".join(part for part in (self.reason, self.install) if part)


class Session(ABC):
    """An opened model. Inputs and outputs carry the Model's names; the runtime's own are matched by their order."""

    def __init__(self, model: Model, settings: Settings) -> None:
        self.inputs: tuple[TensorSpec, ...] = model.manifest.inputs
        self.outputs: tuple[TensorSpec, ...] = model.manifest.outputs
        self.settings = settings
        self._last_values: list[NDArray[Any]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, inputs: Arrays) -> Arrays:
        """Run once. Arrays go in and come out by name; raises InputError for a wrong name, dtype or shape."""
        values = matching_inputs(self.inputs, inputs)
        self._last_values = values
        return {spec.name: value for spec, value in zip(self.outputs, self._run(values), strict=True)}

    def parts_ms(self, inputs: Arrays) -> dict[str, float]:
        """One more run with its parts timed apart: `host_to_device`, `inference`, `device_to_host`, in ms; empty where nothing is copied."""
        return {}

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What really runs: the engine, and what `int8_proof.int8_facts` gives, from the optimized graph.

        Time is profiled apart from the session, with the inputs of its last run; without a run there is no time.
        """

    def close(self) -> None:
        """Free what the session holds."""

    @abstractmethod
    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """Run once with checked arrays in the order of `inputs`; outputs in the order of `outputs`."""


class Backend(ABC):
    """One inference runtime. Its module imports the runtime only inside its methods, and only workers call those."""

    name: ClassVar[str]
    title: ClassVar[str]
    Options: ClassVar[type[BackendOptions]] = BackendOptions
    takes: ClassVar[Format]
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]]
    packages: ClassVar[tuple[str, ...]]
    runs_nms: ClassVar[bool] = False
    """Whether a detector that ends in suppression gives the rows that Paddle gives, in their order."""
    pins_memory: ClassVar[bool] = False
    """Whether copies to and from a GPU can go through pinned memory."""

    def availability(self, device: Device) -> Availability:
        """Whether the backend runs on this machine's `device`; loads the runtime, so it is asked in a worker."""
        if device not in self.precisions:
            devices = ", ".join(self.precisions)
            return Availability(f"{self.title} does not run on {device} here", f"use it on: {devices}")
        return self._availability(device)

    def supports(self, precision: Precision, device: Device) -> str:
        """Why the backend cannot run this precision on the device at all; empty when it can."""
        if precision not in self.precisions.get(device, frozenset()):
            return f"{self.title} has no {precision} on {device}"
        return ""

    def lacks(self, precision: Precision, device: Device, machine: Machine) -> str:
        """What a machine lacks for a precision that the backend has; empty when nothing."""
        if precision is Precision.BF16 and device is Device.CPU and not {"avx512_bf16", "amx_bf16"} & set(machine.isa):
            return "this CPU has neither avx512_bf16 nor amx_bf16"
        return lacking(machine.gpus[0], precision) if device is Device.GPU and machine.gpus else ""

    def version(self) -> str:
        """Version of the installed runtime, by its first package that is there; empty when none is."""
        return next((f"{name} {version}" for name in self.packages if (version := package_version(name))), "")

    def prepare_function(self, model: Model, settings: Settings) -> str:
        """The worker job that turns `model` into what `open` takes; empty when it already is that."""
        if model.manifest.format is self.takes:
            return ""
        raise UnsupportedError(f"{self.title} takes {self.takes} models, and {model.label} is {model.manifest.format}")

    def open(self, model: Model, settings: Settings) -> Session:
        """Open a prepared Model; raises UnsupportedError when this runtime cannot run it."""
        if model.manifest.format is not self.takes:
            raise UnsupportedError(
                f"{self.title} takes {self.takes} models, and {model.label} is {model.manifest.format}: prepare it first"
            )
        if settings.precision.is_quantized != (model.manifest.precision == Precision.INT8):
            # Paddle would run a quantized model as fake-quantized FP32 without a word.
            raise UnsupportedError(
                f"{model.label} is a {model.manifest.precision} model; it cannot run as {settings.precision}"
            )
        self._check_batch(model, settings)
        return self._open(model, settings)

    @abstractmethod
    def _availability(self, device: Device) -> Availability: ...

    @abstractmethod
    def _open(self, model: Model, settings: Settings) -> Session: ...

    @staticmethod
    def _check_batch(model: Model, settings: Settings) -> None:
        for spec in model.manifest.inputs:
            if spec.shape and spec.shape[0] not in (-1, settings.batch):
                raise UnsupportedError(
                    f"batch {settings.batch}: input {spec.name!r} of {model.label} is fixed at batch {spec.shape[0]}"
                )


def stack(samples: Sequence[Arrays]) -> Arrays:
    """Join the inputs of samples along the leading axis into one batch."""
    if len(samples) == 1:
        return samples[0]
    return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}


def unstack(outputs: Arrays, samples: Sequence[Arrays]) -> list[Arrays]:
    """Split the outputs of `stack(samples)` into one dictionary a sample, each with that sample's leading axis.

    Raises UnsupportedError when an output's entries are not the samples', such as a detector's rows for all images together.
    """
    if len(samples) == 1:
        return [outputs]
    *ends, total = np.cumsum([len(next(iter(sample.values()))) for sample in samples])
    for name, value in outputs.items():
        if value.shape[:1] != (total,):
            raise UnsupportedError(
                f"batch {len(samples)}: output {name!r} is {list(value.shape)}, which cannot be split into {total} samples; "
                "deploy with batch 1, or cut a detector's suppression off (model.strip_nms)"
            )
    parts = {name: np.split(value, ends) for name, value in outputs.items()}
    return [{name: part[index] for name, part in parts.items()} for index in range(len(samples))]


def model_path(model: Model, name: str) -> str:
    """Absolute path of one of a Model's files, as runtimes want it."""
    return str((model.folder / name).resolve())


def missing(package: str, install: str) -> Availability:
    """The answer of a backend whose package is not installed."""
    return Availability(f"package {package} is not installed", f"install it with: {install}")
