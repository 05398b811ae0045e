"""A plan that is loaded and run: copy in, inference, copy out, on one stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.backends.base import Arrays, Session, Settings
from workbench.backends.int8_proof import PROFILED_RUNS, int8_facts
from workbench.backends.tensorrt.execution import Execution
from workbench.backends.tensorrt.inspector import executed
from workbench.backends.tensorrt.plan_cache import Plan
from workbench.backends.tensorrt.profile import Profile, outside
from workbench.errors import UnsupportedError
from workbench.models.model import Model, matching_inputs

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
    """An engine and its execution; `graph`: runs are recorded and replayed."""

    def __init__(self, model: Model, settings: Settings, loaded: Loaded, *, graph: bool) -> None:
        super().__init__(model, settings)
        self._loaded, self._graph = loaded, graph
        self._execution = Execution(
            loaded.tensorrt, loaded.engine, loaded.plan, loaded.log, pinned=settings.pinned, graph=graph
        )
        self._cuda, self._stream = self._execution.cuda, self._execution.stream
        self._events = [self._cuda("cudaEventCreateWithFlags", 0) for _ in range(len(PARTS) + 1)]

    def describe(self) -> dict[str, Any]:
        """TensorRT's version, the plan, and its layers as the engine inspector lists them, timed with the last run's inputs."""
        tensorrt, plan = self._loaded.tensorrt, self._loaded.plan
        times = None if self._last_values is None else self._execution.layer_times(PROFILED_RUNS)
        inspector = self._loaded.engine.create_engine_inspector()
        information = inspector.get_engine_information(tensorrt.LayerInformationFormat.JSON)
        return {
            "engine": f"TensorRT {tensorrt.__version__}",
            "plan": {
                "size_mb": len(plan.data) / 1e6,
                "built_now": plan.fresh,
                "profile": {name: [list(shape) for shape in shapes] for name, shapes in self._loaded.profile.items()},
            },
            "build_s": plan.build_s,
            "cuda_graph": self._graph,
            **int8_facts(executed(information, times), run_ms=sum(times.values()) if times else None),
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
        """Free what CUDA holds."""
        for event in self._events:
            self._cuda.free("cudaEventDestroy", event)
        self._execution.close()

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return self._execute(values, lambda number: None)

    def _execute(self, values: list[NDArray[Any]], mark: Callable[[int], Any]) -> list[NDArray[Any]]:
        values = [np.ascontiguousarray(value) for value in values]
        shapes = tuple(value.shape for value in values)
        if shapes != self._execution.shapes:
            for spec, shape in zip(self.inputs, shapes, strict=True):
                if reason := outside(self._loaded.profile, spec.name, shape):
                    raise UnsupportedError(reason)
            self._execution.bind(shapes)
        mark(0)
        self._execution.send(values)
        mark(1)
        self._execution.infer()
        mark(2)
        outputs = self._execution.fetch()
        mark(3)
        self._execution.wait()
        # What lies in pinned memory the next run overwrites.
        return [value.copy() for value in outputs] if self.settings.pinned else outputs
