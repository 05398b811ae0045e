"""Static post-training quantization by PaddleSlim: ranges from calibration data, per-channel weights, INT8 on disk."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from workbench.compatibility import import_paddle, import_paddleslim_quant
from workbench.errors import InputError, UnsupportedError
from workbench.machine import package_version
from workbench.models.model import Manifest, Model, matching_inputs
from workbench.quant.base import MethodOptions
from workbench.quant.scales import read_scales
from workbench.tasks.loader import load_task
from workbench.worker import Channel

if TYPE_CHECKING:
    from workbench.tasks.base import Inputs, Sample, Task

logger = logging.getLogger(__name__)


class Algorithm(StrEnum):
    """How a tensor's range is chosen from what calibration saw."""

    ABS_MAX = "abs_max"
    AVG = "avg"
    HIST = "hist"
    KL = "KL"
    MSE = "mse"
    EMD = "emd"


class Operator(StrEnum):
    """Operators whose weights PaddleSlim quantizes."""

    CONV2D = "conv2d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    CONV2D_TRANSPOSE = "conv2d_transpose"
    MUL = "mul"
    MATMUL = "matmul"
    MATMUL_V2 = "matmul_v2"


class StaticOptions(MethodOptions):
    """Options of static quantization.

    What PaddleSlim 2.6 accepts and then ignores in the format that the runtimes need (`onnx_format=True`) is not here:
    bias correction, `min_max`, `activation_quantize_type`; nor is `adaround`, which gives garbage in that format.
    """

    algo: Algorithm = Field(Algorithm.HIST, description="how ranges are chosen")
    hist_percent: float = Field(0.9999, gt=0, le=1, description="share of values kept inside the range (algo hist)")
    batch_size: int = Field(1, ge=1, description="calibration samples per batch")
    batches: int | None = Field(
        None, ge=1, description="calibration batches; default: the task's whole calibration set"
    )
    operators: tuple[Operator, ...] = Field(tuple(Operator), min_length=1, description="operators to quantize")
    skip_tensors: tuple[str, ...] = Field((), description="operators that read one of these tensors stay in float")

    def variant(self) -> str:
        """The algorithm, and whether anything was skipped."""
        return self.algo + (f"-skip{len(self.skip_tensors)}" if self.skip_tensors else "")


def quantize_job(
    channel: Channel, *, model: str, task: dict[str, Any], options: dict[str, Any], variant: str, models: str
) -> dict[str, Any]:
    """Worker job: quantize the Paddle Model in folder `model`; returns the new Model's digest and the seconds it took."""
    settings = StaticOptions.model_validate(options)
    source = Model.open(Path(model))
    start = time.perf_counter()
    with Model.build(Path(models)) as draft:
        _quantize(channel, source, load_task(task), settings, folder=draft.folder)
        seconds = time.perf_counter() - start
        draft.manifest = _manifest(source, settings, folder=draft.folder, variant=variant, seconds=seconds)
    assert draft.model is not None
    return {"digest": draft.model.digest, "seconds": seconds}


def _quantize(channel: Channel, source: Model, task: "Task", settings: StaticOptions, *, folder: Path) -> None:
    paddle = import_paddle()
    quant = import_paddleslim_quant()
    paddle.enable_static()
    place = paddle.CPUPlace()
    executor = paddle.static.Executor(place)
    feeds = Feeds(source, task, settings, channel=channel)
    with paddle.static.scope_guard(paddle.static.Scope()):
        feed_names = _inspect(paddle, executor, source, settings)
        quant.quant_post_static(
            executor=executor,
            model_dir=str(source.folder),
            quantize_model_path=str(folder),
            data_loader=feeds.loader(feed_names),
            model_filename="model.pdmodel",
            params_filename="model.pdiparams",
            save_model_filename="model.pdmodel",
            save_params_filename="model.pdiparams",
            batch_nums=len(feeds),
            scope=paddle.static.global_scope(),
            algo=str(settings.algo),
            hist_percent=settings.hist_percent,
            quantizable_op_type=[str(operator) for operator in settings.operators],
            weight_quantize_type="channel_wise_abs_max",
            onnx_format=True,
            skip_tensor_list=list(settings.skip_tensors) or None,
        )


def _inspect(paddle: Any, executor: Any, source: Model, settings: StaticOptions) -> list[str]:
    """The program's feed names; refuses programs with nothing to quantize and tensors that are not there."""
    program, feed_names, _ = paddle.static.load_inference_model(str(source.paddle_prefix), executor)
    operators = [op for block in program.blocks for op in block.ops]
    if not {op.type for op in operators} & set(settings.operators):
        raise UnsupportedError(
            f"model {source.label}: none of the operators {', '.join(settings.operators)} in it, so nothing to quantize"
        )
    read = {name for op in operators for name in op.input_arg_names}
    if unknown := [name for name in settings.skip_tensors if name not in read]:
        raise InputError(
            f"skip_tensors: no operator of {source.label} reads {unknown[0]!r}; take names from the model's inputs and weights"
        )
    return list(feed_names)


class Feeds:
    """The calibration batches as PaddleSlim wants them: feed dictionaries."""

    def __init__(self, model: Model, task: "Task", settings: StaticOptions, *, channel: Channel) -> None:
        self._task = task
        self._model = model
        self._samples = list(task.calibration())
        if not self._samples:
            raise InputError("task: its calibration set is empty; give it images")
        self._size = settings.batch_size
        batches = math.ceil(len(self._samples) / self._size)
        self._batches = min(batches, settings.batches or batches)
        self._channel = channel
        self._read = 0

    def __len__(self) -> int:
        return self._batches

    def loader(self, feed_names: list[str]) -> Callable[[], Iterator[dict[str, Any]]]:
        """Streams the batches: one is in memory at a time, however many there are.

        A plain callable, although PaddleSlim's documents ask for a `paddle.io.DataLoader`: that one reads in a thread, and
        waits forever when reading raises.
        """
        return lambda: self._batches_by(feed_names)

    def _batches_by(self, feed_names: list[str]) -> Iterator[dict[str, Any]]:
        for index in range(self._batches):
            batch = self._samples[index * self._size : (index + 1) * self._size]
            feed = dict(zip(feed_names, self._stack(batch), strict=True))
            done, number = self._read % self._batches + 1, self._read // self._batches + 1
            self._read += 1
            self._channel.progress(done, self._batches, f"calibration pass {number}")
            yield feed

    def _stack(self, samples: "list[Sample]") -> list[Any]:
        prepared: list[Inputs] = [self._task.preprocess(sample.decode())[0] for sample in samples]
        stacked = {name: np.concatenate([inputs[name] for inputs in prepared]) for name in prepared[0]}
        values = matching_inputs(self._model.manifest.inputs, stacked)
        for spec, value in zip(self._model.manifest.inputs, values, strict=True):
            if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
                keys = ", ".join(sample.key for sample in samples)
                raise InputError(
                    f"input {spec.name!r}: not all values of calibration sample {keys} are finite; mend the task's preprocess"
                )
        return values


def _manifest(source: Model, settings: StaticOptions, *, folder: Path, variant: str, seconds: float) -> Manifest:
    scales = read_scales(folder / "model")
    if not scales["weights"]:
        raise UnsupportedError(f"model {source.label}: PaddleSlim quantized no weight of it")
    return source.manifest.model_copy(
        update={
            "precision": "int8",
            "method": "static",
            "variant": variant,
            "parent": source.digest,
            "float_twin": source.digest,
            "options": settings.model_dump(mode="json"),
            "scales": scales,
            "facts": source.manifest.facts | {"quantize_s": round(seconds, 2)},
            "versions": {name: package_version(name) or "" for name in ("paddlepaddle", "paddleslim")},
        }
    )
