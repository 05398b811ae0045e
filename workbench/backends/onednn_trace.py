"""What oneDNN executes under Paddle Inference, told by oneDNN itself.

Paddle's optimized program is not open to Python, but oneDNN can be asked to print a line for each primitive that it
executes, with the types it computes in and the time it takes:
    onednn_verbose,v1,primitive,exec,cpu,KIND,IMPLEMENTATION,PROPAGATION,TENSORS,ATTRIBUTES,ALGORITHM,SHAPE,MILLISECONDS
(oneDNN 3.6, documentation "Verbose mode"; paddlepaddle 3.0.0 brings 3.6.2.) It is asked to for a few runs only, and its
standard output is read from a file meanwhile.
"""

import ctypes
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.backends.int8_proof import INT8, PROFILED_RUNS, Operator

EXECUTED = "onednn_verbose,v1,primitive,exec,"
MATRIX_PRIMITIVES = {"convolution", "deconvolution", "inner_product", "matmul", "rnn"}
# Paddle's operators that become one of them each, or are computed outside of oneDNN, in float.
MATRIX_OPERATORS = {
    "conv2d", "depthwise_conv2d", "conv2d_transpose", "depthwise_conv2d_transpose", "conv3d", "conv3d_transpose",
    "mul", "matmul", "matmul_v2", "bmm", "fc",
}  # fmt: skip
TENSOR_TYPE = re.compile(r"\b(src|wei):(\w+)")


def trace(run: Callable[[], Any], program: bytes) -> tuple[list[Operator], float] | None:
    """The primitives of one call of `run`, and how long a call takes in ms without the trace; None without oneDNN.

    `program` is the serialized Paddle program: matrix operators of it that oneDNN does not execute are added, as float.
    """
    library = _loaded_library()
    if library is None:
        return None
    run_ms = min(_milliseconds(run) for _ in range(PROFILED_RUNS))
    traces = [list(primitives(_printed_by(run, library))) for _ in range(PROFILED_RUNS)]
    # The fastest is the one that nothing disturbed.
    fastest = min(traces, key=lambda operators: sum(operator.ms for operator in operators))
    elsewhere = _matrix_operators(program) - sum(operator.matrix for operator in fastest)
    return fastest + [Operator("outside oneDNN", "", "fp32", matrix=True)] * elsewhere, run_ms


def _loaded_library() -> ctypes.CDLL | None:
    """The oneDNN that Paddle has loaded into this process."""
    lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    found = {line.split(maxsplit=5)[-1] for line in lines if "/libdnnl.so" in line}
    return ctypes.CDLL(found.pop()) if len(found) == 1 else None


def _milliseconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def _printed_by(run: Callable[[], Any], library: ctypes.CDLL) -> str:
    """What oneDNN prints during one call; anything else that is printed meanwhile goes where it was to go."""
    libc = ctypes.CDLL(None)
    with tempfile.TemporaryFile() as file:
        sys.stdout.flush()
        libc.fflush(None)
        standard_output = os.dup(1)
        try:
            os.dup2(file.fileno(), 1)
            library.dnnl_set_verbose(1)
            run()
        finally:
            library.dnnl_set_verbose(0)
            libc.fflush(None)
            os.dup2(standard_output, 1)
            os.close(standard_output)
        file.seek(0)
        lines = file.read().decode("utf-8", errors="replace").splitlines(keepends=True)
    os.write(1, "".join(line for line in lines if not line.startswith("onednn_verbose,")).encode())
    return "".join(lines)


def primitives(printed: str) -> Iterator[Operator]:
    """The executed primitives that oneDNN's output tells of, in order."""
    for line in printed.splitlines():
        if line.startswith(EXECUTED):
            _, _, _, _, _, kind, _, _, tensors, *_, shape, milliseconds = line.split(",")
            types = dict(TENSOR_TYPE.findall(tensors))
            in_int8 = types.get("src") in ("s8", "u8") and types.get("wei", "s8") == "s8"
            yield Operator(
                kind=kind,
                name=f"{kind} {shape}",
                computes_in=INT8 if in_int8 else types.get("src", "fp32"),
                matrix=kind in MATRIX_PRIMITIVES,
                ms=float(milliseconds),
            )


def _matrix_operators(program: bytes) -> int:
    from paddle.base import core

    description = core.ProgramDesc(program)
    blocks = [description.block(index) for index in range(description.num_blocks())]
    return sum(block.op(index).type() in MATRIX_OPERATORS for block in blocks for index in range(block.op_size()))
