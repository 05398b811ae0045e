"""The usual breakages of a GPU environment, told from facts that need no runtime loaded, each with its cure."""

import importlib.metadata
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.backends.gpu.install import ONNX_RUNTIME, PADDLE, TENSORRT
from workbench.backends.gpu.packages import OLDEST_DRIVER, architectures_of, cuda_of, numbers_of
from workbench.gpu_generations import Capability, capability_of
from workbench.machine import this_machine

GPU_PACKAGES = ("onnxruntime-gpu", "paddlepaddle-gpu", "tensorrt-cu12", "tensorrt-cu13", "cuda-bindings")
INSTALL = {"onnxruntime": ONNX_RUNTIME, "paddlepaddle": PADDLE}
PARSER_LIBRARY = "libnvinfer.so."
LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/local/cuda/lib64", "/usr/local/tensorrt/lib")


@dataclass(frozen=True)
class Finding:
    """Something that will not work, and the way out, one line each."""

    problem: str
    cure: str


@dataclass(frozen=True)
class Facts:
    """GPUs as the fingerprint has them, versions of installed packages, and file names of libraries that are there."""

    gpus: tuple[Mapping[str, str], ...]
    packages: Mapping[str, str]
    libraries: frozenset[str]


def installed() -> Facts:
    """The facts of this machine and this Python; loads nothing."""
    machine = this_machine()
    return Facts(machine.gpus, machine.versions, frozenset(_libraries()))


def diagnose(facts: Facts) -> list[Finding]:
    """What will break, most fundamental first; nothing on a machine that has neither a GPU nor packages for one."""
    return [finding for rule in RULES for finding in rule(facts)]


def breaking(facts: Facts) -> list[Finding]:
    """Those of the findings with which the packages of `facts` cannot run at all."""
    return [finding for rule in BREAKING for finding in rule(facts)]


def two_builds_of_one_package(facts: Facts) -> Iterator[Finding]:
    """The builds for CPU and GPU share a folder: whichever was installed last has overwritten half of the other."""
    for name, install in INSTALL.items():
        if {name, f"{name}-gpu"} <= facts.packages.keys():
            yield Finding(f"{name} and {name}-gpu are both installed and overwrite each other", install)


def no_driver(facts: Facts) -> Iterator[Finding]:
    """Packages for a GPU, and no GPU that answers."""
    there = [name for name in GPU_PACKAGES if name in facts.packages]
    if there and not facts.gpus:
        yield Finding(
            f"{there[0]} is installed and nvidia-smi shows no GPU",
            "install NVIDIA's driver, r535 or later; in a container start it with --gpus all",
        )


def driver_too_old(facts: Facts) -> Iterator[Finding]:
    """A package is for a CUDA that the driver does not run."""
    driver = numbers_of(facts.gpus[0].get("driver_version", "")) if facts.gpus else ()
    for name, version in facts.packages.items():
        cuda = cuda_of(name, version)
        if driver and cuda and driver < OLDEST_DRIVER[cuda]:
            needed = ".".join(map(str, OLDEST_DRIVER[cuda]))
            found = facts.gpus[0]["driver_version"]
            yield Finding(
                f"driver {found} is too old for {name} {version}, which is for CUDA {cuda}",
                f"update it to {needed} or later",
            )


def provider_library_missing(facts: Facts) -> Iterator[Finding]:
    """ONNX Runtime for GPU without its providers, as a later install of the CPU build leaves it."""
    for library in map(provider_library, ("cuda", "tensorrt")):
        if "onnxruntime-gpu" in facts.packages and library not in facts.libraries:
            yield Finding(f"onnxruntime-gpu is installed without {library}", ONNX_RUNTIME)


def wrong_libnvinfer(facts: Facts) -> Iterator[Finding]:
    """ONNX Runtime's TensorRT provider is linked to one major version, and falls back without an error when it is not there."""
    version = facts.packages.get("onnxruntime-gpu")
    if version is None or provider_library("tensorrt") not in facts.libraries:
        return
    wanted = f"{PARSER_LIBRARY}{8 if numbers_of(version) < (1, 18) else 10}"
    found = sorted(name for name in facts.libraries if name.startswith(PARSER_LIBRARY))
    if not any(name == wanted or name.startswith(f"{wanted}.") for name in found):
        here = f"here is {', '.join(found)}" if found else "none is here"
        yield Finding(f"onnxruntime-gpu {version} runs TensorRT through {wanted}, and {here}", TENSORRT)


def several_cudas(facts: Facts) -> Iterator[Finding]:
    """Packages for different CUDA versions in one process load two CUDA runtimes, or the wrong one."""
    by_cuda = {name: cuda for name, version in facts.packages.items() if (cuda := cuda_of(name, version))}
    if len(set(by_cuda.values())) > 1:
        listed = ", ".join(f"{name} for CUDA {cuda}" for name, cuda in sorted(by_cuda.items()))
        yield Finding(
            f"packages for different CUDA versions: {listed}", "make gpu, or take the versions of environment.yml"
        )


def architecture_not_in_wheel(facts: Facts) -> Iterator[Finding]:
    """A package has no code for a GPU, neither as such nor in a form that the driver could translate."""
    for gpu in facts.gpus:
        capability = capability_of(gpu)
        for name, version in facts.packages.items() if capability else ():
            lowest, highest = architectures_of(name, version)
            if capability and not lowest <= capability <= highest:
                yield Finding(
                    f"{name} {version} has no code for {gpu.get('name', 'this GPU')} (compute capability {_dotted(capability)}): "
                    f"it is for {_dotted(lowest)} to {_dotted(highest)}",
                    "use another backend on this GPU, or the versions that docs/gpu.md names for it",
                )


RULES = (
    two_builds_of_one_package, no_driver, driver_too_old, provider_library_missing, wrong_libnvinfer, several_cudas,
    architecture_not_in_wheel,
)  # fmt: skip
# With these nothing runs; the others may still leave something that does.
BREAKING = (driver_too_old, provider_library_missing, architecture_not_in_wheel)


def provider_library(name: str) -> str:
    """The file of an execution provider of ONNX Runtime."""
    return f"libonnxruntime_providers_{name}.so"


def _libraries() -> Iterator[str]:
    """Names of the libraries of ONNX Runtime's GPU build that exist, and of every `libnvinfer` in the usual places."""
    folders = [
        Path(folder) for folder in (*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *LIBRARY_FOLDERS) if folder
    ]
    for package in ("onnxruntime-gpu", "tensorrt-cu12-libs", "tensorrt-cu13-libs"):
        try:
            files = importlib.metadata.files(package) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        folders += {Path(str(file.locate())).parent for file in files if file.name.startswith("lib")}
    for folder in folders:
        for pattern in (f"{PARSER_LIBRARY}*", provider_library("*")):
            yield from (path.name for path in folder.glob(pattern))


def _dotted(capability: Capability) -> str:
    return ".".join(map(str, capability))
