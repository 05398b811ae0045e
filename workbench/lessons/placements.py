"""One network with its Q/DQ pairs in different places: what a GPU's builder makes of each, and what each costs in accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.backends.tensorrt.kernels import Kernel, read_kernel
from workbench.backends.tensorrt.rtx_plan import name_products, rtx_missing
from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.lessons.network_drawing import PAIR, Node, drawn_nodes
from workbench.lowering import onnx_runtime, tensorrt
from workbench.lowering.jobs import lower
from workbench.lowering.onnx_export import export_float
from workbench.lowering.plan import Dialect, Plan, handles
from workbench.models.model import Model
from workbench.pipeline.lesson import Lesson
from workbench.records import Status
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

FP32, NO_WEIGHTS, BEHIND, EVERYWHERE, OURS, FOR_CPU = (
    "FP32", "weights left in float", "behind the product", "everywhere", "ours", "for ONNX Runtime on CPU",
)  # fmt: skip
PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
OTHERS = (
    "Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu", "MaxPool", "Mul",
    "Relu", "Reshape", "Resize", "Sigmoid", "Slice", "Softmax", "Split", "Squeeze", "Transpose", "Unsqueeze",
)  # fmt: skip
SAMPLES = 8
TIMEOUT_S = 300


@dataclass(frozen=True)
class Placed:
    """A network with its pairs in one kind of place: the ONNX file, its nodes, SQNR of its outputs on CPU in dB.

    `kernels` are those of the plan; where there is none, `reason` says why in one line.
    """

    name: str
    file: Path
    nodes: list[Node]
    sqnr_db: float | None
    kernels: list[Kernel] = field(default_factory=list)
    reason: str = ""

    @property
    def products(self) -> int:
        """How many matrix products it has, convolutions among them."""
        return sum(node.kind in PRODUCTS for node in self.nodes)

    @property
    def pairs(self) -> int:
        """How many Q/DQ pairs stand on activations."""
        return sum(node.kind == PAIR for node in self.nodes)

    @property
    def int8_products(self) -> int:
        """How many kernels multiply int8 activations with int8 weights."""
        return sum(kernel.multiplies_int8 for kernel in self.kernels)

    @property
    def traffic_mb(self) -> float:
        """MB (1e6 bytes) of activations that the kernels read and write for one sample."""
        return sum(kernel.traffic for kernel in self.kernels) / 1e6


def place(lesson: Lesson, model: str, *, sm: str) -> dict[str, Placed]:
    """The model that method `static` made, with its pairs in each kind of place, and the plans for a GPU generation such as `SM89`.

    Without TensorRT-RTX there are no plans, and `reason` says so. Raises WorkbenchError when the networks cannot be made.
    """
    folder = lesson.folder / "placements"
    folder.mkdir(exist_ok=True)
    samples = [
        lesson.task.preprocess(sample.decode())[0]
        for sample, _ in zip(lesson.task.evaluation(), range(SAMPLES), strict=False)
    ]
    np.savez(folder / "samples.npz", *(next(iter(inputs.values())) for inputs in samples))
    arguments = {"model": str(lesson.models[model].folder), "folder": str(folder)}
    made = run_job("workbench.lessons.placements:place_job", arguments, log=folder / "place.log", timeout_s=TIMEOUT_S)
    if made.status is not Status.OK:
        raise WorkbenchError(f"placing pairs: {made.status}: {made.reason}")
    placed = [
        Placed(found["name"], folder / found["file"], [Node(*node) for node in found["nodes"]], found["sqnr_db"])
        for found in made.value
    ]
    return {found.name: _with_plan(found, sm) for found in placed}


def place_job(channel: Channel, *, model: str, folder: str) -> list[dict[str, Any]]:
    """Worker job: write the network in each form below `folder`, where samples.npz lies, and measure its outputs' SQNR."""
    import onnx

    source, target = Model.open(Path(model)), Path(folder)
    with np.load(target / "samples.npz", allow_pickle=False) as stored:
        samples = [stored[name] for name in stored.files]
    networks = {FP32: export_float(source.float_twin)}
    networks |= {name: lower(source, dialect=dialect).model for name, dialect in DIALECTS.items()}
    signal = _outputs(networks[FP32], samples)
    found = []
    for number, (name, network) in enumerate(networks.items()):
        name_products(network)
        onnx.save(network, str(target / f"{number}.onnx"))
        noise = float(((_outputs(network, samples) - signal) ** 2).sum())
        sqnr = 10 * np.log10(float((signal**2).sum()) / noise) if noise else None
        found.append({"name": name, "file": f"{number}.onnx", "nodes": drawn_nodes(network), "sqnr_db": sqnr})
    return found


def _with_plan(placed: Placed, sm: str) -> Placed:
    if reason := rtx_missing():
        return replace(placed, reason=reason)
    arguments = {"network": str(placed.file), "sm": sm}
    built = run_job(
        "workbench.backends.tensorrt.rtx_plan:kernels_job",
        arguments,
        log=placed.file.with_suffix(".log"),
        timeout_s=TIMEOUT_S,
    )
    if built.status is not Status.OK:
        return replace(placed, reason=built.reason)
    return replace(placed, kernels=[read_kernel(found) for found in built.value])


def _outputs(network: "onnx.ModelProto", samples: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """All outputs of all samples in a row, computed operator by operator."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(network.SerializeToString(), options)
    (entry,) = session.get_inputs()
    values = [value.ravel() for sample in samples for value in session.run(None, {entry.name: sample})]
    joined: NDArray[np.float64] = np.concatenate(values).astype(np.float64)
    return joined


@handles(*PRODUCTS)
def inputs_alone(plan: Plan, node: "onnx.NodeProto") -> None:
    """Round what a product reads, and leave its weight in float: then there is nothing to multiply in INT8."""
    if not plan.why_float(node):
        plan.pair_for(node.input[0], node)


@handles(*PRODUCTS)
def outputs_of_products(plan: Plan, node: "onnx.NodeProto") -> None:
    """Round what a product makes, before its activation: what the next one reads is float again."""
    if not plan.why_float(node) and plan.ranges.known(node.output[:1]):
        plan.int8_weights.add(node.output[0])
        plan.pair(node.output[0])


@handles(*PRODUCTS)
def products_everywhere(plan: Plan, node: "onnx.NodeProto") -> None:
    """Round what a product reads and what it makes."""
    if not plan.why_float(node):
        plan.int8_weights.add(node.output[0])
        plan.pair(*(name for name in (node.input[0], node.output[0]) if plan.ranges.known([name])))


@handles(*OTHERS)
def others_everywhere(plan: Plan, node: "onnx.NodeProto") -> None:
    """Round what any other operator reads and makes."""
    plan.pair(*(name for name in (*plan.graph.activations(node), *node.output) if plan.ranges.known([name])))


def _as_tensorrt(*rules: Any) -> Dialect:
    return replace(tensorrt.DIALECT, rules=rules)


DIALECTS = {
    NO_WEIGHTS: _as_tensorrt(inputs_alone),
    BEHIND: _as_tensorrt(outputs_of_products),
    EVERYWHERE: _as_tensorrt(products_everywhere, others_everywhere),
    OURS: tensorrt.DIALECT,
    FOR_CPU: onnx_runtime.DIALECT,
}
