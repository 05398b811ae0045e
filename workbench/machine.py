"""What this machine is: CPU and its instruction sets, memory, GPUs, and the versions of every library in use."""

import importlib.metadata
import os
import platform
import resource
import shutil
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workbench.files import content_hash

ISA_MEANING = {
    "avx2": "256-bit vectors; INT8 by multiply-add of pairs that can saturate at 16 bits",
    "avx512f": "512-bit vectors; INT8 without VNNI gains about 1.5x at most",
    "avx512_vnni": "INT8 dot products in one instruction: INT8 about 3x FP32",
    "avx_vnni": "INT8 dot products in one instruction on 256-bit vectors",
    "avx512_bf16": "BF16 dot products: BF16 up to 2x FP32",
    "avx512_fp16": "FP16 arithmetic",
    "amx_int8": "INT8 matrix tiles: INT8 fastest where the layers are large",
    "amx_bf16": "BF16 matrix tiles: BF16 may be as fast as INT8, without its error",
}
KIBIBYTE = 1024
GPU_KIND = ("name", "memory.total", "compute_cap")
PACKAGES = (
    "cuda-bindings", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu", "openvino", "paddle2onnx", "paddlepaddle", "paddlepaddle-gpu",
    "paddlelite", "paddleslim", "tensorrt", "tensorrt-cu12", "tensorrt-cu13", "x2paddle",
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """The fingerprint that is stored with every figure. Memory in GB (1e9 bytes)."""

    cpu: str
    cores: int
    isa: tuple[str, ...]
    memory_gb: float
    gpus: tuple[dict[str, str], ...]
    os: str
    python: str
    versions: dict[str, str]

    @property
    def machine_id(self) -> str:
        """Names the kind of machine: two hosts of the same CPU, core count, memory and GPUs are one kind.

        The host's name is left out on purpose, so that the many short-lived machines of a CI service compare.
        """
        gpus = [{key: gpu[key] for key in GPU_KIND if key in gpu} for gpu in self.gpus]
        return content_hash([self.cpu, self.cores, self.isa, round(self.memory_gb), gpus])[:12]

    def as_dict(self) -> dict[str, Any]:
        """The fingerprint in the form that results and reports hold."""
        fields = asdict(self)
        cpu = {"model": fields.pop("cpu"), "cores": fields.pop("cores"), "isa": list(fields.pop("isa"))}
        return {"machine_id": self.machine_id, "cpu": cpu} | fields


@cache
def this_machine() -> Machine:
    """Look at this machine, once per process; loads no inference runtime."""
    info = _cpu_info()
    flags = info.get("flags", "").split()
    return Machine(
        cpu=info.get("model name", platform.processor() or platform.machine()),
        cores=len(os.sched_getaffinity(0)),
        isa=tuple(flag for flag in ISA_MEANING if flag in flags),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        gpus=tuple(_gpus()),
        os=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        versions={name: version for name in PACKAGES if (version := package_version(name))},
    )


def package_version(name: str) -> str | None:
    """The version of an installed distribution, or None; does not import it."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu_info() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n", maxsplit=1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _gpus() -> list[dict[str, str]]:
    """Name, memory, driver and compute capability of each GPU, from the driver's own tool."""
    fields = ("name", "memory.total", "driver_version", "compute_cap")
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
        rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines() if line.strip()]
        return [dict(zip(fields, row, strict=True)) for row in rows]
    except (subprocess.SubprocessError, OSError, ValueError):
        return []


def peak_memory_mb() -> float:
    """The largest resident set of this process so far, in MB (1e6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / 1e6
