"""What ONNX Runtime executes: its rewritten graph as it saves it, and the time of each node as its profiler tells."""

import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from workbench.backends.int8_proof import INT8, PROFILED_RUNS, Operator

FLOAT_OPERATORS = {
    "Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum", "FusedConv", "NhwcFusedConv", "FusedMatMul", "FusedGemm",
    "TransposeMatMul", "Attention", "MultiHeadAttention", "LSTM", "GRU", "RNN",
}  # fmt: skip
INT8_OPERATORS = {
    "QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "MatMulIntegerToFloat",
    "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention",
}  # fmt: skip
# What a fusion adds to the name that a node has in the model, and what the profiler adds.
TOKEN = re.compile(r"_token_\d+$")
EVENT = re.compile(r"^(.*?)(?:_token_\d+)?_kernel_time$")


def profiled(create: Callable[[Any], Any], feeds: Mapping[str, NDArray[Any]]) -> tuple[list[Operator], float]:
    """The nodes that run, with the time of each, and the time of a whole run, both in ms and as means of a few runs.

    `create` opens a session of the model with the given `onnxruntime.SessionOptions`.
    """
    events = _events(create, feeds, runs=1 + PROFILED_RUNS)
    first, *runs = [event for event in events if event["name"] == "model_run"]
    warm = [event for event in events if event["cat"] == "Node" and event["ts"] > first["ts"] + first["dur"]]
    times: dict[tuple[str, str, str], float] = defaultdict(float)
    for event in warm:
        if found := EVENT.match(event["name"]):
            times[event["args"]["op_name"], found[1], event["args"]["node_index"]] += event["dur"] / 1e3 / len(runs)
    operators = [_operator(kind, name, ms) for (kind, name, _), ms in times.items()]
    return operators, sum(run["dur"] for run in runs) / 1e3 / len(runs)


def nodes_by_provider(create: Callable[[Any], Any], feeds: Mapping[str, NDArray[Any]]) -> dict[str, int]:
    """How many nodes each execution provider ran in one call: what really runs where, copies between devices included."""
    found: dict[tuple[str, str], str] = {}
    for event in _events(create, feeds, runs=1):
        if event["cat"] == "Node" and EVENT.match(event["name"]):
            arguments = event["args"]
            found[arguments["op_name"], arguments["node_index"]] = arguments["provider"]
    return dict(Counter(found.values()).most_common())


def optimized(create: Callable[[Any], Any]) -> list[Operator]:
    """The nodes of the graph as ONNX Runtime rewrote it, without any time."""
    import onnx
    import onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(Path(scratch) / "optimized.onnx")
        create(options)
        nodes = onnx.load(options.optimized_model_filepath, load_external_data=False).graph.node
    return [_operator(node.op_type, TOKEN.sub("", node.name)) for node in nodes]


def _events(create: Callable[[Any], Any], feeds: Mapping[str, NDArray[Any]], *, runs: int) -> list[dict[str, Any]]:
    """What ONNX Runtime's profiler notes of some runs of a session of its own."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(scratch) / "profile")
        session = create(options)
        for _ in range(runs):
            session.run(None, feeds)
        events: list[dict[str, Any]] = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        return events


def _operator(kind: str, name: str, ms: float = 0.0) -> Operator:
    return Operator(
        kind, name, INT8 if kind in INT8_OPERATORS else "fp32", kind in FLOAT_OPERATORS | INT8_OPERATORS, ms
    )
