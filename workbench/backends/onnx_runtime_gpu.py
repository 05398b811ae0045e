"""ONNX Runtime on a GPU: the CUDA provider for float, the TensorRT provider for INT8, both with inputs and outputs bound to the GPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.backends.base import Arrays, Session, Settings, model_path
from workbench.backends.bound_tensors import BoundTensors
from workbench.backends.gpu.faults import device_faults
from workbench.backends.gpu.kept_engines import with_kept
from workbench.backends.gpu.tf32 import forbid_tf32
from workbench.backends.int8_proof import int8_facts
from workbench.backends.onnx_runtime_profile import nodes_by_provider
from workbench.backends.onnx_runtime_providers import (
    PROVIDER_NAMES,
    Provider,
    load_libraries,
    provider_list,
    refuse_fallback,
)
from workbench.errors import UnsupportedError
from workbench.models.model import Model, matching_inputs

CUDA_DEVICE = "cuda"


class OnnxRuntimeGpuSession(Session):
    """A session whose first provider is the one that was asked for; ONNX Runtime itself would go on on the CPU without an error.

    `engines` is the folder in which the TensorRT provider keeps those.
    """

    def __init__(
        self, model: Model, settings: Settings, *, provider: Provider, workspace_mb: int, engines: Path
    ) -> None:
        super().__init__(model, settings)
        forbid_tf32()
        self._path = model_path(model, "model.onnx")
        self._provider, self._engines = provider, engines
        self._providers = provider_list(provider, settings.precision, workspace_mb=workspace_mb, cache=engines)
        with device_faults():
            with_kept(engines, self._connect)

    def describe(self) -> dict[str, Any]:
        """Providers, and how many nodes each ran where there was a run; raises UnsupportedError when the wanted one ran none."""
        ran = {}
        if self._last_values is not None:
            with device_faults():
                ran = nodes_by_provider(self._create, self._bound.named(self._last_values))
        wanted = PROVIDER_NAMES[self._provider]
        if ran and not ran.get(wanted):
            raise UnsupportedError(f"{wanted} took no part of the network; it ran on: {', '.join(ran)}")
        # Neither provider tells in which type its kernels compute.
        return {
            "engine": "ONNX Runtime",
            "providers": self._session.get_providers(),
            "nodes_by_provider": ran,
            **int8_facts([]),
        }

    def parts_ms(self, inputs: Arrays) -> dict[str, float]:
        """One more run with the GPU waited for after each part."""
        return self._bound.parts_ms(matching_inputs(self.inputs, inputs))

    def close(self) -> None:
        """Free the bound memory and the session."""
        del self._bound, self._session

    def _create(self, options: Any = None) -> Any:
        import onnxruntime

        load_libraries(onnxruntime, self._provider)
        options = options or onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.settings.threads
        options.log_severity_level = 3
        if self._provider is Provider.TENSORRT:
            # TensorRT optimizes by itself, and ONNX Runtime would move the Q/DQ pairs first.
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        # Otherwise it would start on another provider, and only print why.
        session = onnxruntime.InferenceSession(self._path, options, providers=self._providers, enable_fallback=0)
        refuse_fallback(session.get_providers(), self._provider)
        return session

    def _run(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        with device_faults():
            # Where shapes are free, the provider loads its engine with the first run.
            return with_kept(self._engines, lambda: self._call(values), renew=self._connect)

    def _call(self, values: list[NDArray[Any]]) -> Sequence[NDArray[Any]]:
        self._bound.send(values)
        self._bound.infer()
        return self._bound.fetch()

    def _connect(self) -> None:
        self._session = self._create()
        self._bound = BoundTensors(self._session, CUDA_DEVICE)
