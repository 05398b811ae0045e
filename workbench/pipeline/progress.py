"""One progress bar for the jobs of a stage, in a terminal, in a notebook and, through a file, in another process."""

import contextlib
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workbench.files import write_json

KEPT_EVERY_S = 1.0


def progress_file(log: Path) -> Path:
    """Where it stands how far a worker with this log is, as long as it is at work."""
    return log.with_suffix(".progress.json")


class Bar:
    """Shows how far a worker is; silent where nobody looks (output into a file). With its `log`, keeps it beside that too."""

    def __init__(self, title: str, *, unit: str = "it", log: Path | None = None) -> None:
        self._title, self._unit = title, unit
        self._file = progress_file(log) if log else None
        self._kept = -KEPT_EVERY_S
        self._label = ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        from tqdm.auto import tqdm

        watched = sys.stderr.isatty() or "ipykernel" in sys.modules
        self._bar = tqdm(
            desc=self._title, disable=not watched, leave=False, unit=self._unit, unit_scale=self._unit == "B"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def __call__(self, done: int, total: int, label: str) -> None:
        """Take a worker's progress message."""
        if label != self._label:
            self._label = label
            self._bar.set_description(f"{self._title}: {label}", refresh=False)
            self._bar.reset(total)
        self._bar.update(done - self._bar.n)
        if self._file is not None and time.monotonic() >= self._kept + KEPT_EVERY_S:
            self._kept = time.monotonic()
            with contextlib.suppress(OSError):  # a full disk is the job's own matter
                write_json(self._file, {"done": done, "total": total, "label": label})
