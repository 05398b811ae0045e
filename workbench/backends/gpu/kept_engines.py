"""Folders in which a runtime keeps TensorRT's engines by itself, as Paddle and ONNX Runtime do, each good for one GPU and one TensorRT."""

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from workbench.cache import cache_folder
from workbench.files import content_hash
from workbench.machine import this_machine

logger = logging.getLogger(__name__)
Made = TypeVar("Made")
# Paddle: "... failed when deserializing engine info"; ONNX Runtime: "TensorRT EP could not deserialize engine from cache".
REFUSED = re.compile(r"deserializ\w+ engine", re.IGNORECASE)


def kind_of(gpu: Mapping[str, str]) -> list[str]:
    """What an engine depends on of a GPU as the fingerprint has it."""
    return [gpu.get(name, "") for name in ("name", "compute_cap")]


def engine_folder(backend: str, *parts: Any) -> Path:
    """The folder, made where there is none, for engines of all `parts` on this machine's GPU by the TensorRT that is installed."""
    machine = this_machine()
    tensorrt = {name: version for name, version in machine.versions.items() if name.startswith("tensorrt")}
    folder = cache_folder() / backend / content_hash([*parts, tensorrt, [kind_of(gpu) for gpu in machine.gpus[:1]]])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def with_kept(folder: Path, make: Callable[[], Made], *, renew: Callable[[], None] = lambda: None) -> Made:
    """What `make` gives; where TensorRT refuses an engine of the folder, that is emptied and, after `renew`, it is made once more."""
    try:
        return make()
    except Exception as error:
        if not REFUSED.search(str(error)):
            raise
        logger.warning(
            "kept engines are built again, for TensorRT refuses them: %s", " ".join(str(error).split())[-300:]
        )
    shutil.rmtree(folder)
    folder.mkdir()
    renew()
    return make()
