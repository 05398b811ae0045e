"""Paddle Model -> ONNX through paddle2onnx; a quantized one comes out with QuantizeLinear/DequantizeLinear pairs."""

from pathlib import Path

from workbench.errors import UnsupportedError
from workbench.machine import package_version
from workbench.models.model import Format, Manifest, Model

OPSET = 17


def export(source: Model, target: Path) -> None:
    """Write a Paddle Model as an ONNX file and check what came out; raises UnsupportedError.

    paddle2onnx aborts the whole process on operators that it does not know: call this in a worker only.
    """
    import paddle2onnx

    paddle2onnx.export(
        str(source.paddle_prefix.with_suffix(".pdmodel")),
        str(source.paddle_prefix.with_suffix(".pdiparams")),
        save_file=str(target),
        opset_version=OPSET,
        deploy_backend="onnxruntime",
    )
    _check(source, target)


def exported_manifest(source: Model, *, dialect: str) -> Manifest:
    """The manifest of a Model that was exported from `source`, in a backend's dialect."""
    return source.manifest.model_copy(
        update={
            "format": Format.ONNX,
            "parent": source.digest,
            "options": {"opset": OPSET, "dialect": dialect},
            "versions": {"paddle2onnx": package_version("paddle2onnx") or ""},
        }
    )


def _check(source: Model, target: Path) -> None:
    """What was exported must have the Model's inputs and outputs and, when it is quantized, Q/DQ pairs."""
    import onnx

    graph = onnx.load(str(target)).graph
    counts = (len(graph.input), len(graph.output))
    wanted = (len(source.manifest.inputs), len(source.manifest.outputs))
    if counts != wanted:
        raise UnsupportedError(
            f"paddle2onnx wrote {counts[0]} inputs and {counts[1]} outputs where the model has {wanted[0]} and {wanted[1]}"
        )
    kinds = {node.op_type for node in graph.node}
    if source.manifest.precision == "int8" and "QuantizeLinear" not in kinds:
        raise UnsupportedError("paddle2onnx dropped the quantization: no QuantizeLinear in the file that it wrote")
