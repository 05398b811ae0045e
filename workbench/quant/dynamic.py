"""Weight-only post-training quantization: weights are stored as integers and widened to float when the model is opened."""

import shutil
import tempfile
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from workbench.compatibility import import_paddle, import_paddleslim_quant, zero_channels_stay_zero
from workbench.errors import UnsupportedError
from workbench.models.cleanup.clean_up import clean_up
from workbench.models.cleanup.program_graph import ProgramGraph, forget_attributes
from workbench.models.model import STORED, Model, copy_files
from workbench.quant.base import MethodOptions
from workbench.quant.weight_rewrites import own_weights, products_as_mul, weight_of
from workbench.quant.write import Origin
from workbench.worker import Channel

FILES = ("model.pdmodel", "model.pdiparams")
# What PaddleSlim writes beside an operator whose weight is stored as integers.
STORAGE_ATTRIBUTES = ("with_quant_attr", "quantization_type", "quantize_weight_bits", "_quant_scale")


class WeightOperator(StrEnum):
    """Operators whose weights PaddleSlim stores as integers; `mul` stands for every product with a stored matrix."""

    CONV2D = "conv2d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    MUL = "mul"


class DynamicOptions(MethodOptions):
    """Options of weight-only quantization. It needs no data; scales are those of each output channel."""

    weight_bits: Literal[8, 16] = Field(8, description="bits of a stored weight")
    operators: tuple[WeightOperator, ...] = Field(
        tuple(WeightOperator), min_length=1, description="operators to quantize; mul: matmul and matmul_v2 too"
    )

    def variant(self) -> str:
        """How many bits a weight has."""
        return f"w{self.weight_bits}"


def quantize_job(
    channel: Channel, *, model: str, task: dict[str, Any], method: str, options: dict[str, Any], variant: str, kept: str, models: str
) -> dict[str, Any]:  # fmt: skip
    """Worker job: quantize the weights of the Paddle Model in folder `model`; returns the new Model's digest and the seconds.

    The new Model is the float network with the widened weights, and in `stored/` the one with integers that Paddle Lite
    takes. Raises UnsupportedError when there is nothing to quantize. The seconds leave out the loading of libraries.
    """
    settings = DynamicOptions.model_validate(options)
    source = Model.open(Path(model))
    import_paddle().enable_static()
    import_paddleslim_quant()
    start = time.perf_counter()
    origin = Origin(method, variant, settings.model_dump(mode="json"), parent=source.digest)
    with Model.build(Path(models), source=source) as draft, tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "float"
        copy_files(source, copy)
        _make_quantizable(copy / "model", settings, label=source.label)
        _quantize_weights(copy, settings, draft.folder)
        draft.manifest = source.manifest.model_copy(
            update=origin.manifest_fields() | {"facts": source.manifest.facts | {"note": _note(settings)}}
        )
    assert draft.model is not None
    return {"digest": draft.model.digest, "seconds": time.perf_counter() - start}


def _make_quantizable(prefix: Path, settings: DynamicOptions, *, label: str) -> None:
    """Rewrite the program at `prefix` so that PaddleSlim quantizes each chosen operator, once; proves that it computes the same."""
    chosen = {str(operator) for operator in settings.operators}
    rewrites = {"products_as_mul": products_as_mul} if WeightOperator.MUL in settings.operators else {}
    done = clean_up(prefix, rewrites=rewrites | {"own_weights": partial(own_weights, types=chosen)})
    if done.refused:
        raise UnsupportedError(f"model {label}: it cannot be made fit for quantizing its weights: {done.refused}")
    graph = ProgramGraph.load(prefix)
    if not any(weight_of(graph, op) for op in graph.ops if op.type in chosen):
        raise UnsupportedError(
            f"model {label}: none of the operators {', '.join(settings.operators)} in it has a stored weight, so nothing to quantize"
        )


def _quantize_weights(source: Path, settings: DynamicOptions, target: Path) -> None:
    """Let PaddleSlim write the network of folder `source` with widened weights into `target`, with integers below it."""
    paddle, quant = import_paddle(), import_paddleslim_quant()
    made = source.with_name("made")
    with paddle.static.scope_guard(paddle.static.Scope()), zero_channels_stay_zero():
        quant.quant_post_dynamic(
            model_dir=str(source), save_model_dir=str(made), model_filename=FILES[0], params_filename=FILES[1],
            save_model_filename=FILES[0], save_params_filename=FILES[1], weight_bits=settings.weight_bits,
            quantizable_op_type=[str(operator) for operator in settings.operators], generate_test_model=True,
        )  # fmt: skip
    (target / STORED).mkdir()
    for name in FILES:
        shutil.move(made / "test_model" / name, target / name)
        shutil.move(made / "quantized_model" / name, target / STORED / name)
    # The float network must not say that its weights are integers.
    forget_attributes(target / FILES[0], *STORAGE_ATTRIBUTES)
    forget_attributes(target / STORED / FILES[0])


def _note(settings: DynamicOptions) -> str:
    return (
        f"no integer arithmetic: weights are stored in {settings.weight_bits} bits and widened to float when the model is "
        "opened, so it is smaller, not faster"
    )
