"""A plan that is loaded and run: copy in, inference, copy out, on one stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.backends.base import Arrays, Session, Settings
from workbench.backends.gpu.cuda import NON_BLOCKING_STREAM, Cuda
from workbench.backends.gpu.faults import LOWER_DEMAND
from workbench.backends.int8_proof import PROFILED_RUNS, int8_facts
from workbench.backends.tensorrt.buffers import TensorMemory
from workbench.backends.tensorrt.inspector import executed
from workbench.backends.tensorrt.plan_cache import Plan
from workbench.backends.tensorrt.profile import Profile, outside
from workbench.errors import DeviceError, UnsupportedError
from workbench.models.model import Model, matching_inputs

Shapes = tuple[tuple[int, ...], ...]
PARTS = ("host_to_device", "inference", "device_to_host")


@dataclass(frozen=True)
class Loaded:
    """An engine with what it hangs on: TensorRT's module, the logger that it complains to, its runtime, its plan.

    `profile` is the plan's, by the Model's names of inputs.
    """

    tensorrt: Any
    log: Any
    runtime: Any
    engine: Any
    plan: Plan
    profile: Profile


class TensorRTSession(Session):
    """An engine, its execution context, and memory for its inputs and outputs; `graph`: runs are recorded and replayed."""

    def __init__(self, model: Model, settings: Settings, loaded: Loaded, *, graph: bool) -> None:
        super().__init__(model, settings)
        self._loaded = loaded
        self._tensorrt, self._engine, self._plan = loaded.tensorrt, loaded.engine, loaded.plan
        self._graph = graph
        self._graphs: dict[Shapes | None, Any] = {}
        self._shapes: Shapes | None = None
        self._output_shapes: Shapes = ()
        self._cuda = Cuda()
        self._context = self._new_context()
        self._stream = self._cuda("cudaStreamCreateWithFlags", NON_BLOCKING_STREAM)
        self._events = [self._cuda("cudaEventCreateWithFlags", 0) for _ in range(len(PARTS) + 1)]
        self._memory = {
            name: TensorMemory(
                self._cuda,
                self._stream,
                self._tensorrt.nptype(self._engine.get_tensor_dtype(name)),
                pinned=settings.pinned,
            )
            for name in (*self._plan.inputs, *self._plan.outputs)
        }

    def describe(self) -> dict[str, Any]:
        """TensorRT's version, the plan, and its layers as the engine inspector lists them, timed with the last run's inputs."""
        times, run_ms = (None, None) if self._last_values is None else self._profiled(self._last_values)
        inspector = self._engine.create_engine_inspector()
        information = inspector.get_engine_information(self._tensorrt.LayerInformationFormat.JSON)
        return {
            "engine": f"TensorRT {self._tensorrt.__version__}",
            "plan": {
                "size_mb": len(self._plan.data) / 1e6,
                "built_now": self._plan.fresh,
                "profile": {name: [list(shape) for shape in shapes] for name, shapes in self._loaded.profile.items()},
            },
            "build_s": self._plan.build_s,
            "cuda_graph": self._graph,
            **int8_facts(executed(information, times), run_ms=run_ms),
        }

    def parts_ms(self, inputs: Arrays) -> dict[str, float]:
        """One more run with an event between its parts: the GPU's own clock."""
        self._execute(
            matching_inputs(self.inputs, inputs),
            lambda number: self._cuda("cudaEventRecord", self._events[number], self._stream),
        )
        pairs = zip(PARTS, self._events, self._events[1:], strict=False)
        return {name: float(self._cuda("cudaEventElapsedTime", start, end)) for name, start, end in pairs}

    def close(self) -> None:
        """Free graphs, memory, stream and engine, in this order."""
        self._forget_graphs()
        for memory in self._memory.values():
            memory.free()
        for event in self._events:
            self._cuda("cudaEventDestroy", event)
        self._cuda("cudaStreamDestroy", self._stream)
        self._context = self._engine = None

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return self._execute(values, lambda number: None)

    def _execute(self, values: list[NDArray[Any]], mark: Callable[[int], Any]) -> list[NDArray[Any]]:
        values = [np.ascontiguousarray(value) for value in values]
        shapes = self._bind(values)
        mark(0)
        for name, value in zip(self._plan.inputs, values, strict=True):
            self._memory[name].send(value)
        mark(1)
        self._infer()
        mark(2)
        outputs = [self._memory[name].fetch(shape) for name, shape in zip(self._plan.outputs, shapes, strict=True)]
        mark(3)
        self._cuda("cudaStreamSynchronize", self._stream)
        # What lies in pinned memory the next run overwrites.
        return [value.copy() for value in outputs] if self.settings.pinned else outputs

    def _bind(self, values: list[NDArray[Any]]) -> Shapes:
        """Tell TensorRT the inputs' shapes, where they are new; returns the outputs'."""
        shapes: Shapes = tuple(value.shape for value in values)
        if shapes == self._shapes:
            return self._output_shapes
        self._shapes = None  # until all of it went well
        for spec, name, shape in zip(self.inputs, self._plan.inputs, shapes, strict=True):
            if (reason := outside(self._loaded.profile, spec.name, shape)) or not self._context.set_input_shape(
                name, shape
            ):
                raise UnsupportedError(reason or f"input {spec.name!r}: TensorRT refuses shape {list(shape)}")
        if missing := self._context.infer_shapes():
            raise UnsupportedError(f"TensorRT needs values, not shapes, of: {', '.join(missing)}")
        moved = [self._place(name) for name in (*self._plan.inputs, *self._plan.outputs)]
        if any(moved):
            self._forget_graphs()
        self._output_shapes = tuple(tuple(self._context.get_tensor_shape(name)) for name in self._plan.outputs)
        self._shapes = shapes
        return self._output_shapes

    def _place(self, name: str) -> bool:
        shape = tuple(self._context.get_tensor_shape(name))
        if any(length < 0 for length in shape):
            raise UnsupportedError(
                f"output {name!r} has as many entries as are found; cut a detector's suppression off (model.strip_nms)"
            )
        moved = self._memory[name].reserve(shape)
        self._context.set_tensor_address(name, self._memory[name].address)
        return moved

    def _infer(self) -> None:
        if not self._graph:
            self._enqueue(self._context)
            return
        if self._shapes not in self._graphs:
            # The first run with a shape does work that a recording must not hold.
            self._enqueue(self._context)
            self._cuda("cudaStreamSynchronize", self._stream)
            self._graphs[self._shapes] = self._recorded()
        self._cuda("cudaGraphLaunch", self._graphs[self._shapes], self._stream)

    def _recorded(self) -> Any:
        self._cuda("cudaStreamBeginCapture", self._stream, self._cuda.relaxed_capture)
        self._enqueue(self._context)
        recording = self._cuda("cudaStreamEndCapture", self._stream)
        graph = self._cuda("cudaGraphInstantiate", recording, 0)
        self._cuda("cudaGraphDestroy", recording)
        return graph

    def _forget_graphs(self) -> None:
        for graph in self._graphs.values():
            self._cuda("cudaGraphExecDestroy", graph)
        self._graphs.clear()

    def _enqueue(self, context: Any) -> None:
        if not context.execute_async_v3(int(self._stream)):
            raise DeviceError(f"TensorRT does not run the plan: {self._complaint()}")

    def _new_context(self) -> Any:
        context = self._engine.create_execution_context()
        if context is None:
            needed = self._engine.device_memory_size_v2 / 1e6
            raise DeviceError(
                f"TensorRT cannot have the {needed:.0f} MB that the plan works in ({self._complaint()}); {LOWER_DEMAND}"
            )
        return context

    def _complaint(self) -> str:
        errors = self._loaded.log.errors
        return " ".join(errors[-1].split()) if errors else "it gives no reason"

    def _profiled(self, values: list[NDArray[Any]]) -> tuple[dict[str, float], float]:
        """Mean time of each layer over some runs, in ms, and their sum: in a context of its own, for profiling stays on."""
        times: dict[str, float] = {}

        class LayerTimes(self._tensorrt.IProfiler):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()

            def report_layer_time(self, layer: str, ms: float) -> None:
                times[layer] = times.get(layer, 0.0) + ms / PROFILED_RUNS

        self._run(values)
        context, profiler = self._new_context(), LayerTimes()
        for name, value in zip(self._plan.inputs, values, strict=True):
            context.set_input_shape(name, value.shape)
        for name, memory in self._memory.items():
            context.set_tensor_address(name, memory.address)
        context.profiler = profiler
        for _ in range(PROFILED_RUNS):
            self._enqueue(context)
            self._cuda("cudaStreamSynchronize", self._stream)
        return times, sum(times.values())
