"""The child process in which all native work happens: `python -m workbench.worker job.json`.

The job file holds `{"function": "package.module:name", "arguments": {...}}`. The function is called with a `Channel` and the
arguments; what it returns goes back as one JSON message. Libraries that print do so into the parent's log file.
"""

import ctypes
import errno
import importlib
import json
import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.errors import InputError, UnavailableError, UnsupportedError, WorkbenchError

USER_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
PR_SET_PDEATHSIG = 1
SOURCE_PLACE = re.compile(r"\[\S+:\d+\]")


class Channel:
    """Messages between a job and the process that started it: one JSON object a line."""

    def __init__(self, receiving: int, sending: int) -> None:
        self._lines = os.fdopen(receiving, "r", encoding="utf-8")
        self._sending = sending

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; fields are what JSON can hold, which leaves out numbers that are not finite (ValueError)."""
        os.write(self._sending, (json.dumps({"kind": kind, **fields}, allow_nan=False) + "\n").encode())

    def progress(self, done: int, total: int, label: str) -> None:
        """Tell how far the job is."""
        self.send("progress", done=done, total=total, label=label)

    def receive(self) -> dict[str, Any] | None:
        """Wait for the parent's next message; None when it has no more."""
        line = self._lines.readline()
        return json.loads(line) if line else None


def main(job_file: str, parent: int) -> int:
    """Run one job; the exit code is 0 whenever an answer, good or bad, was sent."""
    _end_with_parent(parent)
    channel = _take_over_standard_streams()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    try:
        job = json.loads(Path(job_file).read_text(encoding="utf-8"))
        value = _load(job["function"])(channel, **job["arguments"])
        channel.send("result", value=value)
    except BaseException as error:
        traceback.print_exc()
        channel.send("error", fault=fault_of(error), reason=reason_of(error))
    return 0


def _end_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this worker is gone")
    # First in line when memory runs out: the run must outlive its worker.
    Path("/proc/self/oom_score_adj").write_text("1000")


def _take_over_standard_streams() -> Channel:
    """Keep the pipes to the parent for messages and send all that libraries print to the log."""
    receiving, sending = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return Channel(receiving, sending)


def _load(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def fault_of(error: BaseException) -> str:
    """Whose fault an error is, as an `error` message says it."""
    if isinstance(error, InputError) or (isinstance(error, OSError) and error.errno in USER_FAULTS):
        return "input"
    if isinstance(error, UnsupportedError):
        return "unsupported"
    if isinstance(error, UnavailableError):
        return "unavailable"
    return "failed"


def refused_by_system(error: OSError) -> str:
    """One line for an error of the file system that is the user's to mend."""
    where = error.filename2 or error.filename or "while writing"
    return f"{error.strerror}: {where}; free space, mend the permissions, or choose another folder with --out"


def reason_of(error: BaseException) -> str:
    """An error in one line, as an `error` message says it."""
    if isinstance(error, OSError) and error.errno in USER_FAULTS:
        return refused_by_system(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip(" -\t")]
    if isinstance(error, WorkbenchError):
        return " ".join(lines)
    # Native libraries put a stack of C++ frames first and the message last; Paddle then adds where in its source that was.
    lines = [line for line in lines if not SOURCE_PLACE.fullmatch(line)] or lines
    return f"{type(error).__name__}: {lines[-1][:300]}" if lines else type(error).__name__


if __name__ == "__main__":
    # Not through sys.exit: destructors of native libraries crash after the work is done and the answer sent.
    code = main(sys.argv[1], int(sys.argv[2]))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
