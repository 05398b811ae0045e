"""Faults of a GPU in one line, whatever runtime they come from."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.errors import DeviceError, WorkbenchError

LOWER_DEMAND = "lower the batch or the profile's largest shapes, or end what else runs on this GPU"
OUT_OF_MEMORY = re.compile(
    r"out of memory|out_of_memory|insufficient memory|failed to allocate memory|cannot allocate .*memory on GPU",
    re.IGNORECASE,
)


def memory_ran_out(said: str) -> str:
    """The line of an error's text that tells that the GPU's memory ran out; empty when none does."""
    lines = (" ".join(line.split()) for line in said.splitlines())
    return next((line for line in lines if OUT_OF_MEMORY.search(line)), "")


def no_memory(what: str) -> DeviceError:
    """The GPU's memory ran out: `what` says for what, or when."""
    return DeviceError(f"out of GPU memory {what}; {LOWER_DEMAND}")


@contextmanager
def device_faults() -> Iterator[None]:
    """Turn a runtime's error that is about the GPU's memory into a DeviceError of one line; others pass as they are."""
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as error:
        if line := memory_ran_out(str(error)):
            raise no_memory(f"({line[-300:]})") from error
        raise
