"""Plans by TensorRT-RTX's ahead-of-time builder, which needs no GPU: whether it takes a network, and in which types its kernels compute.

Nothing runs here. TensorRT-RTX is the same parser and nearly the same interface as TensorRT; the kernels that it lists are those of its
compiler, which chooses the machine code on the GPU.
"""

import re
import time
from dataclasses import asdict, dataclass
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import UnavailableError, UnsupportedError
from workbench.lowering.weights import MATRIX_OPERATORS
from workbench.machine import package_version
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

PACKAGE = "tensorrt_rtx_cu13_bindings"
BATCHES = (1, 1, 8)  # smallest, the one to optimize for, largest
INT8 = "Int8"
GENERATED = "kgen"  # a generated kernel around the products: activations, sums, rounding to int8
NO_WORK = ("signal", "wait", "shape_call")
BYTES = {"Int8": 1, "UInt8": 1, "Bool": 1, "Half": 2, "BFloat16": 2, "Float": 4, "Int32": 4, "Int64": 8}
TENSOR = re.compile(r"Dimensions: \[([-\d,]*)\][^}]*?Datatype: (\w+)")
SOURCE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")


class Tensor(NamedTuple):
    """What a kernel reads or writes: the lengths of its axes, 1 for that of the batch, and TensorRT's name of its type."""

    shape: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        """Bytes."""
        return prod(self.shape) * BYTES[self.kind]


@dataclass(frozen=True)
class Kernel:
    """A kernel of a plan: its name and kind, what it reads and writes, its constants, the ONNX nodes that it stands for."""

    name: str
    kind: str
    reads: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]
    nodes: tuple[str, ...]

    @property
    def multiplies_int8(self) -> bool:
        """Whether it is a library's kernel of int8 activations and int8 weights."""
        first = [tensor.kind for part in (self.reads[:1], self.constants[:1]) for tensor in part]
        return self.kind != GENERATED and first == [INT8, INT8]

    @property
    def traffic(self) -> int:
        """Bytes of activations that go through memory."""
        return sum(tensor.size for tensor in (*self.reads, *self.writes))


@dataclass(frozen=True)
class Plan:
    """What the builder made: the plan's size in bytes, and its kernels in the order in which they run."""

    size: int
    kernels: list[Kernel]


def build_job(channel: Channel, *, network: str, sm: str) -> dict[str, Any]:
    """Worker job: the plan of the ONNX file `network` for one GPU generation, such as `SM89`; it is counted and dropped.

    Returns `quantized_ops` (products with int8 weights), `int8_ops` (those of them that run in INT8), `float_names`, `seconds`
    and `plan_mb`. Raises UnsupportedError with the builder's words when it takes the network not, or not for this generation.
    """
    import onnx

    model = onnx.load(network)
    products = name_products(model)
    start = time.perf_counter()
    plan = build_plan(model.SerializeToString(), sm)
    in_int8 = {name for kernel in plan.kernels if kernel.multiplies_int8 for name in kernel.nodes}
    return {
        "quantized_ops": len(products),
        "int8_ops": sum(name in in_int8 for name in products),
        "float_names": [output for name, output in products.items() if name not in in_int8],
        "seconds": time.perf_counter() - start,
        "plan_mb": plan.size / 1e6,
    }


def kernels_job(channel: Channel, *, network: str, sm: str) -> list[dict[str, Any]]:
    """Worker job: the kernels of the plan of an ONNX file, as `Kernel` has them. Raises as `build_job` does."""
    import onnx

    return [asdict(kernel) for kernel in build_plan(onnx.load(network).SerializeToString(), sm).kernels]


def read_kernel(found: dict[str, Any]) -> Kernel:
    """A kernel as `kernels_job` gave it."""
    tensors = {
        part: tuple(Tensor(tuple(shape), kind) for shape, kind in found[part])
        for part in ("reads", "constants", "writes")
    }
    return Kernel(name=found["name"], kind=found["kind"], nodes=tuple(found["nodes"]), **tensors)


def rtx_missing() -> str:
    """What is missing to build plans here, with the way to get it; empty when nothing is."""
    if package_version(PACKAGE):
        return ""
    return (
        f"TensorRT-RTX is not installed; install it with: pip install {PACKAGE} {PACKAGE.replace('bindings', 'libs')}"
    )


def name_products(model: "onnx.ModelProto") -> dict[str, str]:
    """Give each product with a dequantized weight a name of its own; returns its output's name by that name."""
    dequantized = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found = [node for node in model.graph.node if node.op_type in MATRIX_OPERATORS and node.input[1] in dequantized]
    for number, node in enumerate(found):
        node.name = f"quantized.{number}"
    return {node.name: node.output[0] for node in found}


def read_kernels(log: str) -> list[Kernel]:
    """The kernels that a builder's verbose log lists, one a line, without those that only wait or find shapes."""
    found = []
    for line in log.splitlines():
        if not line.startswith("Name: ") or ", LayerType: " not in line:
            continue
        name, _, rest = line.removeprefix("Name: ").partition(", LayerType: ")
        kind = rest.partition(",")[0]
        before, _, behind = rest.partition(" Outputs: [")
        inputs, _, constants = before.partition(" Constants: [")
        outputs = behind.partition(" TacticName: ")[0]
        reads, kept, writes = (tuple(map(_tensor, TENSOR.findall(part))) for part in (inputs, constants, outputs))
        if kind not in NO_WORK:
            found.append(Kernel(name, kind, reads, kept, writes, tuple(dict.fromkeys(SOURCE.findall(behind)))))
    return found


def build_plan(network: bytes, sm: str) -> Plan:
    """The plan of an ONNX network. Call it in a worker only; raises UnsupportedError, UnavailableError without TensorRT-RTX."""
    try:
        import tensorrt_rtx_bindings as tensorrt
    except ImportError as error:
        raise UnavailableError(
            f"TensorRT-RTX cannot be loaded: {error}; {rtx_missing() or 'install it again'}"
        ) from None

    said: list[str] = []
    complaints: list[str] = []

    class Logger(tensorrt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            tensorrt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            said.append(message)
            if severity in (tensorrt.ILogger.ERROR, tensorrt.ILogger.INTERNAL_ERROR):
                complaints.append(message)

    logger = Logger()
    builder = tensorrt.Builder(logger)
    definition = builder.create_network(1 << int(tensorrt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = tensorrt.OnnxParser(definition, logger)
    if not parser.parse(network):
        errors = [parser.get_error(number) for number in range(parser.num_errors)]
        raise UnsupportedError(
            "the parser refuses it: " + "; ".join(f"{e.node_operator()} {e.node_name()}: {e.desc()}" for e in errors)
        )
    config = builder.create_builder_config()
    config.profiling_verbosity = tensorrt.ProfilingVerbosity.DETAILED
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(tensorrt.ComputeCapability, sm), 0)
    profile = builder.create_optimization_profile()
    inputs = [definition.get_input(number) for number in range(definition.num_inputs)]
    for entry in inputs:
        if -1 in entry.shape:
            profile.set_shape(entry.name, *((batch, *tuple(entry.shape)[1:]) for batch in BATCHES))
    if any(-1 in entry.shape for entry in inputs):
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(definition, config)
    if plan is None:
        raise UnsupportedError(f"no plan for {sm}: " + "; ".join(complaints or said[-1:]))
    return Plan(plan.nbytes, read_kernels("\n".join(said)))


def _tensor(found: tuple[str, str]) -> Tensor:
    lengths, kind = found
    return Tensor(tuple(abs(int(length)) for length in lengths.split(",") if length), kind)
