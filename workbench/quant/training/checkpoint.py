"""A training that was stopped, in one file: no pickles, written aside and renamed."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.files import write_bytes

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training was: the losses of the iterations done, and the state of its program after them."""

    losses: tuple[float, ...]
    state: Arrays

    def save(self, path: Path) -> None:
        """Write it; a kill at any moment leaves the one before or this one."""
        buffer = io.BytesIO()
        names = list(self.state)
        arrays = {f"state_{place}": self.state[name] for place, name in enumerate(names)}
        np.savez(buffer, names=np.array(names), losses=np.array(self.losses), **arrays)
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint | None":
        """What `save` wrote, or None where there is nothing."""
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as stored:
            state = {str(name): stored[f"state_{place}"] for place, name in enumerate(stored["names"])}
            return cls(tuple(map(float, stored["losses"])), state)
