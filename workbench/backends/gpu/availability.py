"""What the backends for GPUs need of a machine before anything else."""

from collections.abc import Sequence

from workbench.backends.base import Availability, missing
from workbench.backends.gpu.diagnosis import Facts, breaking, installed
from workbench.errors import UnavailableError
from workbench.machine import package_version, this_machine


def gpu_availability(*needed: Sequence[str], install: str) -> Availability:
    """The first thing that is missing, ready when nothing is.

    A GPU with its driver; any one of the packages in each of `needed`; a driver, and code in those packages, for this GPU.
    """
    if not this_machine().gpus:
        return Availability("no NVIDIA GPU with a working driver on this machine", f"on a machine with one: {install}")
    found: dict[str, str] = {}
    for names in needed:
        versions = {name: version for name in names if (version := package_version(name))}
        if not versions:
            return missing(names[0], install)
        found |= versions
    facts = installed()
    problem = next(iter(breaking(Facts(facts.gpus, found, facts.libraries))), None)
    return Availability(problem.problem, problem.cure) if problem else Availability()


def require_gpu(*needed: Sequence[str], install: str) -> None:
    """Raise UnavailableError with what is missing, where somebody opens a model without having asked first."""
    found = gpu_availability(*needed, install=install)
    if not found.ready:
        raise UnavailableError(str(found))
