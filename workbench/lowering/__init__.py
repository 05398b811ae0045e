"""From a quantized Paddle model to what each backend runs in INT8."""
