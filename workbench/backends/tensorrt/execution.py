"""An engine at work: an execution context, memory for its inputs and outputs, and, when asked for, a recorded run that is replayed."""

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from workbench.backends.gpu.cuda import NON_BLOCKING_STREAM, Cuda
from workbench.backends.gpu.faults import LOWER_DEMAND
from workbench.backends.tensorrt.buffers import TensorMemory
from workbench.backends.tensorrt.plan_cache import Plan
from workbench.errors import DeviceError, UnsupportedError

Shapes = tuple[tuple[int, ...], ...]


class Execution:
    """Runs an engine on one stream; `log` is what TensorRT complains to, `graph`: a run is recorded and replayed.

    `shapes` are those of the inputs that are bound. Raises DeviceError where the GPU is at fault, UnsupportedError where the plan
    does not take what it is given.
    """

    def __init__(self, tensorrt: Any, engine: Any, plan: Plan, log: Any, *, pinned: bool, graph: bool) -> None:
        self._tensorrt, self._engine, self._plan, self._log = tensorrt, engine, plan, log
        self.cuda = Cuda()
        self._context = self._new_context()
        self.stream = self.cuda("cudaStreamCreateWithFlags", NON_BLOCKING_STREAM)
        self._memory = {
            name: TensorMemory(
                self.cuda, self.stream, tensorrt.nptype(engine.get_tensor_dtype(name)), pinned=pinned
            )
            for name in (*plan.inputs, *plan.outputs)
        }  # fmt: skip
        self._records = graph
        self._recorded: Any = None
        self.shapes: Shapes | None = None
        self._output_shapes: Shapes = ()

    def bind(self, shapes: Shapes) -> None:
        """Tell TensorRT the inputs' shapes, and where inputs and outputs lie."""
        self.shapes = None  # until all of it went well
        self._forget_recorded()
        for name, shape in zip(self._plan.inputs, shapes, strict=True):
            if not self._context.set_input_shape(name, shape):
                raise UnsupportedError(
                    f"TensorRT refuses shape {list(shape)} of input {name!r}: {self._log.complaint()}"
                )
        if missing := self._context.infer_shapes():
            raise UnsupportedError(f"TensorRT needs values, not shapes, of: {', '.join(missing)}")
        for name in self._memory:
            self._place(name)
        self._output_shapes = tuple(tuple(self._context.get_tensor_shape(name)) for name in self._plan.outputs)
        self.shapes = shapes

    def send(self, values: Sequence[NDArray[Any]]) -> None:
        """Start the copies of C-contiguous arrays, of the shapes that were bound, to the GPU."""
        for name, value in zip(self._plan.inputs, values, strict=True):
            self._memory[name].send(value)

    def infer(self) -> None:
        """Start a run."""
        if not self._records:
            self._enqueue(self._context)
            return
        if self._recorded is None:
            # The first run with a shape does work that a recording must not hold.
            self._enqueue(self._context)
            self.wait()
            self._recorded = self._record()
        self.cuda("cudaGraphLaunch", self._recorded, self.stream)

    def fetch(self) -> list[NDArray[Any]]:
        """Start the copies of the outputs to the host; they are whole after `wait`, and in pinned memory the next run's as well."""
        return [
            self._memory[name].fetch(shape) for name, shape in zip(self._plan.outputs, self._output_shapes, strict=True)
        ]

    def wait(self) -> None:
        """Wait for all that was started."""
        self.cuda("cudaStreamSynchronize", self.stream)

    def layer_times(self, runs: int) -> dict[str, float]:
        """Mean time of each layer by name over some runs, in ms, with what was bound and sent last."""
        times: dict[str, float] = {}

        class LayerTimes(self._tensorrt.IProfiler):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()

            def report_layer_time(self, layer: str, ms: float) -> None:
                times[layer] = times.get(layer, 0.0) + ms / runs

        # In a context of its own, for profiling stays on.
        context, profiler = self._new_context(), LayerTimes()
        for name, shape in zip(self._plan.inputs, self.shapes or (), strict=True):
            context.set_input_shape(name, shape)
        for name, memory in self._memory.items():
            context.set_tensor_address(name, memory.address)
        context.profiler = profiler
        for _ in range(runs):
            self._enqueue(context)
            self.wait()
        return times

    def close(self) -> None:
        """Free the recorded run, memory, stream and context, in this order."""
        self._forget_recorded()
        for memory in self._memory.values():
            memory.free()
        self.cuda.free("cudaStreamDestroy", self.stream)
        self._context = self._engine = None

    def _place(self, name: str) -> None:
        shape = tuple(self._context.get_tensor_shape(name))
        if any(length < 0 for length in shape):
            raise UnsupportedError(
                f"output {name!r} has as many entries as are found; cut a detector's suppression off (model.strip_nms)"
            )
        self._memory[name].reserve(shape)
        self._context.set_tensor_address(name, self._memory[name].address)

    def _new_context(self) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            needed = self._engine.device_memory_size_v2 / 1e6
            raise DeviceError(
                f"TensorRT cannot have the {needed:.0f} MB that the plan works in ({self._log.complaint()}); {LOWER_DEMAND}"
            )
        return context

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(int(self.stream)):
            raise DeviceError(f"TensorRT does not run the plan: {self._log.complaint()}")

    def _record(self) -> Any:
        self.cuda("cudaStreamBeginCapture", self.stream, self.cuda.relaxed_capture)
        self._enqueue(self._context)
        recording = self.cuda("cudaStreamEndCapture", self.stream)
        graph = self.cuda("cudaGraphInstantiate", recording, 0)
        self.cuda("cudaGraphDestroy", recording)
        return graph

    def _forget_recorded(self) -> None:
        if self._recorded is not None:
            self.cuda.free("cudaGraphExecDestroy", self._recorded)
            self._recorded = None
