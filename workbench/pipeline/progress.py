"""One progress bar for the jobs of a stage, in a terminal and in a notebook alike."""

import sys
from types import TracebackType
from typing import Any, Self


class Bar:
    """Shows how far a worker is; silent where nobody looks (output into a file, papermill)."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None

    def __enter__(self) -> Self:
        from tqdm.auto import tqdm

        self._bar = tqdm(desc=self._title, disable=not sys.stderr.isatty(), leave=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __call__(self, done: int, total: int, label: str) -> None:
        """Take a worker's progress message."""
        self._bar.total = total
        self._bar.n = done
        self._bar.set_description(f"{self._title}: {label}", refresh=False)
        self._bar.refresh()
