"""INT8 by other tools: PYTHON other_tools.py TOOL MODEL.onnx INPUTS.npz OUT

Run by the Python of an environment that has them; it needs nothing of the workbench. TOOL is `quantize_static` (ONNX
Runtime; OUT is an ONNX file) or `nncf` (OUT is an OpenVINO .xml file). INPUTS.npz holds an array for each calibration
sample and input, named `<sample>/<input>`.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

OPSET = 17  # scales by channel need 13


def quantize_static(model: str, samples: list[dict[str, Any]], out: str) -> None:
    """QDQ, per channel, uint8 activations, int8 weights, MinMax, after `quant_pre_process`."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        """Hands out the samples one by one."""

        left = iter(samples)

        def get_next(self) -> Any:
            """The next sample, None after the last."""
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as scratch:
        modern, ready = (str(Path(scratch) / name) for name in ("modern.onnx", "ready.onnx"))
        modernise(model, modern)
        try:
            quant_pre_process(modern, ready)
        except Exception as error:
            print(f"quant_pre_process cannot follow the symbolic shapes ({error}); without them")
            quant_pre_process(modern, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            out,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )


def modernise(source: str, target: str) -> None:
    """Take initializers from the inputs, where old exporters list them, and raise the opset to what Q/DQ by channel needs."""
    import onnx

    model = onnx.load(source)
    stored = {initializer.name for initializer in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")) < OPSET:
        model = onnx.version_converter.convert_version(model, OPSET)
    onnx.save(model, target)


def nncf(model: str, samples: list[dict[str, Any]], out: str) -> None:
    """Preset MIXED on the model opened in OpenVINO, and everything else as NNCF has it."""
    os.environ["NNCF_CI"] = "1"  # no usage statistics
    import nncf as tool
    import openvino

    network = openvino.Core().read_model(model)
    made = tool.quantize(network, tool.Dataset(samples), preset=tool.QuantizationPreset.MIXED, subset_size=len(samples))
    openvino.save_model(made, out, compress_to_fp16=False)


TOOLS = {"quantize_static": quantize_static, "nncf": nncf}


def main(tool: str, model: str, inputs: str, out: str) -> None:
    """Read the calibration samples and let the tool work."""
    import numpy as np

    samples: dict[int, dict[str, Any]] = {}
    with np.load(inputs, allow_pickle=False) as arrays:
        for key in arrays.files:
            number, _, name = key.partition("/")
            samples.setdefault(int(number), {})[name] = arrays[key]
    TOOLS[tool](model, [samples[number] for number in sorted(samples)], out)


if __name__ == "__main__":
    main(*sys.argv[1:])
