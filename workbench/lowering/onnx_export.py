"""Paddle Model -> ONNX Model through paddle2onnx; a quantized one comes out with QuantizeLinear/DequantizeLinear pairs."""

from pathlib import Path
from typing import Any

from workbench.errors import UnsupportedError
from workbench.machine import package_version
from workbench.models.model import Format, Model
from workbench.worker import Channel

OPSET = 17


def export_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: export the Paddle Model in folder `model` to an ONNX Model below `models`; returns its digest.

    paddle2onnx aborts the whole process on operators that it does not know, so this runs in a worker of its own.
    """
    import paddle2onnx

    source = Model.open(Path(model))
    with Model.build(Path(models)) as draft:
        target = draft.folder / "model.onnx"
        paddle2onnx.export(
            str(source.paddle_prefix.with_suffix(".pdmodel")),
            str(source.paddle_prefix.with_suffix(".pdiparams")),
            save_file=str(target),
            opset_version=OPSET,
            deploy_backend="onnxruntime",
        )
        _check(source, target)
        draft.manifest = source.manifest.model_copy(
            update={
                "format": Format.ONNX,
                "parent": source.digest,
                "options": {"opset": OPSET},
                "versions": {"paddle2onnx": package_version("paddle2onnx") or ""},
            }
        )
    assert draft.model is not None
    return {"digest": draft.model.digest}


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
