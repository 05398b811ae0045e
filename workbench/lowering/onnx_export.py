"""Float Paddle Model -> ONNX: exported by paddle2onnx, then simplified; the graph on which INT8 is placed, too."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import UnsupportedError
from workbench.lowering.simplify import simplify
from workbench.machine import package_version
from workbench.models.model import Format, Manifest, Model
from workbench.worker import Channel

if TYPE_CHECKING:
    import onnx

OPSET = 17
BEYOND = {"deformable_conv": "ONNX has it from opset 19 on, and paddle2onnx writes 18 at most"}
"""Operators on which paddle2onnx 1.3.1 aborts the process, and why."""


def prepare_float_job(channel: Channel, *, model: str, models: str) -> dict[str, Any]:
    """Worker job: export the float Paddle Model in folder `model`; returns the new Model's digest and the seconds.

    Every backend that takes ONNX runs this graph, and its INT8 is placed on it.
    """
    start = time.perf_counter()
    source = Model.open(Path(model))
    made = land(export_float(source), source, Path(models), dialect="float")
    return {"digest": made.digest, "seconds": time.perf_counter() - start}


def land(
    network: "onnx.ModelProto", source: Model, models: Path, *, dialect: str, facts: dict[str, Any] | None = None
) -> Model:
    """Write an ONNX network that was made of `source` as a Model below `models`."""
    import onnx

    with Model.build(models, source=source) as draft:
        onnx.save(network, str(draft.folder / "model.onnx"))
        draft.manifest = _manifest(source, network, dialect=dialect, facts=facts or {})
    assert draft.model is not None
    return draft.model


def export_float(source: Model, *, opset: int = OPSET) -> "onnx.ModelProto":
    """The simplified ONNX network of a float Paddle Model; tensors that are left keep their Paddle names.

    Raises UnsupportedError for a quantized Model and when inputs or outputs got lost. paddle2onnx aborts the whole process
    on operators that it does not know: call this in a worker only.
    """
    if source.manifest.precision != "fp32":
        raise UnsupportedError(f"model {source.label} is {source.manifest.precision}: only a float network is exported")
    return simplify(export_program(source, source.paddle_prefix, opset=opset))


def export_published(source: Model) -> "onnx.ModelProto":
    """The ONNX network of a Model that others quantized, with the Q/DQ pairs that paddle2onnx makes of its scales.

    Raises UnsupportedError for PaddleSlim's old format, on which paddle2onnx 1.3.1 aborts the process, and when the pairs got lost.
    """
    refuse_old_format(source)
    exported = export_program(source, source.paddle_prefix)
    if not any(node.op_type == "QuantizeLinear" for node in exported.graph.node):
        raise UnsupportedError(
            f"model {source.label}: paddle2onnx dropped its quantization: its scales are not as it expects"
        )
    return exported


def refuse_old_format(source: Model) -> None:
    """Raise UnsupportedError for a Model in PaddleSlim's old format."""
    if source.manifest.facts.get("quantized_format") == "fake_quantize":
        raise UnsupportedError(
            f"model {source.label}: quantized in PaddleSlim's old format (fake_quantize_*), which paddle2onnx cannot read; it runs "
            "on Paddle Inference only"
        )


def export_program(source: Model, prefix: Path, *, opset: int = OPSET) -> "onnx.ModelProto":
    """What paddle2onnx makes of the program `prefix`.*, which is the Paddle Model's or was made of it.

    Raises UnsupportedError when inputs or outputs got lost, and for operators that cannot be exported, as far as they are known.
    """
    exported = _paddle2onnx(source, prefix, opset=opset)
    counts = (len(exported.graph.input), len(exported.graph.output))
    wanted = (len(source.manifest.inputs), len(source.manifest.outputs))
    if counts != wanted:
        raise UnsupportedError(
            f"paddle2onnx wrote {counts[0]} inputs and {counts[1]} outputs where the model has {wanted[0]} and {wanted[1]}"
        )
    return exported


def _manifest(source: Model, network: "onnx.ModelProto", *, dialect: str, facts: dict[str, Any]) -> Manifest:
    return source.manifest.model_copy(
        update={
            "format": Format.ONNX,
            "parent": source.digest,
            "options": {"opset": network.opset_import[0].version, "dialect": dialect},
            "facts": source.manifest.facts | facts,
            "versions": {name: package_version(name) or "" for name in ("paddle2onnx", "onnxruntime")},
        }
    )


def _paddle2onnx(source: Model, prefix: Path, *, opset: int) -> "onnx.ModelProto":
    program = prefix.with_suffix(".pdmodel").read_bytes()
    for operator, reason in BEYOND.items():
        # As an operator's type stands in the file: field 3 (0x1a), its length, its name.
        if bytes((0x1A, len(operator))) + operator.encode() in program:
            raise UnsupportedError(f"model {source.label}: {operator} cannot be exported: {reason}")
    import onnx
    import paddle2onnx

    return onnx.load_from_string(
        paddle2onnx.export(
            str(prefix.with_suffix(".pdmodel")),
            str(prefix.with_suffix(".pdiparams")),
            opset_version=opset,
            deploy_backend="onnxruntime",
            # Its own optimizer folds a bias into the convolution and leaves the result the name of the sum's *input*: a
            # range would silently be taken for another tensor's.
            enable_optimize=False,
            verbose=False,
        )
    )
