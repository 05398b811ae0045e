"""Stands for NVIDIA's `tensorrt`: parser and builder are TensorRT-RTX's real ones; its runtime, which needs a GPU, is played.

A plan holds the network and what it was built for. An engine computes with ONNX Runtime, on the stream, from and to the addresses that
it was given. What it says when it refuses is what TensorRT says.
"""

import ctypes
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt_rtx_bindings as real
from cuda.bindings import runtime as cuda
from fake_gpu import STATE

__version__ = STATE["tensorrt"]
NO_MEMORY = "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)"
parsed: list[str] = []


def __getattr__(name: str) -> Any:
    return getattr(real, name)


class OnnxParser(real.OnnxParser):
    def parse_from_file(self, model: str) -> bool:
        parsed.append(model)
        return bool(super().parse_from_file(model))


class Builder(real.Builder):
    def __init__(self, logger: Any) -> None:
        super().__init__(logger)
        self._log = logger

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        if STATE["build_bytes"] > STATE["free"]:
            self._log.log(real.ILogger.ERROR, NO_MEMORY)
            self._log.log(real.ILogger.ERROR, "IBuilder::buildSerializedNetwork: Error Code 10: Internal Error")
            return None
        if super().build_serialized_network(network, config) is None:
            return None
        return json.dumps(_place()).encode() + b"\n" + Path(parsed[-1]).read_bytes()


class Runtime:
    def __init__(self, logger: Any) -> None:
        self._log = logger
        if not STATE["starts"]:
            logger.log(real.ILogger.ERROR, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Any:
        about, _, network = serialized_engine.partition(b"\n")
        built = json.loads(about)
        if STATE["plan_bytes"] > STATE["free"]:
            self._log.log(real.ILogger.ERROR, NO_MEMORY)
        elif built["compute_cap"] != STATE["compute_cap"]:
            said = f"The engine plan file is generated on an incompatible device, expecting compute {STATE['compute_cap']} got compute "
            self._log.log(real.ILogger.ERROR, f"{said}{built['compute_cap']}, please rebuild.")
        elif built["tensorrt"] != STATE["tensorrt"]:
            self._log.log(real.ILogger.ERROR, "Error Code 1: Serialization (Version tag does not match)")
        else:
            return ICudaEngine(network, self._log)
        return None


class ICudaEngine:
    def __init__(self, network: bytes, log: Any) -> None:
        import onnxruntime

        self.log = log
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self.entries = {entry.name: entry for entry in (*self.session.get_inputs(), *self.session.get_outputs())}
        self.device_memory_size_v2 = STATE["context_bytes"]

    def create_execution_context(self) -> Any:
        if STATE["context_bytes"] > STATE["free"]:
            self.log.log(real.ILogger.ERROR, NO_MEMORY)
            return None
        return IExecutionContext(self)

    def get_tensor_dtype(self, name: str) -> Any:
        return {"tensor(float)": real.DataType.FLOAT, "tensor(int64)": real.DataType.INT64}[self.entries[name].type]

    def create_engine_inspector(self) -> Any:
        return EngineInspector()


class EngineInspector:
    def get_engine_information(self, format: Any) -> str:
        assert format is real.LayerInformationFormat.JSON
        return json.dumps({"Layers": [{"Name": "all of it", "LayerType": "gemm", "Inputs": [{"Datatype": "Float"}]}]})


class IExecutionContext:
    def __init__(self, engine: ICudaEngine) -> None:
        self._engine = engine
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        self.profiler: Any = None

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        if STATE["refuses_shapes"]:
            self._engine.log.log(real.ILogger.ERROR, "IExecutionContext::setInputShape: Error Code 3: API Usage Error")
            return False
        self._shapes[name] = shape
        return True

    def infer_shapes(self) -> list[str]:
        inputs = [entry.name for entry in self._engine.session.get_inputs()]
        if missing := [name for name in inputs if name not in self._shapes]:
            return missing
        zeros = [np.zeros(self._shapes[name], np.float32) for name in inputs]
        self._shapes |= {name: value.shape for name, value in self._computed(zeros)}
        return []

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self._shapes[name]

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        if STATE["breaks"]:
            STATE["broken"] = True
            self._engine.log.log(real.ILogger.ERROR, STATE["breaks"])
            return False
        # As in a recording: shapes and addresses are those of now, values those of when it runs.
        shapes, addresses = dict(self._shapes), dict(self._addresses)
        cuda.start(int(stream_handle), lambda: self._execute(shapes, addresses))
        return True

    def _execute(self, shapes: dict[str, tuple[int, ...]], addresses: dict[str, int]) -> None:
        inputs = [entry.name for entry in self._engine.session.get_inputs()]
        values = [_array(addresses[name], shapes[name]).copy() for name in inputs]
        for name, value in self._computed(values):
            _array(addresses[name], value.shape)[...] = value
        if self.profiler is not None:
            self.profiler.report_layer_time("all of it", 0.5)

    def _computed(self, values: list[Any]) -> Iterator[tuple[str, Any]]:
        session = self._engine.session
        feeds = {entry.name: value for entry, value in zip(session.get_inputs(), values, strict=True)}
        return zip((entry.name for entry in session.get_outputs()), session.run(None, feeds), strict=True)


def _array(address: int, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape))
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(address)).reshape(shape)


def _place() -> dict[str, str]:
    return {name: STATE[name] for name in ("tensorrt", "compute_cap")}
