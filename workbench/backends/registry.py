"""The backends by name. A new backend: its file, one row here, one row in the tests. None of these imports loads a runtime."""

from workbench.backends.base import Backend
from workbench.backends.onnx_runtime import OnnxRuntime
from workbench.backends.openvino import OpenVINO
from workbench.backends.paddle_inference import PaddleInference
from workbench.backends.paddle_tensorrt import PaddleTensorRT
from workbench.backends.planned import PaddleLite
from workbench.backends.tensorrt.backend import TensorRT

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (PaddleInference(), OnnxRuntime(), OpenVINO(), TensorRT(), PaddleTensorRT(), PaddleLite())
}
