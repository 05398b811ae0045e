"""An image with its objects, as the readers of all formats give it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import InputError
from workbench.tasks.base import Sample
from workbench.tasks.image_folder import read_image


@dataclass(frozen=True)
class LabelledImage:
    """An image file and its truth (see `DetectionTask`)."""

    path: Path
    truth: dict[str, Any]

    def sample(self) -> Sample:
        """As a task gives it."""
        return Sample.from_file(self.path, truth=self.truth, decode=read_image)


def require_file(path: Path, *, what: str) -> Path:
    """`path`, if there is such a file; raises InputError."""
    if not path.is_file():
        raise InputError(f"{what} {path}: no such file; paths are relative to the recipe")
    return path
