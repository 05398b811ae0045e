"""Which tensors cost the accuracy: each one quantized alone, and what that does to the model's outputs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.compatibility import import_paddle
from workbench.errors import InputError
from workbench.lowering.onnx_export import export_float
from workbench.measure.gated_graph import GATES, Gate, GatedGraph, Kind, add_gates
from workbench.measure.statistics import sqnr_db
from workbench.models.model import Model, matching_inputs
from workbench.models.scales import Scheme
from workbench.tasks.base import Sample, Task
from workbench.tasks.loader import load_task
from workbench.worker import Channel

Arrays = dict[str, NDArray[Any]]
COARSE = 2  # samples on which every tensor is compared
FINE = 16  # tensors of each kind that are compared on all samples
WEIGHTED = {"conv2d": ("Input", "Filter"), "depthwise_conv2d": ("Input", "Filter"), "conv2d_transpose": ("Input", "Filter"),
            "mul": ("X", "Y"), "matmul": ("X", "Y"), "matmul_v2": ("X", "Y")}  # fmt: skip


def sensitivity_job(
    channel: Channel,
    *,
    model: str,
    task: dict[str, Any],
    scheme: str,
    samples: int,
    outputs: Sequence[str],
    threads: int,
) -> dict[str, Any]:
    """Worker job: quantize each tensor of a quantized Model's float twin alone, by the Model's ranges, and compare outputs.

    `scheme` is a `Scheme`; `samples` are taken from the task's search set, or, where it has none, from its evaluation set;
    `outputs` names those that count (all floating-point ones when empty); `threads` runs go on side by side. All tensors
    are compared on the first COARSE samples and the FINE worst ones of each kind on the others too, since the noise of
    the rest does not matter.

    Returns `rows` (tensor, kind, readers, sqnr_db, cosine, share of the noise of its kind), the worst first; `layers` in
    order (layer, sqnr_db and cosine of its output when everything is quantized); sqnr_db of the whole; and the seconds.
    """
    source = Model.open(Path(model))
    start = time.perf_counter()
    graph = _gated(source, Scheme(scheme))
    session = GatedSession(graph, source, outputs=outputs)
    prepared = time.perf_counter() - start
    loaded = load_task(task)
    part, chosen = samples_for(loaded, samples)
    measured = _measure(channel, session, loaded, chosen, threads=threads)
    return {
        "rows": ranked(graph.gates, measured.alone),
        "layers": [
            {"layer": name, "sqnr_db": noise.sqnr_db, "cosine": noise.cosine}
            for name, noise in zip(graph.layers, measured.layers, strict=True)
        ],
        "sqnr_db": measured.whole.sqnr_db,
        "cosine": measured.whole.cosine,
        "scheme": scheme,
        "samples": len(chosen),
        "part": part,
        "without_range": graph.without_range,
        "prepare_s": round(prepared, 2),
        "seconds": round(time.perf_counter() - start, 2),
    }


class Noise:
    """Sums, over samples, how much arrays differ from their references."""

    def __init__(self) -> None:
        self.signal = self.noise = self._other = self._product = 0.0

    def add(self, reference: Sequence[NDArray[Any]], noisy: Sequence[NDArray[Any]]) -> None:
        """Add one sample's arrays."""
        for before, after in zip(reference, noisy, strict=True):
            x, y = (np.ravel(array).astype(np.float64) for array in (before, after))
            self.signal += float(x @ x)
            self.noise += float((y - x) @ (y - x))
            self._other += float(y @ y)
            self._product += float(x @ y)

    @property
    def sqnr_db(self) -> float:
        """Signal to noise, in dB."""
        return sqnr_db(self.signal, self.noise)

    @property
    def cosine(self) -> float:
        """Cosine of the angle between reference and noisy values; 1 where one of them is all zeros."""
        norms = float(np.sqrt(self.signal * self._other))
        return min(1.0, self._product / norms) if norms else 1.0


@dataclass(frozen=True)
class Measured:
    """Noise of each gate alone, of each layer's output when all gates are on, and of the outputs then."""

    alone: list[Noise]
    layers: list[Noise]
    whole: Noise


def _measure(
    channel: Channel, session: "GatedSession", task: Task, samples: Sequence[Sample], *, threads: int
) -> Measured:
    count = len(session.gates)
    found = Measured([Noise() for _ in range(count)], [Noise() for _ in session.layers], Noise())
    coarse = min(COARSE, len(samples))
    total, done = coarse * count + (len(samples) - coarse) * len(_worst(session.gates, found.alone)), 0
    with ThreadPoolExecutor(threads) as pool:
        for number, sample in enumerate(samples):
            feed = session.feed(task.preprocess(sample.decode())[0])
            reference, inside = session.run_all(feed, on=False)
            noisy, inside_noisy = session.run_all(feed, on=True)
            found.whole.add(reference, noisy)
            for noise, before, after in zip(found.layers, inside, inside_noisy, strict=True):
                noise.add([before], [after])
            wanted = range(count) if number < coarse else _worst(session.gates, found.alone)
            for index, values in zip(wanted, pool.map(partial(session.run_one, feed), wanted), strict=True):
                found.alone[index].add(reference, values)
                done += 1
                channel.progress(done, total, "sensitivity")
    return found


def _worst(gates: Sequence[Gate], noises: Sequence[Noise]) -> list[int]:
    """The gates of each kind that are worth a closer look."""
    order = sorted(range(len(gates)), key=lambda index: noises[index].sqnr_db)
    return [index for kind in Kind for index in [i for i in order if gates[i].kind is kind][:FINE]]


def samples_for(task: Task, count: int) -> tuple[str, list[Sample]]:
    """The first samples of the search set, or of the evaluation set where there is none; never calibration samples."""
    for part, samples in (("search", task.search()), ("evaluation", task.evaluation())):
        if samples:
            return part, list(samples)[:count]
    raise InputError("task: neither its search nor its evaluation set has samples; give it data")


def ranked(gates: Sequence[Gate], noises: Sequence[Noise]) -> list[dict[str, Any]]:
    """One row for each gate, the worst first; `share` is its part of the noise of all gates of its kind."""
    power = [noise.noise / noise.signal if noise.signal else 0.0 for noise in noises]
    total = {kind: sum(p for gate, p in zip(gates, power, strict=True) if gate.kind is kind) for kind in Kind}
    rows = [
        {
            "tensor": gate.tensor,
            "kind": str(gate.kind),
            "readers": list(gate.readers),
            "sqnr_db": noise.sqnr_db,
            "cosine": noise.cosine,
            "share": own / total[gate.kind] if total[gate.kind] else 0.0,
        }
        for gate, noise, own in zip(gates, noises, power, strict=True)
    ]
    return sorted(rows, key=lambda row: float(row["sqnr_db"]))


def float_order(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The tensors whose readers are best left in float, the one that gains most first: tensor, kind and why.

    A tensor in float leaves every layer that reads it in float, weight and all. So an activation brings its own noise and
    that of its readers' weights, and a tensor whose readers are all in float already brings nothing more.
    """
    weights = {reader: row for row in rows if row["kind"] == Kind.WEIGHT for reader in row["readers"]}
    freed = {
        (row["kind"], row["tensor"]): [row]
        if row["kind"] == Kind.WEIGHT
        else [row, *{weights[r]["tensor"]: weights[r] for r in row["readers"] if r in weights}.values()]
        for row in rows
    }

    def gain(row: Mapping[str, Any]) -> float:
        return sum(10 ** (-float(part["sqnr_db"]) / 10) for part in freed[row["kind"], row["tensor"]])

    in_float: set[str] = set()
    order = []
    for row in sorted(rows, key=lambda row: (-gain(row), row["kind"])):
        if not in_float.issuperset(row["readers"]):
            in_float |= set(row["readers"])
            worst = min(freed[row["kind"], row["tensor"]], key=lambda part: float(part["sqnr_db"]))
            whose = "" if worst is row else f", by weight {worst['tensor']}"
            why = f"{worst['sqnr_db']:.1f} dB alone{whose}"
            order.append({"tensor": row["tensor"], "kind": row["kind"], "why": why})
    return order


class GatedSession:
    """A gated graph in ONNX Runtime, one thread a run; several runs may go on at once."""

    def __init__(self, graph: GatedGraph, source: Model, *, outputs: Sequence[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.gates, self.layers = graph.gates, graph.layers
        self._specs = source.manifest.inputs
        self._inputs = [value.name for value in self._session.get_inputs() if value.name != GATES]
        names = [value.name for value in self._session.get_outputs()][: len(source.manifest.outputs)]
        by_name = dict(zip((spec.name for spec in source.manifest.outputs), names, strict=True))
        if unknown := [name for name in outputs if name not in by_name]:
            raise InputError(f"measure.sqnr_outputs: no output {unknown[0]!r}; outputs are: {', '.join(by_name)}")
        floats = [spec.name for spec in source.manifest.outputs if np.issubdtype(np.dtype(spec.dtype), np.floating)]
        self._outputs = [by_name[name] for name in outputs or floats]

    def feed(self, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """One sample's inputs under the graph's own names."""
        return dict(zip(self._inputs, matching_inputs(self._specs, dict(inputs)), strict=True))

    def run_one(self, feed: Arrays, gate: int) -> list[NDArray[Any]]:
        """The outputs that count, with one gate on."""
        return list(self._session.run(self._outputs, feed | {GATES: np.arange(len(self.gates)) == gate}))

    def run_all(self, feed: Arrays, *, on: bool) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """The outputs that count and those of all layers, with all gates on or off."""
        values = self._session.run([*self._outputs, *self.layers], feed | {GATES: np.full(len(self.gates), on)})
        return list(values[: len(self._outputs)]), list(values[len(self._outputs) :])


def _gated(source: Model, scheme: Scheme) -> GatedGraph:
    if not source.manifest.scales.activations:
        raise InputError(f"model {source.label}: it carries no ranges of activations; quantize it with the workbench")
    twin = source.float_twin
    return add_gates(export_float(twin), source.manifest.scales, activation_of=dict(_weighted(twin)), scheme=scheme)


def _weighted(twin: Model) -> Iterator[tuple[str, str]]:
    """Each weight of the Paddle program with the activation that its operator reads; the export renames some of those."""
    paddle = import_paddle()
    paddle.enable_static()
    with paddle.static.scope_guard(paddle.static.Scope()):
        program, _, _ = paddle.static.load_inference_model(
            str(twin.paddle_prefix), paddle.static.Executor(paddle.CPUPlace())
        )
    block = program.global_block()
    for op in block.ops:
        if op.type in WEIGHTED:
            read, weight = (op.input(slot)[0] for slot in WEIGHTED[op.type])
            if block.var(weight).persistable:
                yield weight, read
