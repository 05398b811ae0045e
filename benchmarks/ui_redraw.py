"""What a redraw of `ui.explore` costs on a run of 500 rows: python benchmarks/ui_redraw.py. Target: at most 150 ms."""

import logging
import statistics
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from workbench import ui
from workbench.files import write_json
from workbench.records import Device, Metric, Precision, Record, Scope, Status, write_metrics, write_records

ROWS = 500
RUNS = 15
TARGET_MS = 150.0
BACKENDS = ("onnxruntime", "openvino", "paddle_inference")
PRECISIONS = (Precision.FP32, Precision.BF16, Precision.INT8)
MACHINE = {"machine_id": "generated", "cpu": {"model": "a CPU", "cores": 2}}


def generated_rows() -> list[Record]:
    """Rows of several models, methods, backends and scopes, one in six of them unavailable."""
    places = product(range(10), BACKENDS, Scope)
    rows = [row for model, backend, scope in places for row in _group(f"model_{model}", backend, scope)]
    assert len(rows) >= ROWS, f"only {len(rows)} rows"
    return rows[:ROWS]


def _group(model: str, backend: str, scope: Scope) -> list[Record]:
    """FP32, BF16 and seven INT8 models in one place."""
    variants = [
        (Precision.FP32, ""),
        (Precision.BF16, ""),
        *((Precision.INT8, f"variant{index}") for index in range(7)),
    ]
    return [
        _row(model, backend, scope, precision, variant, number) for number, (precision, variant) in enumerate(variants)
    ]


def _row(model: str, backend: str, scope: Scope, precision: Precision, variant: str, number: int) -> Record:
    named = {
        "model": model, "model_digest": f"{model}-{variant}", "backend": backend, "device": Device.CPU, "precision": precision,
        "method": "static" if variant else "none", "variant": variant, "scope": scope, "machine_id": "generated",
    }  # fmt: skip
    if number == 1:
        return Record.model_validate(named | {"status": Status.UNAVAILABLE, "reason": "this CPU has no BF16"})
    ms, gain = 20.0 / (1 + number / 4) + len(backend) + len(model), 1 + number / 4
    figures = {
        "latency_mean_ms": ms, "latency_p50_ms": ms, "latency_p99_ms": 1.3 * ms, "latency_std_ms": 0.3, "repeats": 1000,
        "speedup_vs_fp32": gain, "speedup_low": gain - 0.1, "speedup_high": gain + 0.1, "metric_name": "top1", "metric_value": 98.0 - number,
        "metric_drop": float(number), "drop_low": number - 0.3, "drop_high": number + 0.3, "model_size_mb": 13.0 / gain,
    }  # fmt: skip
    return Record.model_validate(named | figures | {"status": Status.OK})


def _controls(rows: list[Record]) -> list[Metric]:
    """The A/A control of every group, as a run has it."""
    columns = ("model", "model_digest", "backend", "device", "precision", "threads", "batch", "scope", "machine_id")
    names = ("aa_control", "aa_control_low", "aa_control_high")
    return [
        Metric.model_validate({column: getattr(row, column) for column in columns} | {"name": name, "value": value})
        for row in rows
        if row.is_baseline
        for name, value in zip(names, (1.0, 0.98, 1.02), strict=True)
    ]


def main() -> int:
    """Print the median time from a tick to all widgets' new values; exit code 1 when it is above the target."""
    logging.disable()
    with tempfile.TemporaryDirectory() as folder:
        rows, run = generated_rows(), Path(folder)
        write_records(run, rows)
        write_metrics(run, _controls(rows))
        write_json(run / "machine.json", MACHINE)
        start = time.perf_counter()
        view = ui.explore(run)
        opened = time.perf_counter() - start
        box = view.choices["Backend"].boxes["openvino"]
        taken = []
        for _ in range(RUNS):
            box.value = False
            start, busy = time.perf_counter(), time.process_time()
            box.value = True
            taken.append(((time.perf_counter() - start) * 1e3, (time.process_time() - busy) * 1e3))
    wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
    print(
        f"ui.explore on {len(rows)} rows: redraw of all {wall:.0f} ms, {cpu:.0f} ms of them CPU time (median of {RUNS}; "
        f"target {TARGET_MS:.0f} ms); first opened in {opened:.1f} s"
    )
    return int(wall > TARGET_MS)


if __name__ == "__main__":
    sys.exit(main())
