"""Small networks that PaddleSlim's weight-only quantization goes wrong on, and a job that quantizes them (see native_jobs.py)."""

import os
from pathlib import Path
from typing import Any

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np
import paddle
import paddle.nn.functional as F
from cleanup_nets import SIZE, pooled, save, stem, weight
from native_jobs import outcome
from paddle import nn

from workbench.files import file_digest
from workbench.models.cleanup.program_graph import ProgramGraph
from workbench.models.cleanup.random_run import run
from workbench.models.importers import import_job
from workbench.models.model import STORED, Model
from workbench.quant.dynamic import quantize_job
from workbench.quant.weight_rewrites import weight_of
from workbench.worker import Channel

BATCH = 3
CHANNEL = 2


def products(x: Any) -> Any:
    """Products by stored matrices of every kind: of a tensor of rank 3, and by a matrix that lies on its side."""
    x = nn.Linear(16, 24)(stem(x).flatten(2).reshape([0, 8, 16, 16]))
    x = F.relu(paddle.matmul(x.mean(1), weight(32, 24), transpose_y=True))
    x = nn.Linear(32, 40)(x.mean(1))
    return paddle.matmul(F.relu(x), weight(40, 5))


def other_products(x: Any) -> Any:
    """Products that are no `mul`: of two activations, of a transposed one, and by a stack of matrices."""
    x = stem(x)
    x = paddle.matmul(x, x)
    x = paddle.matmul(x, weight(16, 16), transpose_x=True)
    return paddle.matmul(x, weight(8, 16, 4))


def shared(x: Any) -> Any:
    """A convolution, a depthwise convolution and a product, each used twice."""
    conv, depthwise, linear = nn.Conv2D(8, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding=1, groups=8), nn.Linear(8, 8)
    x = F.relu(depthwise(F.relu(depthwise(F.relu(conv(F.relu(conv(stem(x)))))))))
    return linear(F.relu(linear(pooled(x))))


def zeros(x: Any) -> Any:
    """A convolution, a depthwise one and a product, each with an output channel of zeros."""
    x = F.relu(nn.Conv2D(3, 8, 3, weight_attr=pruned(8, 3, 3, 3))(x))
    x = F.relu(nn.Conv2D(8, 8, 3, groups=8, weight_attr=pruned(8, 1, 3, 3))(x))
    return nn.Linear(8, 6, weight_attr=pruned(8, 6, axis=1))(pooled(x))


def pruned(*shape: int, axis: int = 0) -> Any:
    value = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.moveaxis(value, axis, 0)[CHANNEL] = 0
    return paddle.ParamAttr(initializer=nn.initializer.Assign(value))


NETS = {net.__name__: net for net in (products, other_products, shared, zeros)}


def quantize_all(channel: Channel, *, folder: str, models: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """Quantize Models and every network of this file with each of `options`; by both names what came out, or the error."""
    for name, net in NETS.items():
        prefix = Path(folder) / "sources" / name / "model"
        save(net, prefix)
        digest = import_job(channel, source={"path": str(prefix)}, models=folder)["digest"]
        models[name] = str(Path(folder) / digest)
    return {
        f"{name}-{key}": quantize(channel, Model.open(Path(model)), each, folder)
        for name, model in models.items()
        for key, each in options.items()
    }


def quantize(channel: Channel, source: Model, options: dict[str, Any], folder: str) -> dict[str, Any]:
    """Quantize a Model; the digest or the error, and what is seen from outside."""
    before = file_digests(source)
    made = outcome(
        lambda: quantize_job(
            channel,
            model=str(source.folder),
            task={},
            method="dynamic",
            options=options,
            variant="v",
            kept="",
            models=folder,
        )["digest"]
    )
    found = made | {"source": str(source.folder), "source_is_unchanged": file_digests(source) == before}
    return found if made["error"] else found | compare(source, Model.open(Path(folder) / made["value"]))


def compare(source: Model, made: Model) -> dict[str, Any]:
    """Outputs of both Models on a batch, what there is in the programs, and the layers that are stored as integers."""
    spec, stored = source.manifest.inputs[0], made.folder / STORED / "model"
    image = np.random.default_rng(1).normal(size=(BATCH, *spec.shape[1:])).astype(np.float32)
    outputs = [run(model.paddle_prefix, {spec.name: image})[0] for model in (source, made)]
    opened, shipped = ProgramGraph.load(made.paddle_prefix), ProgramGraph.load(stored)
    return {
        "outputs": [output.tolist() for output in outputs],
        "operators": [op.type for op in shipped.ops],
        "quantized_attributes": [n for op in opened.ops for n in op.attr_names if "quant_" in n and op.attr(n)],
        "layers": [layer(opened, shipped, op) for op in shipped.ops if op.has_attr("quantize_weight_bits")],
    }


def layer(opened: ProgramGraph, shipped: ProgramGraph, op: Any) -> dict[str, Any]:
    """A weight's integers and scales as Paddle Lite finds them beside its operator, and what it makes of them."""
    name = weight_of(shipped, op)
    integers, scales = shipped.value(name), np.array(op.attr(f"{name}_quant_scale"), np.float32)
    axis = -1 if op.type == "mul" else 0
    widened = np.moveaxis(np.moveaxis(integers, axis, -1) * scales, -1, axis)
    channels = np.abs(np.moveaxis(integers, axis, 0).astype(np.int32)).reshape(len(scales), -1)
    return {
        "weight": name,
        "operator": op.type,
        "bits": op.attr("quantize_weight_bits"),
        "dtype": str(integers.dtype),
        "levels": channels.max(axis=1).tolist(),
        "scales": scales.tolist(),
        "difference": float(np.abs(widened - opened.value(name)).max()),
    }


def run_integers(channel: Channel, *, model: str) -> dict[str, str]:
    """What Paddle Inference makes of the files with integers, opened as if they were a model."""
    from paddle import inference

    stored = Path(model) / STORED
    config = inference.Config(str(stored / "model.pdmodel"), str(stored / "model.pdiparams"))
    config.disable_glog_info()

    def predict() -> str:
        predictor = inference.create_predictor(config)
        predictor.get_input_handle("image").copy_from_cpu(np.zeros((1, 3, SIZE, SIZE), np.float32))
        predictor.run()
        return str(predictor.get_output_handle(predictor.get_output_names()[0]).copy_to_cpu())

    return outcome(predict)


def file_digests(model: Model) -> dict[str, str]:
    return {str(path): file_digest(path) for path in sorted(model.folder.rglob("*")) if path.is_file()}
