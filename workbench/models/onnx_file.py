"""Reading an ONNX file, and what goes in and comes out of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError
from workbench.models.model import TensorSpec

if TYPE_CHECKING:
    import onnx


def read_onnx(path: Path) -> "onnx.ModelProto":
    """An ONNX network, checked; raises InputError when it cannot be used."""
    import onnx

    try:
        network = onnx.load(str(path))
        onnx.checker.check_model(str(path))
    except Exception as error:
        raise InputError(
            f"model {path}: not a readable ONNX model ({str(error).splitlines()[0]}); export or fetch it again"
        ) from error
    return network


def onnx_specs(network: "onnx.ModelProto") -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Inputs and outputs, without the weights that old exporters list among the inputs; axes by name are -1."""
    stored = {initializer.name for initializer in network.graph.initializer}
    inputs = [_spec(value) for value in network.graph.input if value.name not in stored]
    return inputs, [_spec(value) for value in network.graph.output]


def _spec(value: Any) -> TensorSpec:
    from onnx.helper import tensor_dtype_to_np_dtype

    kind = value.type.tensor_type
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim)
    return TensorSpec(name=value.name, dtype=str(tensor_dtype_to_np_dtype(kind.elem_type)), shape=shape)
