"""Static post-training quantization: ranges from calibration data, per-channel weights, INT8 on disk."""

import time
from pathlib import Path
from typing import Any

from pydantic import Field

from workbench.models.model import Model
from workbench.models.scales import ALL_BACKENDS, ActivationRange, Scales
from workbench.quant.base import MethodOptions
from workbench.quant.calibration import Calibration, calibrate
from workbench.quant.program import Operator, QuantizedProgram
from workbench.quant.ranges import Algorithm, Ranges
from workbench.quant.write import SKIPPED_BY_RECIPE, Origin, write_int8
from workbench.worker import Channel

KeptInFloat = dict[str, dict[str, str]]


class StaticOptions(MethodOptions):
    """Options of static quantization.

    What PaddleSlim 2.6 accepts and then ignores in the format that the runtimes need (`onnx_format=True`) is not here:
    bias correction, `min_max`, `activation_quantize_type`; nor is `adaround`, which gives garbage in that format.
    """

    algo: Algorithm = Field(Algorithm.HIST, description="how ranges are chosen")
    hist_percent: float = Field(0.99999, gt=0, le=1, description="share of values kept inside the range (algo hist)")
    batch_size: int = Field(1, ge=1, description="calibration samples per batch")
    batches: int | None = Field(
        None, ge=1, description="calibration batches; default: the task's whole calibration set"
    )
    operators: tuple[Operator, ...] = Field(tuple(Operator), min_length=1, description="operators to quantize")
    skip_tensors: tuple[str, ...] = Field((), description="operators that read one of these tensors stay in float")

    def variant(self) -> str:
        """The algorithm, and whether anything was skipped."""
        return self.algo + (f"-skip{len(self.skip_tensors)}" if self.skip_tensors else "")

    def kept_identity(self) -> list[Any]:
        """What the activation statistics depend on; models that differ in the rest share them."""
        return [self.batch_size, self.batches]


def quantize_job(
    channel: Channel, *, model: str, task: dict[str, Any], method: str, options: dict[str, Any], variant: str, kept: str, models: str
) -> dict[str, Any]:  # fmt: skip
    """Worker job: quantize the Paddle Model in folder `model`; returns the new Model's digest and the seconds it took.

    Activation statistics are read from file `kept`; when it is not there, calibration runs and leaves it. The seconds
    leave out the loading of libraries.
    """
    settings = StaticOptions.model_validate(options)
    source = Model.open(Path(model))
    program = QuantizedProgram(source, settings.operators)
    program.check_names(settings.skip_tensors)
    start = time.perf_counter()
    calibration = calibrate(
        channel, source, task, path=Path(kept), batch_size=settings.batch_size, batches=settings.batches
    )
    origin = Origin(method, variant, settings.model_dump(mode="json"), parent=source.digest)
    digest = _write(source, program, settings, calibration, origin=origin, kept_in_float={}, models=Path(models))
    return {"digest": digest, "seconds": time.perf_counter() - start}


def requantize_job(
    channel: Channel, *, model: str, statistics: str, method: str, options: dict[str, Any], variant: str, kept_in_float: KeptInFloat, models: str
) -> dict[str, Any]:  # fmt: skip
    """Worker job: as `quantize_job` from statistics that are there, with layers kept in float for some backends."""
    settings = StaticOptions.model_validate(options)
    source = Model.open(Path(model))
    program = QuantizedProgram(source, settings.operators)
    program.check_names([*settings.skip_tensors, *(name for found in kept_in_float.values() for name in found)])
    start = time.perf_counter()
    calibration = Calibration.load(Path(statistics))
    origin = Origin(method, variant, settings.model_dump(mode="json"), parent=source.digest)
    digest = _write(
        source, program, settings, calibration, origin=origin, kept_in_float=kept_in_float, models=Path(models)
    )
    return {"digest": digest, "seconds": time.perf_counter() - start}


def _write(
    source: Model, program: QuantizedProgram, settings: StaticOptions, calibration: Calibration, *, origin: Origin, kept_in_float: KeptInFloat, models: Path
) -> str:  # fmt: skip
    """Make the quantized Model; returns its digest."""
    if settings.skip_tensors:
        kept_in_float = kept_in_float | {ALL_BACKENDS: dict.fromkeys(settings.skip_tensors, SKIPPED_BY_RECIPE)}
    scales = Scales(activations=choose_ranges(calibration, settings), kept_in_float=kept_in_float)
    return write_int8(source, program, scales, models, origin=origin, facts=calibration.facts).digest


def choose_ranges(calibration: Calibration, settings: StaticOptions) -> dict[str, ActivationRange]:
    """The range of every activation that had values."""
    ranges = Ranges(calibration.statistics, settings.algo, hist_percent=settings.hist_percent)
    return {name: ranges.of(row) for name, row in calibration.rows.items() if calibration.statistics.batches[row]}
