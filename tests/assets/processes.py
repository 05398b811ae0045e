"""Processes that a test looks at: any of them may end while it looks."""

from collections.abc import Iterator

import psutil


def running_children(pid: int | None = None) -> Iterator[tuple[psutil.Process, list[str]]]:
    """Children of a process (this one, when none is named) and what started each, without those that have ended meanwhile."""
    for child in psutil.Process(pid).children():
        try:
            command = child.cmdline()
        except psutil.NoSuchProcess:  # a zombie is one of these, too
            continue
        yield child, command
