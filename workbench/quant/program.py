"""The quantized Paddle program: Q/DQ at the inputs of convolutions and matrix products, int8 weights, PaddleSlim's format."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from workbench.compatibility import faster_graph_passes, import_paddle
from workbench.errors import InputError, UnsupportedError
from workbench.models.model import Model
from workbench.models.scales import Scales, WeightRange
from workbench.quant.levels import SMALLEST
from workbench.quant.paddle_fc import REASON, paddle_scales, survives

SKIPPED = "skip_quant"
POOLING = "pool2d"
MOVEMENT = (
    POOLING,
    "concat",
    "reshape2",
    "transpose2",
    "flatten_contiguous_range",
    "flatten2",
    "squeeze2",
    "unsqueeze2",
    "slice",
)
"""Operators behind which values have the range that they had before, or a narrower one."""


class Operator(StrEnum):
    """Operators whose weights PaddleSlim quantizes."""

    CONV2D = "conv2d"
    DEPTHWISE_CONV2D = "depthwise_conv2d"
    CONV2D_TRANSPOSE = "conv2d_transpose"
    MUL = "mul"
    MATMUL = "matmul"
    MATMUL_V2 = "matmul_v2"


MATRIX_PRODUCTS = (Operator.MUL, Operator.MATMUL, Operator.MATMUL_V2)
NO_INT8_TRANSPOSED = "Paddle Inference has no INT8 transposed convolution: paddlepaddle 3.0.0 hands the int8 weight to a float one, and stops"
TRANSPOSED = ("transpose_Y", "trans_y")


class QuantizedProgram:
    """A float program that is being quantized by Paddle's own passes, the ones behind PaddleSlim's `quant_post_static`.

    Only tensors that feed a quantized operator, or an average that does, carry a scale. PaddleSlim puts one on the output
    of every operator, and oneDNN then runs concat, pooling and reshape in INT8 too, at a cost in accuracy and no gain in time.
    """

    def __init__(self, source: Model, operators: Sequence[Operator]) -> None:
        """Load the program of a float Model; raises UnsupportedError when there is nothing in it to quantize."""
        self._paddle = import_paddle()
        self._paddle.enable_static()
        self._executor = self._paddle.static.Executor(self._paddle.CPUPlace())
        self._scope = self._paddle.static.Scope()
        self._label = source.label
        with self._paddle.static.scope_guard(self._scope):
            self._program, self._feeds, self._fetches = self._paddle.static.load_inference_model(
                str(source.paddle_prefix), self._executor
            )
        self._types = [str(operator) for operator in operators]
        self._operators = self._program.global_block().ops
        if not any(op.type in self._types for op in self._operators):
            raise UnsupportedError(
                f"model {self._label}: none of the operators {', '.join(self._types)} in it, so nothing to quantize"
            )

    def check_names(self, tensors: Sequence[str]) -> None:
        """Raise InputError for the first of `tensors` that no operator reads."""
        read = {name for op in self._operators for name in op.input_arg_names}
        if unknown := [name for name in tensors if name not in read]:
            raise InputError(
                f"skip_tensors: no operator of {self._label} reads {unknown[0]!r}; take names from the model's inputs and weights"
            )

    def write(self, scales: Scales, folder: Path, *, in_float: frozenset[str]) -> dict[str, WeightRange]:
        """Quantize and save as `folder`/model.*; returns the ranges of the weights. A program is written once.

        Operators that read a tensor of `in_float`, or an activation without a range, stay in float.
        """
        from paddle.base import core
        from paddle.base.framework import IrGraph
        from paddle.static.quantization.quantization_pass import (
            AddQuantDequantPassV2,
            QuantizationTransformPassV2,
            QuantWeightPass,
        )

        inputs = self._choose(in_float, scales)
        inputs += self._choose_averages(in_float, scales, inputs)
        place = self._executor.place
        graph = IrGraph(core.Graph(self._program.desc), for_test=True)
        with self._paddle.static.scope_guard(self._scope), faster_graph_passes():
            transform = QuantizationTransformPassV2(
                scope=self._scope, place=place, activation_quantize_type="range_abs_max",
                weight_quantize_type="channel_wise_abs_max", quantizable_op_type=self._types, skip_pattern=[SKIPPED],
            )  # fmt: skip
            transform.apply(graph)
            averages = AddQuantDequantPassV2(
                scope=self._scope, place=place, quantizable_op_type=[POOLING], skip_pattern=[SKIPPED]
            )
            averages.apply(graph)
            weights = self._weight_ranges(graph)
            for name in inputs:
                self._set_scale(name, [scales.activations[name].absmax])
            for name, weight in weights.items():
                self._set_scale(name, self._written_scales(name, weight))
            QuantWeightPass(self._scope, place).apply(graph)
            self._save(graph.to_program(), folder)
        return weights

    def misread_weights(self) -> dict[str, str]:
        """Weights of operators that Paddle Inference's INT8 would not compute with as they are, and why."""
        found = {}
        for op in self._operators:
            if op.type == Operator.CONV2D_TRANSPOSE and op.type in self._types:
                found[op.input("Filter")[0]] = NO_INT8_TRANSPOSED
            if op.type in MATRIX_PRODUCTS and op.type in self._types and self._is_stored(name := op.input("Y")[0]):
                weight = self._value(name)
                turned = any(op.has_attr(key) and op.attr(key) for key in TRANSPOSED)
                if weight.ndim == 2 and not turned and not survives(weight, np.abs(weight).max(axis=0).clip(SMALLEST)):
                    found[name] = REASON
        return found

    def _choose(self, in_float: frozenset[str], scales: Scales) -> list[str]:
        """Mark the operators that stay in float; returns the activations that the others read."""
        inputs: dict[str, None] = {}
        for op in self._operators:
            if op.type in self._types:
                stored = {name for name in op.input_arg_names if self._is_stored(name)}
                activations = [name for name in op.input_arg_names if name not in stored]
                if in_float & set(op.input_arg_names) or not stored or not set(activations) <= set(scales.activations):
                    op._set_attr("op_namescope", SKIPPED)
                else:
                    inputs |= dict.fromkeys(activations)
        return list(inputs)

    def _choose_averages(self, in_float: frozenset[str], scales: Scales, inputs: Sequence[str]) -> list[str]:
        """Mark the poolings that need no scale of their own; returns what the others read, if it is not among `inputs`.

        An average spans less than what it is taken of. Where only its result has a scale, as the input of a quantized operator, or of
        one that moves values there, oneDNN's passes hand that one back to what it is taken of, and cut it off (paddlepaddle 3.0.0).
        """
        chosen: dict[str, None] = {}
        scaled = set(inputs)
        for op in reversed(self._operators):
            if op.type in MOVEMENT and scaled.intersection(op.output_arg_names):
                scaled.update(op.input_arg_names)
            if op.type == POOLING:
                source = op.input("X")[0]
                needed = op.attr("pooling_type") == "avg" and op.output("Out")[0] in scaled
                if needed and source in scales.activations and source not in in_float:
                    chosen |= {source: None}
                else:
                    op._set_attr("op_namescope", SKIPPED)
        return [name for name in chosen if name not in inputs]

    def _is_stored(self, name: str) -> bool:
        block = self._program.global_block()
        return bool(block.has_var(name) and block.var(name).persistable)

    def _weight_ranges(self, graph: Any) -> dict[str, WeightRange]:
        """Largest absolute value of each output channel of the weights that the pass chose, along the axis it chose."""
        found = {}
        for node in graph.all_op_nodes():
            name = node.input("X")[0] if node.name() == "quantize_linear" else ""
            if name and self._is_stored(name):
                weight = self._value(name)
                axis = int(node.op().attr("quant_axis"))
                largest = np.abs(np.moveaxis(weight, axis, 0)).reshape(weight.shape[axis], -1).max(axis=1)
                found[name] = WeightRange(axis=axis, absmax=tuple(float(max(x, SMALLEST)) for x in largest))
        return found

    def _written_scales(self, name: str, weight: WeightRange) -> list[float]:
        absmax, shape = np.array(weight.absmax, np.float32), self._value(name).shape
        is_product = len(shape) == 2 and weight.axis == 1
        return [float(scale) for scale in (paddle_scales(absmax, shape[0]) if is_product else absmax)]

    def _value(self, name: str) -> Any:
        return np.array(self._scope.find_var(name).get_tensor())

    def _set_scale(self, name: str, absmax: list[float]) -> None:
        from paddle.static.quantization import utils

        value = np.array(absmax, np.float32)
        utils.set_variable_data(self._scope, self._executor.place, f"{name}@scale", value)

    def _save(self, program: Any, folder: Path) -> None:
        from paddle.static.quantization import utils

        utils.move_persistable_var_to_global_block(program)
        feeds = [program.global_block().var(name) for name in self._feeds]
        self._paddle.static.save_inference_model(
            str(folder / "model"), feeds, self._fetches, self._executor, program=program, clip_extra=True
        )
