"""What the packages for GPUs are for, by their versions: which CUDA, and which GPUs.

Drivers: NVIDIA's CUDA compatibility guide, minor version compatibility. Which CUDA and architectures the wheels of ONNX Runtime and of Paddle
2.6 hold was read from the wheels; of TensorRT, NVIDIA's release notes tell.
"""

import re

from workbench.gpu_generations import Capability

OLDEST_DRIVER = {11: (450, 80, 2), 12: (525, 60, 13), 13: (580, 65, 6)}
EVERY: tuple[Capability, Capability] = ((0, 0), (99, 9))


def cuda_of(package: str, version: str) -> int | None:
    """The major version of CUDA that a package's PyPI build is for; None when its version does not tell."""
    numbers = numbers_of(version)
    if package == "onnxruntime-gpu":
        return 11 if numbers < (1, 19) else 12 if numbers < (1, 27) else 13
    if package == "paddlepaddle-gpu" and numbers < (3,):
        return 12 if "post12" in version else 11
    if package == "cuda-bindings":
        return numbers[0] if numbers and numbers[0] in OLDEST_DRIVER else None
    return int(found[1]) if (found := re.fullmatch(r"tensorrt-cu(1[123])", package)) else None


def architectures_of(package: str, version: str) -> tuple[Capability, Capability]:
    """The lowest and highest compute capability that a package runs on, where that is known; both ends included."""
    numbers = numbers_of(version)
    if package.startswith("tensorrt"):
        # Volta went with 10.5, Blackwell came with 10.8.
        lowest = (7, 0) if numbers < (10, 5) else (7, 5)
        return lowest, (9, 0) if numbers < (10, 8) else EVERY[1]
    if package == "onnxruntime-gpu" and (1, 23) <= numbers < (1, 24):
        return (6, 0), EVERY[1]
    if package == "onnxruntime-gpu" and numbers >= (1, 31):
        return (7, 5), (12, 0)
    if package == "paddlepaddle-gpu" and numbers < (3,):
        return (6, 1), (8, 9)
    return EVERY


def numbers_of(version: str) -> tuple[int, ...]:
    """The first three numbers of a version."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
