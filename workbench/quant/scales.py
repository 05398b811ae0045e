"""Reading the ranges out of a quantized Paddle program (quantize_linear / dequantize_linear, `onnx_format=True`)."""

from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import import_paddle


def read_scales(prefix: Path) -> dict[str, Any]:
    """The ranges in the program at `prefix` (+ .pdmodel, .pdiparams); paddle must be in static mode.

    Returns `activations`: tensor -> {absmax, source}, and `weights`: tensor -> {axis, absmax per output channel}. The
    file's `@scale` variables hold absmax; the ONNX scale is absmax / 127.
    """
    paddle = import_paddle()
    scope = paddle.static.Scope()
    with paddle.static.scope_guard(scope):
        program, _, _ = paddle.static.load_inference_model(str(prefix), paddle.static.Executor(paddle.CPUPlace()))

        def value(name: str) -> list[float]:
            return [float(x) for x in np.ravel(np.array(scope.find_var(name).get_tensor()))]

        activations: dict[str, Any] = {}
        weights: dict[str, Any] = {}
        for op in program.global_block().ops:
            if op.type not in ("quantize_linear", "dequantize_linear"):
                continue
            tensor, scale = op.input("X")[0], value(op.input("Scale")[0])
            persistable = program.global_block().var(tensor).persistable
            if op.type == "quantize_linear" and not persistable:
                activations[tensor] = {"absmax": scale[0], "source": "calibrated"}
            elif op.type == "dequantize_linear" and persistable:
                weights[tensor] = {"axis": int(op.attr("quant_axis")), "absmax": scale}
    return {"activations": activations, "weights": weights}
