"""What the preparing job of every dialect does."""

import time
from pathlib import Path
from typing import Any

from workbench.errors import UnsupportedError
from workbench.lowering.onnx_export import OPSET, export_float, export_published, land, prepare_float_job
from workbench.lowering.placement import Placement, facts, place
from workbench.lowering.plan import Dialect
from workbench.models.model import Model
from workbench.worker import Channel


def prepare(channel: Channel, model: str, models: str, *, dialect: Dialect) -> dict[str, Any]:
    """Make the ONNX Model of the Paddle Model in folder `model`; returns its digest and the seconds it took.

    A float Model becomes the same graph for every backend; a quantized one that graph with the dialect's Q/DQ pairs; one that
    others quantized keeps the pairs that paddle2onnx makes of it. Raises UnsupportedError for what cannot be lowered.
    """
    source = Model.open(Path(model))
    if source.manifest.precision == "fp32":
        return prepare_float_job(channel, model=model, models=models)
    start = time.perf_counter()
    if source.manifest.method == "published":
        made = land(export_published(source), source, Path(models), dialect="published")
        return {"digest": made.digest, "seconds": time.perf_counter() - start}
    placement = lower(source, dialect=dialect)
    made = land(placement.model, source, Path(models), dialect=dialect.backend, facts=facts(placement))
    return {"digest": made.digest, "seconds": time.perf_counter() - start}


def lower(source: Model, *, dialect: Dialect, opset: int = OPSET) -> Placement:
    """The float twin of a quantized Paddle Model as ONNX, with the dialect's Q/DQ pairs.

    Raises UnsupportedError for a Model without a twin or without ranges. Call it in a worker only, as `export_float`.
    """
    import onnx

    if not source.manifest.float_twin:
        raise UnsupportedError(f"model {source.label}: it names no float twin; quantize it with the workbench")
    placement = place(export_float(source.float_twin, opset=opset), source.manifest.scales, dialect=dialect)
    onnx.checker.check_model(placement.model)
    return placement
