"""FP32 that is FP32: from Ampere on, NVIDIA's libraries compute it with ten bits of mantissa (TF32) unless they are told not to."""

import os


def forbid_tf32() -> None:
    """Tell cuBLAS, cuDNN and TensorRT of this process, which read the variable when they start; each FP32 row is then the same arithmetic."""
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
