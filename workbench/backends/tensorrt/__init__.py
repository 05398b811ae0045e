"""NVIDIA TensorRT 10 and 11 through what their interfaces have in common."""
