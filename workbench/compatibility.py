"""Every workaround for a fault of a library below us, each with the version it was seen in and the reason."""

import contextlib
import gc
import io
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def import_paddle() -> Any:
    """Import paddle so that programs are kept in the legacy format.

    paddlepaddle 3.0.0: the new program format is the default and PaddleSlim 2.6.0 does not read it; the flag counts only
    when it is set before the import. The import makes objects by the hundred thousand, and a tenth of its time would go into looking
    for garbage among them.
    """
    if "paddle" not in sys.modules:
        os.environ["FLAGS_enable_pir_api"] = "0"
        gc.disable()
        try:
            import paddle
        finally:
            gc.enable()
    import paddle

    return paddle


def import_paddleslim_quant() -> Any:
    """Import `paddleslim.quant`.

    paddleslim 2.6.0 imports `pkg_resources`, gone from setuptools 81 (the lock holds an older one). It always imports all of itself:
    nine tenths of that time went into matplotlib's pyplot and scipy's statistics, for two modules of it that nobody
    here uses and that are empty therefore.
    """
    for module, name in (("common.analyze_helper", "VarCollector"), ("quant.post_quant_hpo", "quant_post_hpo")):
        unused: Any = types.ModuleType(f"paddleslim.{module}")
        setattr(unused, name, None)
        sys.modules.setdefault(unused.__name__, unused)
    import paddleslim.quant as quant

    return quant


def trainable_program(program: Any, *, prefix: str) -> Any:
    """Turn an inference program of the current scope into one that can be trained, whose new tensors' names have a prefix.

    paddleslim 2.6.0's `recover_inference_program` leaves the operators that feed inputs in place, and Paddle then refuses
    any further feed, such as labels. It also leaves batch normalizations at the stored statistics, where they were exported
    with `use_global_stats` (as `paddle.nn.BatchNorm2D` is): nothing is normalized in training, which then soon diverges.
    paddlepaddle 3.0.0 names new tensors by a counter of the program's own, which starts at 0
    and heeds no name guard: the loss then writes into a network's own `tmp_0`, as a sum written `x + y` is called.
    """
    import paddle
    from paddle.base import unique_name
    from paddleslim.common.recover_program import recover_inference_program

    recovered = recover_inference_program(program, paddle.static.Program())
    block = recovered.global_block()
    for index in reversed([index for index, op in enumerate(block.ops) if op.type == "feed"]):
        block._remove_op(index)
    for norm in [op for op in block.ops if op.type == "batch_norm"]:
        norm._set_attr("use_global_stats", False)
    recovered._name_generator = unique_name.UniqueNameGenerator(prefix)
    return recovered


def merge_teacher(teacher: Any, student: Any, feeds: list[str], *, place: Any, scope: Any, teacher_scope: Any, prefix: str) -> None:  # fmt: skip
    """Put a teacher's operators into a student's program, its tensors named with `prefix`, fed by the same inputs.

    paddleslim 2.6.0's `merge` lets gradients end at the inputs that both share. PACT then clips the student's inputs by
    a gradient that nobody computes, and Paddle stops with "Tensor holds no memory".
    """
    from paddleslim.dist import merge

    names = {name: name for name in feeds}
    merge(teacher, student, names, place, scope=scope, teacher_scope=teacher_scope, name_prefix=prefix)
    for name in feeds:
        student.global_block().var(name).stop_gradient = False


def import_openvino() -> Any:
    """Import openvino without its telemetry.

    openvino 2026.4.1 sends an event to Intel and writes to ~/.../intel on import, unless the user has opted out with a file
    in the home folder. Where the package openvino-telemetry cannot be imported, openvino uses its own empty stand-in.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino


@contextlib.contextmanager
def faster_graph_passes() -> Iterator[None]:
    """Let Paddle's quantization passes take time in proportion to the graph.

    paddlepaddle 3.0.0: every new link between two nodes looks both up in a copy of the whole graph's node list, only to
    assert that they are in it; and weights are rounded channel by channel, in a loop of Python.
    """
    from unittest import mock  # loads asyncio, for which workers that only measure have no use

    import_paddle()
    from paddle.base.framework import IrGraph
    from paddle.static.quantization import utils

    def link_to(self: Any, node_in: Any, node_out: Any) -> None:
        node_in.append_output(node_out)
        node_out.append_input(node_in)

    def update_input_link(self: Any, old_input_node: Any, new_input_node: Any, op_node: Any) -> None:
        old_input_node.remove_output(op_node)
        op_node.remove_input(old_input_node)
        new_input_node.append_output(op_node)
        op_node.append_input(new_input_node)
        op_node.rename_input(old_input_node.name(), new_input_node.name())

    def quant_tensor(x: Any, scale: list[float] | float, quant_axis: int = 0, weight_bits: int = 8, onnx_format: bool = True) -> Any:  # fmt: skip
        """Round float32 weights to integers that are still float32, the value `scale` of a channel, or of all, to the highest."""
        assert onnx_format, "the other format is not written here"
        highest = (1 << (weight_bits - 1)) - 1
        largest = np.array(scale, np.float32).reshape(-1)
        largest[largest == 0] = 1e-8
        if len(largest) > 1:  # Paddle knows of the first axis and, as 1 or -1, the second
            largest = largest.reshape([-1 if axis == abs(quant_axis) else 1 for axis in range(x.ndim)])
        return np.clip(np.round(x / largest * highest), -highest - 1, highest)

    links = mock.patch.multiple(IrGraph, link_to=link_to, update_input_link=update_input_link)
    with links, mock.patch.object(utils, "quant_tensor", quant_tensor):
        yield


@contextlib.contextmanager
def faster_pruning() -> Iterator[None]:
    """Let PaddleSlim follow filters through a network in time proportional to its size.

    paddleslim 2.6.0: each step from a variable to the operators that read or write it looks through all operators. No operator
    comes or goes while filters are followed and cut.
    """
    from unittest import mock

    from paddleslim.core import OpWrapper, VarWrapper

    def neighbours(variable: Any, names: str) -> list[Any]:
        graph = variable._graph
        found = graph.__dict__.setdefault("workbench_neighbours", {})
        if names not in found:
            found[names] = {}
            for op in (op for block in graph.program.blocks for op in block.ops):
                for name in dict.fromkeys(getattr(op, names)):
                    found[names].setdefault(name, []).append(OpWrapper(op, graph))
        return list(found[names].get(variable.name(), []))

    def inputs(self: Any) -> list[Any]:
        return neighbours(self, "output_arg_names")

    def outputs(self: Any) -> list[Any]:
        return neighbours(self, "input_arg_names")

    with mock.patch.multiple(VarWrapper, inputs=inputs, outputs=outputs):
        yield


@contextlib.contextmanager
def zero_channels_stay_zero() -> Iterator[None]:
    """Let Paddle's weight-only quantization store output channels of zeros as zeros.

    paddlepaddle 3.0.0 divides such a channel by its largest value, 0, and casts the NaNs to integers, which may become
    anything.
    """
    from unittest import mock

    import_paddle()
    from paddle.static.quantization.post_training_quantization import WeightQuantization

    def mended(quantize: Callable[..., Any], axis: int) -> Callable[..., Any]:
        def quantize_channels(self: Any, weight: Any, levels: int, dtype: Any) -> tuple[list[Any], Any]:
            channels = np.moveaxis(weight, axis, 0)
            zero = np.abs(channels).reshape(len(channels), -1).max(axis=1) / levels < np.finfo(weight.dtype).tiny
            channels[zero] = 1
            scales, integers = quantize(self, weight, levels, dtype)
            np.moveaxis(integers, axis, 0)[zero] = 0
            return scales, integers

        return quantize_channels

    axes = {"_conv_channel_wise_quantization": 0, "_mul_channel_wise_quantization": -1}
    methods: dict[str, Any] = {name: mended(getattr(WeightQuantization, name), axis) for name, axis in axes.items()}
    with mock.patch.multiple(WeightQuantization, **methods):
        yield


def convert_onnx_to_paddle(onnx_file: Path, scratch: Path, *, input_shapes: dict[str, list[int]]) -> Path:
    """Convert an ONNX file with x2paddle; returns the stem of the .pdmodel and .pdiparams files it wrote below `scratch`.

    x2paddle 1.6.0 sends usage statistics unless told not to, evaluates the shapes from a string, prefixes every input's
    name with `x2paddle_`, and only prints which operators it lacks.
    """
    import_paddle()
    from x2paddle.convert import onnx2paddle

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            # The file is checked by the caller: x2paddle's own check rejects files larger than 2 GB.
            onnx2paddle(
                str(onnx_file),
                str(scratch / "converted"),
                input_shape_dict=repr(input_shapes) if input_shapes else None,
                disable_feedback=True,
                enable_onnx_checker=False,
            )
    except Exception as error:
        if lacking := re.findall(r"^=+ (\w+) =+$", printed.getvalue(), re.MULTILINE):
            raise NotImplementedError(f"it has no {', '.join(lacking)}") from error
        raise
    finally:
        print(printed.getvalue())
    return scratch / "converted" / "inference_model" / "model"
