"""What the backends for GPUs need of a machine before anything else."""

from workbench.backends.base import Availability, missing
from workbench.machine import package_version, this_machine


def gpu_availability(packages: tuple[str, ...], install: str) -> Availability:
    """The first thing that is missing: a GPU with its driver, then one of the packages; ready when nothing is."""
    if not this_machine().gpus:
        return Availability("no NVIDIA GPU with a working driver on this machine", f"on a machine with one: {install}")
    if not any(package_version(name) for name in packages):
        return missing(packages[0], install)
    return Availability()
