"""Asking every backend whether it can run here, in a worker, since asking loads the runtimes."""

from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.records import Device
from workbench.worker import Channel


def probe_job(channel: Channel, *, backend: str, device: str) -> dict[str, Any]:
    """Worker job: the backend's answer for one device: `reason` (empty when ready), `install` and `version`."""
    found = BACKENDS[backend].availability(Device(device))
    return {"reason": found.reason, "install": found.install, "version": BACKENDS[backend].version()}
