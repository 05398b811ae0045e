"""TensorRT under Paddle Inference: Paddle hands over the parts of a program that TensorRT has, and runs the rest itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.backends.base import Availability, Backend, BackendOptions, Session, Settings
from workbench.backends.gpu.availability import gpu_availability, require_gpu
from workbench.backends.gpu.faults import device_faults
from workbench.backends.gpu.install import PADDLE, TENSORRT
from workbench.backends.gpu.kept_engines import engine_folder
from workbench.backends.paddle_gpu import ENGINE_OPERATOR, PaddleGpuSession, gpu_config
from workbench.backends.tensorrt.profile import Profile, ShapeRange, make_profile, outside
from workbench.compatibility import import_paddle
from workbench.errors import UnsupportedError
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

MEBIBYTE = 1024 * 1024
NO_PLAIN_INT8 = "Paddle-TensorRT lets whatever is not INT8 compute in FP16, which Paddle switches on with INT8: deploy it as int8+fp16"


class PaddleTensorRTOptions(BackendOptions):
    """Options of Paddle-TensorRT."""

    shapes: dict[str, ShapeRange] = Field(
        default_factory=dict,
        description="smallest, usual and largest shape of an input, batch axis included; default: the deployment's batch alone",
    )
    min_subgraph_size: int = Field(3, ge=1, description="operators in a row that are worth an engine")
    explicit_quantization: bool = Field(
        False, description="give TensorRT the Q/DQ pairs themselves, in place of ranges taken from them"
    )
    left_to_paddle: list[str] = Field(
        default_factory=list, description="kinds of operators that TensorRT is not to run"
    )
    workspace_mb: int = Field(1024, ge=1, description="memory that a layer may use while it runs, in MiB")


class PaddleTensorRT(Backend):
    """Runs Paddle models through `enable_tensorrt_engine`."""

    name = "paddle_tensorrt"
    title = "Paddle-TensorRT"
    Options = PaddleTensorRTOptions
    takes = Format.PADDLE
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.GPU: frozenset({Precision.FP32, Precision.FP16, Precision.INT8_FP16}),
    }
    packages = ("paddlepaddle-gpu",)
    runs_nms = True

    def supports(self, precision: Precision, device: Device) -> str:
        """INT8 alone is told apart: it exists in TensorRT, and not here."""
        return (
            NO_PLAIN_INT8
            if precision is Precision.INT8 and device is Device.GPU
            else super().supports(precision, device)
        )

    def _availability(self, device: Device) -> Availability:
        found = gpu_availability(self.packages, install=PADDLE)
        if not found.ready:
            return found
        import_paddle()
        from paddle import inference

        compiled, loaded = inference.get_trt_compile_version(), inference.get_trt_runtime_version()
        if not any(compiled):
            return Availability("this build of Paddle has no TensorRT in it", f"install it with: {PADDLE}")
        if not any(loaded):
            version = ".".join(map(str, compiled))
            install = "" if package_version("tensorrt-cu12") else f"install it with: {TENSORRT}; "
            return Availability(
                f"Paddle was built with TensorRT {version} and finds no libnvinfer.so",
                f"{install}docs/gpu.md says how to link its library under that name",
            )
        return Availability()

    def _open(self, model: Model, settings: Settings) -> Session:
        options = PaddleTensorRTOptions(**settings.options)
        profile = make_profile(model.manifest.inputs, batch=settings.batch, shapes=options.shapes)
        require_gpu(self.packages, install=PADDLE)
        import_paddle()
        from paddle import inference

        # Paddle does not look which TensorRT its kept engines are of.
        versions = [self.version(), inference.get_trt_runtime_version()]
        folder = engine_folder(
            self.name, model.digest, versions, settings.precision, options.model_dump(mode="json"), profile
        )
        return PaddleTensorRTSession(model, settings, options=options, profile=profile, folder=folder)


class PaddleTensorRTSession(PaddleGpuSession):
    """A predictor whose program holds TensorRT engines; `folder` keeps them, and the shapes that its tensors take."""

    engine = "Paddle Inference (TensorRT)"

    def __init__(
        self, model: Model, settings: Settings, *, options: PaddleTensorRTOptions, profile: Profile, folder: Path
    ) -> None:  # fmt: skip
        engines, shapes = folder / "engines", folder / "shapes.pbtxt"
        engines.mkdir(exist_ok=True)
        if profile and not shapes.is_file():
            import_paddle()
            from paddle import inference as engine

            with device_faults():
                collect_shapes(gpu_config(engine, model, Settings(device=Device.GPU)), model, profile, shapes)

        def configure(config: Any, inference: Any) -> None:
            kinds = inference.PrecisionType
            config.enable_tensorrt_engine(
                workspace_size=options.workspace_mb * MEBIBYTE,
                max_batch_size=settings.batch,
                min_subgraph_size=options.min_subgraph_size,
                precision_mode={Precision.FP16: kinds.Half, Precision.INT8_FP16: kinds.Int8}.get(
                    settings.precision, kinds.Float32
                ),
                use_static=True,
                # Ranges come with the model, not from images.
                use_calib_mode=False,
            )
            if profile:
                config.enable_tuned_tensorrt_dynamic_shape(str(shapes), True)
            if options.left_to_paddle:
                config.exp_disable_tensorrt_ops(options.left_to_paddle)
            if options.explicit_quantization and settings.precision.is_quantized:
                config.enable_tensorrt_explicit_quantization()

        self._profile = profile
        super().__init__(model, settings, configure=configure, folder=engines)

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        for spec, value in zip(self.inputs, values, strict=True):
            # Paddle would build its engines anew, while it is measured.
            if reason := outside(self._profile, spec.name, value.shape):
                raise UnsupportedError(reason)
        return super()._run(values)

    def _facts(self, operators: Counter[str]) -> dict[str, Any]:
        left = {kind: number for kind, number in operators.items() if kind != ENGINE_OPERATOR}
        return {"engines": operators[ENGINE_OPERATOR], "left_to_paddle": left, "int8_share": None}


def collect_shapes(config: Any, model: Model, profile: Profile, file: Path) -> None:
    """Run a model, as `config` opens it, on zeros of the smallest, usual and largest shapes, and keep which shapes its tensors take.

    TensorRT needs bounds for every tensor that enters an engine, not only for the network's inputs. Raises UnsupportedError where
    Paddle keeps none.
    """
    from paddle import inference

    config.collect_shape_range_info(str(file))
    predictor = inference.create_predictor(config)
    for size in range(3):
        for name, spec in zip(predictor.get_input_names(), model.manifest.inputs, strict=True):
            shape = profile[spec.name][size] if spec.name in profile else spec.shape
            predictor.get_input_handle(name).copy_from_cpu(np.zeros(shape, spec.dtype))
        predictor.run()
    # The file is written when the predictor goes.
    del predictor
    if not file.is_file():
        raise UnsupportedError(f"Paddle kept no shapes of {model.label} in a trial run, which Paddle-TensorRT needs")
