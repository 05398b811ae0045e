"""What the fake GPU is like: `gpu.json` beside the fake nvidia-smi says so, and a test's job may change it on the way.

This folder stands for what NVIDIA's driver and card do, and for nothing of ours: `tensorrt` (its runtime; parser and builder are
TensorRT-RTX's real ones) and `cuda.bindings.runtime`, whose calls have the names and arguments of the real ones.
"""

import json
import shutil
from pathlib import Path
from typing import Any

BESIDE = shutil.which("nvidia-smi")
STATE: dict[str, Any] = {
    "tensorrt": "10.13.3.9", "compute_cap": "8.6", "free": 1_000_000_000, "plan_bytes": 0, "build_bytes": 0, "context_bytes": 0,
    "pinned": 1_000_000_000, "starts": True, "refuses_shapes": False, "breaks": "", "broken": False,
} | (json.loads((Path(BESIDE).parent / "gpu.json").read_text()) if BESIDE else {})  # fmt: skip
