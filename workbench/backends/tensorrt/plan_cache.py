"""Plans and timing caches on disk: building takes minutes, and a plan is good for one GPU and one TensorRT only."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from workbench.backends.gpu.faults import memory_ran_out, no_memory
from workbench.backends.gpu.kept_engines import kind_of
from workbench.backends.tensorrt.build import Built
from workbench.errors import DeviceError
from workbench.files import content_hash, write_bytes, write_json

logger = logging.getLogger(__name__)
Engine = TypeVar("Engine")


@dataclass(frozen=True)
class PlanKey:
    """All that a plan depends on."""

    model: str
    tensorrt: str
    gpu: Mapping[str, str]
    profile: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the plan's files."""
        return content_hash([self.model, self._place, self.profile, self.options])

    @property
    def timing_name(self) -> str:
        """The name of the timing cache, which all models on a GPU share."""
        return content_hash(self._place)

    @property
    def _place(self) -> list[Any]:
        return [self.tensorrt, kind_of(self.gpu)]


@dataclass(frozen=True)
class Plan:
    """A plan, the names of its inputs and outputs in order, how long it took to build, and whether that was just now."""

    data: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    build_s: float
    fresh: bool = False


class PlanCache:
    """A folder of plans, each with a JSON file beside it that holds its checksum."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: PlanKey) -> Plan | None:
        """A kept plan; None where there is none, or what lies there is not what was written."""
        try:
            about = json.loads(self._about(key).read_text(encoding="utf-8"))
            data = self._plan(key).read_bytes()
            if sha256(data).hexdigest() != about["sha256"]:
                return None
            return Plan(data, tuple(about["inputs"]), tuple(about["outputs"]), float(about["build_s"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, key: PlanKey, built: Built) -> Plan:
        """Keep a new plan and the timing cache that building it left."""
        write_bytes(self._plan(key), built.plan)
        about = {
            "sha256": sha256(built.plan).hexdigest(),
            "inputs": built.inputs,
            "outputs": built.outputs,
            "build_s": built.seconds,
        }
        write_json(
            self._about(key), about | {"tensorrt": key.tensorrt, "gpu": dict(key.gpu), "profile": dict(key.profile)}
        )
        write_bytes(self._timing(key), built.timing_cache)
        return Plan(built.plan, built.inputs, built.outputs, built.seconds, fresh=True)

    def timing_cache(self, key: PlanKey) -> bytes:
        """What earlier builds on this GPU measured; empty where nothing was kept."""
        try:
            return self._timing(key).read_bytes()
        except OSError:
            return b""

    def engine(
        self, key: PlanKey, *, build: Callable[[bytes], Built], load: Callable[[bytes], Engine | None], complaint: Callable[[], str]
    ) -> tuple[Engine, Plan]:  # fmt: skip
        """The engine of a plan, built where none is kept, and built again where the kept one is of another GPU or version.

        `build` takes the timing cache; `load` gives None for a plan that TensorRT refuses, and `complaint` then says why. Raises
        DeviceError when it refuses the new one too, and where memory is what it lacks: another plan would not need less.
        """
        if kept := self.load(key):
            if (engine := load(kept.data)) is not None:
                return engine, kept
            if memory_ran_out(said := complaint()):
                raise _refused(said)
            logger.warning("the kept plan is built again, for TensorRT refuses it: %s", said)
        made = self.keep(key, build(self.timing_cache(key)))
        if (engine := load(made.data)) is None:
            raise _refused(complaint())
        return engine, made

    def _plan(self, key: PlanKey) -> Path:
        return self._folder / f"{key.name}.plan"

    def _about(self, key: PlanKey) -> Path:
        return self._folder / f"{key.name}.json"

    def _timing(self, key: PlanKey) -> Path:
        return self._folder / f"timing-{key.timing_name}.bin"


def _refused(said: str) -> DeviceError:
    if memory_ran_out(said):
        return no_memory(f"while the plan was loaded ({said})")
    return DeviceError(f"TensorRT does not load the plan that it has just built: {said}")
