"""Plans by TensorRT-RTX's ahead-of-time builder, which needs no GPU: whether it takes a network, and in which types its kernels compute.

Nothing runs here. TensorRT-RTX is the same parser and nearly the same interface as TensorRT; the kernels that it lists are those of its
compiler, which chooses the machine code on the GPU.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.backends.tensorrt.build import Built, build_plan
from workbench.backends.tensorrt.kernels import Kernel, read_kernels
from workbench.backends.tensorrt.messages import message_log
from workbench.backends.tensorrt.profile import Bounds
from workbench.errors import UnavailableError
from workbench.lowering.weights import MATRIX_OPERATORS
from workbench.machine import package_version
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

PACKAGE = "tensorrt_rtx_cu13_bindings"
BATCHES = (1, 1, 8)  # smallest, the one to optimize for, largest


def build_job(channel: Channel, *, network: str, sm: str) -> dict[str, Any]:
    """Worker job: the plan of the ONNX file `network` for one GPU generation, such as `SM89`; it is counted and dropped.

    Returns `quantized_ops` (products with int8 weights), `int8_ops` (those of them that run in INT8), `float_names`, `seconds`
    and `plan_mb`. Raises UnsupportedError with the builder's words when it takes the network not, or not for this generation.
    """
    import onnx

    model = onnx.load(network)
    products = name_products(model)
    with tempfile.TemporaryDirectory() as scratch:
        named = Path(scratch) / "named.onnx"
        onnx.save(model, str(named))
        built, kernels = _build(named, sm)
    in_int8 = {name for kernel in kernels if kernel.multiplies_int8 for name in kernel.nodes}
    return {
        "quantized_ops": len(products),
        "int8_ops": sum(name in in_int8 for name in products),
        "float_names": [output for name, output in products.items() if name not in in_int8],
        "seconds": built.seconds,
        "plan_mb": len(built.plan) / 1e6,
    }


def kernels_job(channel: Channel, *, network: str, sm: str) -> list[dict[str, Any]]:
    """Worker job: the kernels of the plan of an ONNX file, as `Kernel` has them. Raises as `build_job` does."""
    return [asdict(kernel) for kernel in _build(Path(network), sm)[1]]


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


def _build(network: Path, sm: str) -> tuple[Built, list[Kernel]]:
    """The plan of an ONNX file and its kernels; raises UnavailableError without TensorRT-RTX."""
    try:
        import tensorrt_rtx_bindings as tensorrt
    except ImportError as error:
        raise UnavailableError(
            f"TensorRT-RTX cannot be loaded: {error}; {rtx_missing() or 'install it again'}"
        ) from None

    def configure(config: Any) -> None:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(tensorrt.ComputeCapability, sm), 0)

    said: list[str] = []
    log = message_log(tensorrt, said=said)
    built = build_plan(tensorrt, network, log=log, profile=_batches(network), configure=configure)
    return built, read_kernels("\n".join(said))


def _batches(network: Path) -> dict[int, Bounds]:
    """Bounds of each input whose batch axis is free, by its number."""
    import onnx

    inputs = onnx.load(str(network), load_external_data=False).graph.input
    shapes = [
        [axis.dim_value if axis.HasField("dim_value") else -1 for axis in entry.type.tensor_type.shape.dim]
        for entry in inputs
    ]
    smallest, usual, largest = BATCHES
    return {
        number: ((smallest, *shape[1:]), (usual, *shape[1:]), (largest, *shape[1:]))
        for number, shape in enumerate(shapes)
        if -1 in shape
    }
