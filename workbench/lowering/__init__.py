"""From a quantized Paddle Model to what each backend runs in INT8: its float twin as ONNX, with Q/DQ pairs placed on it."""
