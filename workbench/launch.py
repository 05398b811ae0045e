"""Starting workers, talking to them, and telling what became of them."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from workbench.errors import InputError
from workbench.files import write_json
from workbench.records import Status

Progress = Callable[[int, int, str], None]
KEPT_VARIABLES = (
    "PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX",
    "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "WORKBENCH_CACHE", "XDG_CACHE_HOME", "ONEDNN_MAX_CPU_ISA", "SSL_CERT_FILE",
)  # fmt: skip
STDERR_LINES = 3
POLL_S = 1.0
GRACE_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its value when `ok`, one readable line otherwise. `seconds` is wall time, imports included."""

    status: Status
    value: Any = None
    reason: str = ""
    seconds: float = 0.0


class Stopped(Exception):
    """Nobody waits for a job any more."""


class WorkerEnded(Exception):
    """A worker gave no further message; carries the outcome to record."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


def run_job(
    function: str,
    arguments: Mapping[str, Any],
    *,
    log: Path,
    timeout_s: float,
    threads: int = 1,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Run one function in a worker and wait for it.

    `log` gets what the worker prints; `threads` is set before any runtime loads. Raises InputError when the job finds
    the user's input at fault, and Stopped, the worker being ended, once `stop` is set; every other end is told by the outcome.
    """
    start = time.monotonic()
    try:
        with Worker(function, arguments, log=log, threads=threads) as worker:
            message = worker.receive(timeout_s, progress=progress, stop=stop)
        return Outcome(Status.OK, message["value"], seconds=time.monotonic() - start)
    except WorkerEnded as ended:
        return ended.outcome


class Worker:
    """One child process in its own process group; leaving the `with` block ends the whole group."""

    def __init__(self, function: str, arguments: Mapping[str, Any], *, log: Path, threads: int = 1) -> None:
        job_file = log.with_suffix(".job.json")
        write_json(job_file, {"function": function, "arguments": dict(arguments)})
        self._log = log
        self._start = time.monotonic()
        self._buffer = b""
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workbench.worker", str(job_file), str(os.getpid())],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                env=worker_environment(threads), start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        hangs = isinstance(error, WorkerEnded) and error.outcome.status is Status.TIMEOUT
        answered = error is None or isinstance(error, InputError | WorkerEnded)
        self.close(grace_s=GRACE_S if answered and not hangs else 0.0)

    def send(self, kind: str, **fields: Any) -> None:
        """Send one message; raises WorkerEnded when the worker is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write((json.dumps({"kind": kind, **fields}) + "\n").encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerEnded(self._crashed()) from None

    def receive(
        self, timeout_s: float, *, progress: Progress | None = None, stop: threading.Event | None = None
    ) -> dict[str, Any]:
        """Wait for the next message that is not progress.

        Raises WorkerEnded when the worker fails, dies or stays silent past `timeout_s` (progress is no silence), InputError
        when it found the user's input at fault, Stopped within POLL_S after `stop` was set.
        """
        while True:
            message = self._next_message(timeout_s, stop)
            if message["kind"] == "progress":
                if progress is not None:
                    progress(message["done"], message["total"], message["label"])
            elif message["kind"] == "error":
                if message["fault"] == "input":
                    raise InputError(message["reason"])
                raise WorkerEnded(Outcome(Status(message["fault"]), reason=message["reason"], seconds=self._elapsed()))
            else:
                return message

    def close(self, *, grace_s: float = 0.0) -> None:
        """End the worker and whatever it started; with `grace_s`, let it end by itself first, having no more to do."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.stdout.close()
        self._process.wait()

    def _next_message(self, timeout_s: float, stop: threading.Event | None) -> dict[str, Any]:
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if stop is not None and stop.is_set():
                    raise Stopped
                left = max(0.0, deadline - time.monotonic())
                # A forked child of a dead worker holds the pipe open: its end alone does not tell.
                ended = self._process.poll() is not None
                if selector.select(0.0 if ended else min(left, POLL_S)):
                    chunk = os.read(self._process.stdout.fileno(), 65536)
                    if not chunk:
                        raise WorkerEnded(self._crashed())
                    self._buffer += chunk
                elif ended:
                    raise WorkerEnded(self._crashed())
                elif not left:
                    raise WorkerEnded(
                        Outcome(Status.TIMEOUT, reason=f"no answer within {timeout_s:g} s", seconds=self._elapsed())
                    )
        line, _, self._buffer = self._buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _crashed(self) -> Outcome:
        code = self._process.wait()
        if code == -signal.SIGKILL:
            cause = "killed (SIGKILL), probably because memory ran out"
        elif code < 0:
            cause = f"crashed ({_signal_name(-code)})"
        else:
            cause = f"ended without an answer (exit code {code})"
        said = _last_lines(self._log)
        return Outcome(Status.CRASHED, reason=f"{cause}: {said}" if said else cause, seconds=self._elapsed())

    def _elapsed(self) -> float:
        return time.monotonic() - self._start


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def worker_environment(threads: int) -> dict[str, str]:
    """The whole environment of a worker: nothing of the caller's but what is named here."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    pools = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    # The legacy program format: PaddleSlim 2.6 works on no other (design: pinned stack).
    return kept | coverage | pools | {"FLAGS_enable_pir_api": "0", "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1"}


def _last_lines(log: Path) -> str:
    text = log.read_bytes()[-8000:].decode("utf-8", errors="replace")
    # Paddle's signal handler adds C++ frames and the time of day; what went wrong was said before.
    said, _, _ = text.partition("C++ Traceback (most recent call last)")
    lines = [line.strip() for line in said.splitlines() if line.strip(" -=\t")]
    return " | ".join(lines[-STDERR_LINES:])[-400:]
