"""The network, opened with OpenVINO as the workbench opened it."""

from pathlib import Path
from typing import Any

import openvino

HINTS = {"fp32": "f32", "bf16": "bf16"}


class Network:
    """`settings`: what settings.json holds; `folder`: where it lies."""

    def __init__(self, settings: dict[str, Any], folder: Path) -> None:
        self._core = openvino.Core()
        self._file = str(folder / "model" / "model.onnx")
        self._shapes = [spec["shape"] for spec in settings["inputs"]]
        options = settings["options"]
        rest = options.get("int8_rest", "fp32") if settings["precision"] == "int8" else settings["precision"]
        self._properties = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": settings["threads"],
            "INFERENCE_PRECISION_HINT": HINTS[rest],
            "ENABLE_CPU_PINNING": options.get("cpu_pinning", False),
        }
        self._requests: dict[int, Any] = {}

    def run(self, values: list[Any]) -> list[Any]:
        """Outputs in the order of the model's, from arrays in the order of its inputs."""
        batch = len(values[0])
        if batch not in self._requests:
            self._requests[batch] = self._compile(batch)
        return list(self._requests[batch].infer(values, share_outputs=False).to_tuple())

    def _compile(self, batch: int) -> Any:
        """Fixed shapes run faster."""
        model = self._core.read_model(self._file)
        ports = zip(model.inputs, self._shapes, strict=True)
        model.reshape({port.any_name: [batch if axis < 0 else axis for axis in shape] for port, shape in ports})
        return self._core.compile_model(model, "CPU", self._properties).create_infer_request()
