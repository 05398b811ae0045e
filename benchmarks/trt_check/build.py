"""Building one plan, and counting the products that compute in INT8 in it."""

import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import UnavailableError, UnsupportedError
from workbench.lowering.weights import MATRIX_OPERATORS
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

BATCHES = (1, 1, 8)  # smallest, the one to optimize for, largest
INT8 = "Int8"
GENERATED = "kgen"  # a generated kernel around the products: activations, sums, rounding to int8
DATATYPE = re.compile(r"Datatype: (\w+)")
SOURCE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")


class Layer(NamedTuple):
    """A kernel of a plan: its kind, the types of what it reads and of its constants, the ONNX nodes that it stands for."""

    kind: str
    inputs: tuple[str, ...]
    constants: tuple[str, ...]
    nodes: frozenset[str]

    @property
    def multiplies_int8(self) -> bool:
        """Whether it is a library's kernel of int8 activations and int8 weights."""
        return self.kind != GENERATED and self.inputs[:1] == self.constants[:1] == (INT8,)


def build_job(channel: Channel, *, network: str, sm: str) -> dict[str, Any]:
    """Worker job: the plan of the ONNX file `network` for one GPU generation, such as `SM89`; it is counted and dropped.

    Returns `quantized_ops` (products with int8 weights), `int8_ops` (those of them that run in INT8), `float_names`, `seconds`
    and `plan_mb`. Raises UnsupportedError with the builder's words when it takes the network not, or not for this generation.
    """
    import onnx

    model = onnx.load(network)
    products = name_products(model)
    start = time.perf_counter()
    size, log = _build(model.SerializeToString(), sm)
    in_int8 = {name for layer in layers(log) if layer.multiplies_int8 for name in layer.nodes}
    return {
        "quantized_ops": len(products),
        "int8_ops": sum(name in in_int8 for name in products),
        "float_names": [output for name, output in products.items() if name not in in_int8],
        "seconds": time.perf_counter() - start,
        "plan_mb": size / 1e6,
    }


def name_products(model: "onnx.ModelProto") -> dict[str, str]:
    """Give each product with a dequantized weight a name of its own; returns its output's name by that name."""
    dequantized = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    found = [node for node in model.graph.node if node.op_type in MATRIX_OPERATORS and node.input[1] in dequantized]
    for number, node in enumerate(found):
        node.name = f"quantized.{number}"
    return {node.name: node.output[0] for node in found}


def layers(log: str) -> list[Layer]:
    """The layers that a builder's verbose log lists, one a line."""
    found = []
    for line in log.splitlines():
        if not line.startswith("Name: ") or ", LayerType: " not in line:
            continue
        kind = line.partition(", LayerType: ")[2].partition(",")[0]
        before, _, behind = line.partition(" Outputs: [")
        inputs, _, constants = before.partition(" Constants: [")
        types = (tuple(DATATYPE.findall(part)) for part in (inputs, constants))
        found.append(Layer(kind, *types, frozenset(SOURCE.findall(behind))))
    return found


def _build(network: bytes, sm: str) -> tuple[int, str]:
    """The plan's size in bytes, and all that the builder said."""
    try:
        import tensorrt_rtx_bindings as tensorrt
    except ImportError as error:
        raise UnavailableError(f"TensorRT-RTX cannot be loaded: {error}; it is in the extra `test`") from None

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
    return plan.nbytes, "\n".join(said)
