"""Paddle on a GPU: its own kernels (FP32, FP16), and what it shares with Paddle-TensorRT."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.backends.base import Arrays, Session, Settings, model_path
from workbench.backends.gpu.faults import device_faults
from workbench.backends.gpu.kept_engines import with_kept
from workbench.backends.gpu.tf32 import forbid_tf32
from workbench.compatibility import import_paddle
from workbench.errors import UnavailableError
from workbench.models.model import Model, matching_inputs
from workbench.records import Precision

MEMORY_POOL_MB = 100
ENGINE_OPERATOR = "tensorrt_engine"
Configure = Callable[[Any, Any], None]
NO_WORK = {"feed", "fetch"}
OPTIMIZED_PROGRAM = "_optimized.pdmodel"


class PaddleGpuSession(Session):
    """A predictor on the GPU and its handles.

    `configure` changes each config before a predictor is made from it; `folder` is where Paddle keeps what it makes of the model, if
    it is to keep anything.
    """

    engine = "Paddle Inference (GPU)"

    def __init__(
        self, model: Model, settings: Settings, *, configure: Configure = lambda config, inference: None, folder: Path | None = None
    ) -> None:  # fmt: skip
        super().__init__(model, settings)
        forbid_tf32()
        self._paddle = import_paddle()
        self._model, self._configure, self._folder = model, configure, folder
        self._predictor = self._create(folder)
        self._in = [self._predictor.get_input_handle(name) for name in self._predictor.get_input_names()]
        self._out = [self._predictor.get_output_handle(name) for name in self._predictor.get_output_names()]

    def describe(self) -> dict[str, Any]:
        """The engine, and the operators that Paddle's optimized program has; Paddle does not tell in which type each computes."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = self._folder or Path(scratch)
            self._create(folder, save_program=True)
            program = folder / OPTIMIZED_PROGRAM
            operators = operators_of(program.read_bytes()) if program.is_file() else Counter()
        return {
            "engine": self.engine,
            "precision": str(self.settings.precision),
            "operators": dict(operators.most_common()),
            **self._facts(operators),
        }

    def parts_ms(self, inputs: Arrays) -> dict[str, float]:
        """One more run with the GPU waited for after each part."""
        values = matching_inputs(self.inputs, inputs)
        wait = self._paddle.device.synchronize
        wait()
        times = [time.perf_counter()]
        for part in (lambda: self._send(values), self._predictor.run, self._fetch):
            part()
            wait()
            times.append(time.perf_counter())
        names = ("host_to_device", "inference", "device_to_host")
        return {name: (end - start) * 1e3 for name, start, end in zip(names, times, times[1:], strict=False)}

    def _create(self, folder: Path | None, *, save_program: bool = False) -> Any:
        from paddle import inference

        def create() -> Any:
            config = gpu_config(inference, self._model, self.settings)
            self._configure(config, inference)
            if folder is not None:
                config.set_optim_cache_dir(str(folder))
            config.enable_save_optim_model(save_program)
            return inference.create_predictor(config)

        with device_faults():
            return create() if folder is None else with_kept(folder, create)

    def _facts(self, operators: Counter[str]) -> dict[str, Any]:
        return {}

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        with device_faults():
            self._send(values)
            self._predictor.run()
            return self._fetch()

    def _send(self, values: list[NDArray[Any]]) -> None:
        for handle, value in zip(self._in, values, strict=True):
            handle.copy_from_cpu(value)

    def _fetch(self) -> list[NDArray[Any]]:
        # Waits for the predictor's stream.
        return [handle.copy_to_cpu() for handle in self._out]


def gpu_config(inference: Any, model: Model, settings: Settings) -> Any:
    """A config on the first GPU; raises UnavailableError for a build of Paddle that goes on on the CPU instead."""
    config = inference.Config(model_path(model, "model.pdmodel"), model_path(model, "model.pdiparams"))
    kinds = inference.PrecisionType
    config.enable_use_gpu(MEMORY_POOL_MB, 0, kinds.Half if settings.precision is Precision.FP16 else kinds.Float32)
    if not config.use_gpu():
        raise UnavailableError(
            "this build of Paddle is for CPU only; `workbench doctor` has the line that installs the other"
        )
    config.switch_ir_optim(True)
    config.enable_memory_optim()
    return config


def operators_of(program: bytes) -> Counter[str]:
    """How many of each operator a serialized Paddle program has, those of its feeding excepted."""
    from paddle.base import core

    # The block is a part of it, and does not keep it alive.
    description = core.ProgramDesc(program)
    block = description.block(0)
    kinds = [str(block.op(index).type()) for index in range(block.op_size())]
    return Counter(kind for kind in kinds if kind not in NO_WORK)
