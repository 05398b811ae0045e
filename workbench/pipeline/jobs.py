"""The jobs of a stage: what each is, and how many of them run at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from workbench.files import content_hash
from workbench.machine import this_machine

AT_ONCE = 4  # at most, on a machine with many cores: each holds a model, and a runtime, in memory
HEARD_S = 0.5  # at most, until a signal is answered
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """A call of `function` in a worker with so many threads; `identity` is all that its value depends on.

    `again`: whether to run it although it is finished; None leaves that to the run. `alone`: nothing may run beside it.
    """

    name: str
    function: str
    arguments: dict[str, Any]
    identity: Any
    threads: int = 1
    again: bool | None = None
    alone: bool = False

    @property
    def key(self) -> str:
        """Names the job's value: jobs of one key are the same."""
        return content_hash([self.function, self.identity])


def run_together(
    run: Callable[[Item, threading.Event], Result], items: Sequence[Item], *, threads: int = 1, alone: bool = False
) -> list[Result]:
    """What `run` gives of each item, every one using so many threads: as many at once as there are cores, and at most AT_ONCE.

    Raises what the first of them raises: no further one starts then, and those at work go on to their end. After a
    KeyboardInterrupt the event that every one was given is set, for it to stop.
    """
    at_once = 1 if alone else max(1, min(AT_ONCE, this_machine().cores // threads, len(items)))
    stop = threading.Event()
    if at_once == 1:
        return [run(item, stop) for item in items]
    # A worker ends with the thread that started it; the pool keeps its threads until all is done.
    pool = ThreadPoolExecutor(at_once)
    try:
        return [_result(waiting) for waiting in [pool.submit(run, item, stop) for item in items]]
    except KeyboardInterrupt:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _result(waiting: Future[Result]) -> Result:
    """What it gives; a Ctrl-C that comes just before Python begins to wait is heard within HEARD_S, not when the job ends."""
    while not waiting.done():
        wait([waiting], HEARD_S)
    return waiting.result()
