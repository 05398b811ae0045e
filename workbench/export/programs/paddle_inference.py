"""The network, opened with Paddle Inference as the workbench opened it."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("FLAGS_enable_pir_api", "0")  # the format of the model's program; counts before the import only

from paddle import inference


class Network:
    """`settings`: what settings.json holds; `folder`: where it lies."""

    def __init__(self, settings: dict[str, Any], folder: Path) -> None:
        stem = str(folder / "model" / "model")
        config = inference.Config(f"{stem}.pdmodel", f"{stem}.pdiparams")
        config.disable_gpu()
        config.disable_glog_info()
        config.set_cpu_math_library_num_threads(settings["threads"])
        config.enable_mkldnn()
        config.switch_ir_optim(True)  # without it Paddle computes INT8 models in FP32
        config.enable_memory_optim()
        if settings["precision"] == "int8":
            config.enable_mkldnn_int8(set(settings["int8_operators"]))
        elif settings["precision"] == "bf16":
            config.enable_mkldnn_bfloat16()
        self._predictor = inference.create_predictor(config)
        self._inputs = [self._predictor.get_input_handle(name) for name in self._predictor.get_input_names()]
        self._outputs = [self._predictor.get_output_handle(name) for name in self._predictor.get_output_names()]

    def run(self, values: list[Any]) -> list[Any]:
        """Outputs in the order of the model's, from arrays in the order of its inputs."""
        for handle, value in zip(self._inputs, values, strict=True):
            handle.copy_from_cpu(value)
        self._predictor.run()
        return [handle.copy_to_cpu() for handle in self._outputs]
