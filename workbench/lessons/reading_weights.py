"""What weights of eight bits save where reading them is the cost: one large product, with few rows and with many."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import WorkbenchError
from workbench.launch import run_job
from workbench.lessons.pictures import measured_here, show_bars
from workbench.records import Precision, Status
from workbench.report.bars import Bar, Panel
from workbench.worker import Channel

if TYPE_CHECKING:
    from IPython.display import HTML

BLOCK = 32  # weights that share a scale
CALLS = 3  # in a block
OPSETS = {"": 17, "com.microsoft": 1}


def measure_reading(folder: Path, *, width: int, rows: list[int], rounds: int = 10) -> dict[int, float]:
    """How many times faster than in FP32 a product [rows, width] x [width, width] is with stored weights of 8 bits, by rows.

    ONNX Runtime, one thread, medians of alternating blocks. Raises WorkbenchError when the worker fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    outcome = run_job(
        "workbench.lessons.reading_weights:reading_job", {"width": width, "rows": rows, "rounds": rounds},
        log=folder / "reading_weights.log", timeout_s=300,
    )  # fmt: skip
    if outcome.status is not Status.OK:
        raise WorkbenchError(f"reading weights: {outcome.status}: {outcome.reason}")
    return {int(count): ratio for count, ratio in outcome.value.items()}


def reading_job(channel: Channel, *, width: int, rows: list[int], rounds: int) -> dict[str, float]:
    """Worker job of `measure_reading`."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((width, width), dtype=np.float32)
    sessions = [_session(weights, in_bytes=in_bytes) for in_bytes in (False, True)]
    found = {}
    for count in rows:
        x = random.standard_normal((count, width), dtype=np.float32)
        blocks = [[_milliseconds(session, x) for session in sessions] for _ in range(rounds + 1)][1:]
        found[str(count)] = float(np.median([floats / stored for floats, stored in blocks]))
        channel.progress(len(found), len(rows), f"{count} rows")
    return found


def _session(weights: NDArray[np.float32], *, in_bytes: bool) -> Any:
    """A model of one product. With `in_bytes` the weights are uint8 around 128, a scale for each BLOCK of a column."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    width = len(weights)
    if in_bytes:
        blocks = np.ascontiguousarray(weights.T).reshape(width, -1, BLOCK)
        scales = np.abs(blocks).max(axis=-1) / 127
        stored = [np.rint(blocks / scales[..., np.newaxis] + 128).astype(np.uint8), scales.reshape(-1)]
        node = helper.make_node(
            "MatMulNBits", ["x", "w0", "w1"], ["y"], domain="com.microsoft",
            K=width, N=width, bits=8, block_size=BLOCK, accuracy_level=4,
        )  # fmt: skip
    else:
        stored = [weights]
        node = helper.make_node("MatMul", ["x", "w0"], ["y"])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width]) for name in ("x", "y")]
    arrays = [numpy_helper.from_array(array, f"w{place}") for place, array in enumerate(stored)]
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], arrays)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _milliseconds(session: Any, x: NDArray[np.float32]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        session.run(None, {"x": x})
    return (time.perf_counter() - start) / CALLS * 1e3


def show_reading(ratios: dict[int, float], *, width: int, folder: Path) -> "HTML":
    """The speed-up by rows, a bar each."""
    bars = [
        Bar("", f"{count} row{'s' if count > 1 else ''}", Precision.INT8, ratio, f"{ratio:.2f}x")
        for count, ratio in ratios.items()
    ]
    said = "; ".join(f"{bar.label}: {bar.text}" for bar in bars)
    megabytes = 4 * width**2 / 1e6
    return show_bars(
        [Panel("", "speed-up against weights in FP32 (1: as fast), median of alternating blocks", bars, 1.0)],
        name="reading", title="Weights of eight bits, where they are read for few rows and for many",
        seen=measured_here(f"{said}. The weights are {megabytes:.0f} MB in FP32; each call reads all of them, whatever the rows."),
        folder=folder,
    )  # fmt: skip
