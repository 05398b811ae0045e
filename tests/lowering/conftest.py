"""Tiny float ONNX networks, ranges measured on them, and what the runtimes make of the lowered ones."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper, shape_inference

from workbench.lowering import onnx_runtime, openvino, tensorrt
from workbench.lowering.half import to_half
from workbench.lowering.placement import Placement, place
from workbench.models.scales import ActivationRange, Scales

OPSET = 17
DIALECTS = {"onnxruntime": onnx_runtime.DIALECT, "openvino": openvino.DIALECT, "tensorrt": tensorrt.DIALECT}
STEPS = (
    "conv", "relu", "leaky_relu", "clip", "batch_norm", "residual", "concat", "max_pool", "average_pool", "nearest", "linear",
)  # fmt: skip
HEADS = ("conv", "gemm", "matmul")
ALLOWED_LOSS_DB = 1.0
PLENTY_DB = 30.0  # a few roundings to 8 bits: there a residual sum in INT8, which Paddle has not, costs up to 1.3 dB


class Network:
    """A network that grows operator by operator; each method returns the name of the tensor it makes."""

    def __init__(self, *shape: int | str, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = shape or (1, 8, 16, 16)
        self.nodes: list[Any] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, value: Any, name: str = "") -> str:
        name = name or f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def weight(self, *shape: int, name: str = "") -> str:
        inputs = np.prod(shape[1:]) if len(shape) > 2 else shape[0]
        return self.constant(self.random.normal(0, (2 / inputs) ** 0.5, shape).astype(np.float32), name)

    def add(self, kind: str, *inputs: str, name: str = "", outputs: int = 1, **attributes: Any) -> str:
        name = name or f"{kind.lower()}{len(self.nodes)}"
        made = [name] if outputs == 1 else [f"{name}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), made, name=f"node_{name}", **attributes))
        return made[0]

    def conv(self, source: str, channels: int = 8, *, inputs: int = 8, kernel: int = 3, group: int = 1) -> str:
        number = len(self.nodes)
        weight = self.weight(channels, inputs // group, kernel, kernel, name=f"w{number}")
        bias = self.constant(self.random.normal(0, 0.3, channels).astype(np.float32), f"b{number}")
        return self.add("Conv", source, weight, bias, pads=[kernel // 2] * 4, group=group, kernel_shape=[kernel] * 2)

    def model(self, *outputs: str, opset: int = OPSET) -> Any:
        inferred = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))],
            inferred,
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
        model = shape_inference.infer_shapes(model)
        onnx.checker.check_model(model)
        return model

    def samples(self, count: int = 4) -> list[np.ndarray]:
        shape = [1 if isinstance(axis, str) else axis for axis in self.shape]
        return [self.random.normal(0, 1, shape).astype(np.float32) for _ in range(count)]


def grow(network: Network, steps: Sequence[str], head: str) -> str:
    """A network by the names of its steps; a convolution follows wherever values would else stay unused."""
    last, channels, side = network.conv("x"), 8, 16
    for step in steps:
        if step == "conv":
            last = network.conv(last, inputs=channels, channels=8)
            channels = 8
        elif step == "relu":
            last = network.add("Relu", last)
        elif step == "leaky_relu":
            last = network.add("LeakyRelu", last, alpha=0.1)
        elif step == "clip":
            last = network.add("Clip", last, *(network.constant(np.float32(value)) for value in (0, 2)))
        elif step == "batch_norm":
            numbers = [network.random.uniform(0.5, 1.5, channels).astype(np.float32) for _ in range(4)]
            last = network.add("BatchNormalization", last, *map(network.constant, numbers))
        elif step == "residual":
            last = network.add("Add", last, network.conv(last, inputs=channels, channels=channels))
        elif step == "concat" and channels < 32:
            last = network.add("Concat", last, network.conv(last, inputs=channels, channels=channels), axis=1)
            channels *= 2
        elif step in ("max_pool", "average_pool") and side > 2:
            kind = "MaxPool" if step == "max_pool" else "AveragePool"
            last = network.add(kind, last, kernel_shape=[2, 2], strides=[2, 2])
            side //= 2
        elif step in ("nearest", "linear") and side < 32:
            factors = network.constant(np.array([1, 1, 2, 2], np.float32))
            last = network.add("Resize", last, "", factors, mode=step)
            side *= 2
    if head == "conv":
        return network.conv(last, inputs=channels, channels=6)
    flat = network.add("Flatten", network.add("GlobalAveragePool", last))
    if head == "matmul":
        return network.add("MatMul", flat, network.weight(channels, 6))
    return network.add("Gemm", flat, network.weight(channels, 6), network.constant(np.ones(6, np.float32)))


def run(model: Any, *samples: np.ndarray, plain: bool = False) -> list[np.ndarray]:
    """Outputs of all samples by ONNX Runtime, as it optimizes by default, or operator by operator."""
    options = onnxruntime.SessionOptions()
    if plain:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return [value for x in samples for value in session.run(None, {session.get_inputs()[0].name: x})]


def run_openvino(model: Any, *samples: np.ndarray) -> list[np.ndarray]:
    """Outputs of all samples by OpenVINO's CPU plugin."""
    runtime = pytest.importorskip("openvino")
    core = runtime.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", settings)
    return [np.array(found[output]) for x in samples for found in [compiled({0: x})] for output in compiled.outputs]


def run_plain(model: Any, *samples: np.ndarray) -> list[np.ndarray]:
    """Operator by operator, as the graph says: what stands for TensorRT where there is no GPU."""
    return run(model, *samples, plain=True)


RUNTIMES = {"onnxruntime": run, "openvino": run_openvino, "tensorrt": run_plain}


def copy_of(model: Any) -> Any:
    duplicate = onnx.ModelProto()
    duplicate.CopyFrom(model)
    return duplicate


def measured_ranges(model: Any, samples: list[np.ndarray]) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every float tensor that is computed, and of the input."""
    everything = copy_of(model)
    names = [name for node in model.graph.node for name in node.output]
    del everything.graph.output[:]
    everything.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(everything.SerializeToString(), options)
    entry = session.get_inputs()[0].name
    found: dict[str, tuple[float, float]] = {}
    for x in samples:
        values = zip([entry, *names], [x, *session.run(names, {entry: x})], strict=True)
        for name, value in values:
            if value.dtype == np.float32:
                low, high = found.get(name, (0.0, 0.0))
                found[name] = (min(low, float(value.min())), max(high, float(value.max())))
    return found


def scales_of(ranges: dict[str, tuple[float, float]], **kept: dict[str, str]) -> Scales:
    """Scales with these ranges; keywords are what each backend keeps in float."""
    return Scales(
        activations={
            name: ActivationRange(minimum=low, maximum=high, absmax=max(-low, high, 1e-6))
            for name, (low, high) in ranges.items()
        },
        kept_in_float=kept,
    )


def decibels(signal: list[np.ndarray], other: list[np.ndarray]) -> float:
    """Signal-to-noise ratio over all outputs together."""
    noise = sum(float(((a - b).astype(np.float64) ** 2).sum()) for a, b in zip(signal, other, strict=True))
    return 10 * float(np.log10(sum(float((a.astype(np.float64) ** 2).sum()) for a in signal) / max(noise, 1e-30)))


@dataclass
class Lowered:
    """A network before and after, and inputs for it."""

    before: Any
    placement: Placement
    samples: list[np.ndarray] = field(repr=False)
    backend: str

    @property
    def model(self) -> Any:
        return self.placement.model

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """What the lowered network stores."""
        return {value.name: numpy_helper.to_array(value) for value in self.model.graph.initializer}

    @property
    def pairs(self) -> set[str]:
        """Tensors that carry a pair."""
        return {node.input[0] for node in self.model.graph.node if node.op_type == "QuantizeLinear"}

    def reads_pair(self, tensor: str) -> list[str]:
        """Operators that read the tensor dequantized."""
        return sorted(node.op_type for node in self.model.graph.node if f"{tensor}.dequantized" in node.input)

    def parameters(self, tensor: str) -> tuple[float, int]:
        """Scale and zero point of a tensor's quantizer."""
        stored = self.constants
        node = next(n for n in self.model.graph.node if n.op_type == "QuantizeLinear" and n.input[0] == tensor)
        assert stored[node.input[2]].dtype == np.uint8
        return float(stored[node.input[1]]), int(stored[node.input[2]])

    @property
    def sqnr(self) -> float:
        return decibels(run(self.before, *self.samples), RUNTIMES[self.backend](self.model, *self.samples))

    def kernels(self) -> Counter[str]:
        """Operators of the graph as ONNX Runtime optimizes it."""
        with tempfile.TemporaryDirectory() as scratch:
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 3
            options.optimized_model_filepath = str(Path(scratch) / "optimized.onnx")
            onnxruntime.InferenceSession(self.model.SerializeToString(), options)
            return Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)


class Lowering:
    """What the tests lower with: `lowering(network, "output")`."""

    Network = Network
    STEPS, HEADS = STEPS, HEADS
    ALLOWED_LOSS_DB, PLENTY_DB = ALLOWED_LOSS_DB, PLENTY_DB
    backend = "onnxruntime"

    def __call__(
        self,
        network: Network,
        *outputs: str,
        backend: str = "",
        kept: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
        half: bool = False,
    ) -> Lowered:
        backend = backend or self.backend
        opset = tensorrt.HALF_OPSET if half else OPSET
        model, samples = network.model(*outputs, opset=opset), network.samples()
        ranges = {name: found for name, found in measured_ranges(model, samples).items() if name not in without}
        scales = scales_of(ranges, **{backend: kept or {}})
        placement = place(copy_of(model), scales, dialect=tensorrt.HALF_DIALECT if half else DIALECTS[backend])
        if half:
            placement = replace(placement, model=to_half(placement.model))
        onnx.checker.check_model(placement.model)
        return Lowered(model, placement, samples, backend)

    grow = staticmethod(grow)
    run = staticmethod(run)
    run_openvino = staticmethod(run_openvino)
    measured_ranges = staticmethod(measured_ranges)
    scales_of = staticmethod(scales_of)
    decibels = staticmethod(decibels)
    copy_of = staticmethod(copy_of)


@pytest.fixture(scope="session")
def lowering() -> Lowering:
    return Lowering()


@pytest.fixture
def network() -> Network:
    """An empty network with the input "x", 1x8x16x16."""
    return Network()
