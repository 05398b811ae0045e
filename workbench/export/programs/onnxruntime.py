"""The network, opened with ONNX Runtime as the workbench opened it."""

from pathlib import Path
from typing import Any

import onnxruntime

LEVELS = {
    "none": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL",
}  # fmt: skip


class Network:
    """`settings`: what settings.json holds; `folder`: where it lies."""

    def __init__(self, settings: dict[str, Any], folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = settings["threads"]
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        level = LEVELS[settings["options"].get("graph_optimization", "all")]
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        file = str(folder / "model" / "model.onnx")
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._inputs = [value.name for value in self._session.get_inputs()]
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, values: list[Any]) -> list[Any]:
        """Outputs in the order of the model's, from arrays in the order of its inputs."""
        found: list[Any] = self._session.run(self._outputs, dict(zip(self._inputs, values, strict=True)))
        return found
