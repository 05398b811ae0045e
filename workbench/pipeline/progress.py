"""One progress bar for the jobs of a stage, in a terminal and in a notebook alike."""

import sys
from types import TracebackType
from typing import Any, Self


class Bar:
    """Shows how far a worker is; silent where nobody looks (output into a file)."""

    def __init__(self, title: str, *, unit: str = "it") -> None:
        self._title, self._unit = title, unit
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

    def __call__(self, done: int, total: int, label: str) -> None:
        """Take a worker's progress message."""
        if label != self._label:
            self._label = label
            self._bar.set_description(f"{self._title}: {label}", refresh=False)
            self._bar.reset(total)
        self._bar.update(done - self._bar.n)
