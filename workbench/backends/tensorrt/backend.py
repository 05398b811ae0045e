"""NVIDIA TensorRT 10 and 11: FP32, FP16 and INT8 on GPUs, from networks whose types stand in the graph."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from workbench.backends.base import Availability, Backend, BackendOptions, Session, Settings
from workbench.backends.gpu.availability import gpu_availability, require_gpu
from workbench.backends.gpu.cuda import Cuda
from workbench.backends.gpu.install import TENSORRT
from workbench.backends.tensorrt.build import Built, build_plan, limited, started
from workbench.backends.tensorrt.messages import message_log
from workbench.backends.tensorrt.plan_cache import PlanCache, PlanKey
from workbench.backends.tensorrt.profile import ShapeRange, make_profile
from workbench.backends.tensorrt.session import Loaded, TensorRTSession
from workbench.cache import cache_folder
from workbench.errors import DeviceError, UnsupportedError
from workbench.machine import this_machine
from workbench.models.model import Format, Model
from workbench.records import Device, Precision

CUDA_PACKAGES = ("cuda-bindings",)
MAJORS = ("10", "11")
HALF = (Precision.FP16, Precision.INT8_FP16)


class TensorRTOptions(BackendOptions):
    """Options of TensorRT."""

    shapes: dict[str, ShapeRange] = Field(
        default_factory=dict,
        description="smallest, usual and largest shape of an input, batch axis included; default: the deployment's batch alone",
    )
    workspace_mb: int = Field(1024, ge=1, description="memory that a layer may use while it runs, in MiB")
    optimization_level: int = Field(3, ge=0, le=5, description="how long the builder looks for fast kernels")
    cuda_graph: bool = Field(False, description="record a run once and replay it, which spares the CPU's calls")


class TensorRT(Backend):
    """Runs lowered ONNX models as TensorRT plans, which are built when they are first opened on a GPU."""

    name = "tensorrt"
    title = "TensorRT"
    Options = TensorRTOptions
    takes = Format.ONNX
    precisions: ClassVar[Mapping[Device, frozenset[Precision]]] = {
        Device.GPU: frozenset({Precision.FP32, Precision.FP16, Precision.INT8, Precision.INT8_FP16}),
    }
    packages = ("tensorrt-cu12", "tensorrt", "tensorrt-cu13")
    pins_memory = True

    def _availability(self, device: Device) -> Availability:
        found = gpu_availability(self.packages, CUDA_PACKAGES, install=TENSORRT)
        if not found.ready:
            return found
        try:
            import tensorrt

            Cuda()("cudaSetDevice", 0)
        except (ImportError, OSError) as error:
            return Availability(f"TensorRT cannot be loaded: {error}", f"install it with: {TENSORRT}")
        except DeviceError as error:
            return Availability(str(error), "update NVIDIA's driver, and see that `nvidia-smi` shows the GPU")
        if tensorrt.__version__.partition(".")[0] not in MAJORS:
            return Availability(
                f"TensorRT {tensorrt.__version__} is here, and 10 or 11 is needed", f"install it with: {TENSORRT}"
            )
        return Availability()

    def prepare_function(self, model: Model, settings: Settings) -> str:
        """Models are lowered, those that others quantized too: with FP32 around the INT8 products, or with FP16."""
        if model.manifest.format is not Format.PADDLE and model.manifest.method != "published":
            return super().prepare_function(model, settings)
        return f"workbench.lowering.tensorrt:{'prepare_half_job' if settings.precision in HALF else 'prepare_job'}"

    def _open(self, model: Model, settings: Settings) -> Session:
        options = TensorRTOptions(**settings.options)
        profile = make_profile(model.manifest.inputs, batch=settings.batch, shapes=options.shapes)
        require_gpu(self.packages, CUDA_PACKAGES, install=TENSORRT)
        import tensorrt

        limits = {"workspace_mb": options.workspace_mb, "level": options.optimization_level}
        key = PlanKey(model.digest, tensorrt.__version__, this_machine().gpus[0], profile, limits)
        log = message_log(tensorrt)
        tensorrt.init_libnvinfer_plugins(log, "")
        runtime = started(tensorrt.Runtime, log)

        def build(timing_cache: bytes) -> Built:
            bounds = {
                number: profile[spec.name] for number, spec in enumerate(model.manifest.inputs) if spec.name in profile
            }
            configure = limited(tensorrt, **limits)
            return build_plan(
                tensorrt, model.onnx_file, log=log, profile=bounds, configure=configure, timing_cache=timing_cache
            )

        engine, plan = PlanCache(cache_folder() / "tensorrt").engine(
            key, build=build, load=runtime.deserialize_cuda_engine, complaint=log.complaint
        )
        if len(plan.outputs) != len(model.manifest.outputs):
            raise UnsupportedError(
                f"the plan has {len(plan.outputs)} outputs, and {model.label} has {len(model.manifest.outputs)}"
            )
        loaded = Loaded(tensorrt, log, runtime, engine, plan, profile)
        return TensorRTSession(model, settings, loaded, graph=options.cuda_graph)
