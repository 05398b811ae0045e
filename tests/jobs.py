"""Jobs that tests give to workers; a worker finds them through PYTHONPATH."""

import ctypes
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from workbench.errors import DeviceError, InputError, UnavailableError, UnsupportedError
from workbench.worker import Channel

ERRORS = {
    kind.__name__: kind
    for kind in (DeviceError, InputError, UnsupportedError, UnavailableError, ValueError, KeyboardInterrupt)
}


def echo(channel: Channel, **arguments: Any) -> dict[str, Any]:
    return arguments


def count(channel: Channel, *, steps: int) -> int:
    for step in range(steps):
        channel.progress(step + 1, steps, "counting")
    return steps


def count_slowly(channel: Channel, *, steps: int, step_s: float) -> int:
    for step in range(steps):
        time.sleep(step_s)
        channel.progress(step + 1, steps, "counting")
    return steps


def answer(channel: Channel) -> list[Any]:
    """Give back all that the parent sends, then how many messages it were."""
    number = 0
    while (message := channel.receive()) is not None:
        number += 1
        channel.send("echo", said=message["said"])
    return [number]


def fail(channel: Channel, *, kind: str, text: str) -> None:
    raise ERRORS[kind](text)


def fail_to_write(channel: Channel, *, code: int) -> None:
    raise OSError(code, os.strerror(code), "/some/file")


def abort(channel: Channel) -> None:
    print("\n".join(["line 1", "line 2", "-----", "line 3", "line 4"]), file=sys.stderr, flush=True)
    os.abort()


def abort_as_paddle(channel: Channel) -> None:
    """Die with what Paddle's signal handler prints after the message that counts."""
    frames = "\n".join(f"{number}   some::cpp::frame()" for number in range(20))
    message = "terminate called after throwing an instance of 'E'\n  what():  the cause\n\n"
    title = f"{'-' * 38}\nC++ Traceback (most recent call last):\n{'-' * 38}\n"
    print(f"{message}{title}{frames}\n[TimeInfo: *** Aborted at 1 ***]", file=sys.stderr, flush=True)
    os.abort()


def segfault(channel: Channel) -> None:
    ctypes.string_at(0)


def kill_itself(channel: Channel) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(channel: Channel, *, code: int) -> None:
    os._exit(code)


def leave_a_fork_behind(channel: Channel) -> None:
    """Die while a forked child, which holds the pipes too, lives on."""
    if os.fork() == 0:
        time.sleep(600)
    os.abort()


def hang(channel: Channel) -> None:
    time.sleep(600)


def hang_with_a_child(channel: Channel) -> None:
    """Tell the process ids of this worker and of a child that it started, then answer no more."""
    child = subprocess.Popen(["sleep", "600"])
    channel.send("started", pids=[os.getpid(), child.pid])
    time.sleep(600)


def hang_alone(channel: Channel) -> None:
    channel.send("started", pids=[os.getpid()])
    time.sleep(600)


def shout(channel: Channel) -> str:
    print("python print")
    os.write(1, b"descriptor one\n")
    ctypes.CDLL(None).puts(b"C library")
    ctypes.CDLL(None).fflush(None)
    subprocess.run(["echo", "child process"], check=True)
    os.write(2, b"standard error\n")
    return "heard"


def look_around(channel: Channel) -> dict[str, Any]:
    return {
        "environment": dict(os.environ),
        "oom_score_adj": int(Path("/proc/self/oom_score_adj").read_text()),
        "session": os.getsid(0) == os.getpid(),
        "runtimes": sorted({"numpy", "paddle", "onnxruntime"} & set(sys.modules)),
        "standard_input": sys.stdin.read(),
    }


def not_json(channel: Channel) -> Any:
    return {1, 2}


def not_a_number(channel: Channel) -> float:
    return float("nan")


def latency(
    channel: Channel, *, name: str, speed: float, turns: str, warmup: int, fault: str = "", at_block: int = -1
) -> None:
    """A latency job with invented times: 6 ms / speed, and 10 % more every round. `at_block` 0 is before `ready`, -1 before `opened`."""
    _misbehave(fault if at_block == -1 else "")
    channel.send("opened", open_s=0.5)
    assert channel.receive() == {"kind": "warm"}
    _misbehave(fault if at_block == 0 else "")
    channel.send("ready", first_call_ms=float(warmup))
    number = 0
    while (message := channel.receive()) is not None:
        number += 1
        with Path(turns).open("a") as file:
            file.write(f"{name} {message['scope']}\n")
        _misbehave(fault if number == at_block else "")
        times = [6.0 / speed * 1.1**number] * message["block"]["runs"]
        channel.send("block", samples_ms=times, parts_ms={"run": times[0]})


def _misbehave(fault: str) -> None:
    if fault == "abort":
        os.abort()
    if fault == "hang":
        time.sleep(600)
    if fault == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if fault:
        raise ERRORS[fault]("as the test wants it")
