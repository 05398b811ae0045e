"""One recipe on one machine under several instruction sets: oneDNN is told to use no newer one than named."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import InputError
from workbench.lessons.pictures import measured_here, show_bars
from workbench.machine import this_machine
from workbench.pipeline.lesson import Lesson, run_lesson
from workbench.records import Device, Precision, Record, Scope, Status
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number
from workbench.report.published import published

if TYPE_CHECKING:
    from IPython.display import HTML

VARIABLE = "ONEDNN_MAX_CPU_ISA"
# What oneDNN calls them, and the flag of the CPU that each needs.
LIMITS = {
    "AVX2": "avx2",
    "AVX512_CORE": "avx512f",
    "AVX512_CORE_VNNI": "avx512_vnni",
    "AVX512_CORE_AMX": "amx_int8",
}


def available_limits(limits: Sequence[str]) -> list[str]:
    """Those of the limits that this machine's CPU has. Raises InputError for one that is not known."""
    if unknown := sorted(set(limits) - set(LIMITS)):
        raise InputError(f"instruction set {unknown[0]!r}: not known; take one of {', '.join(LIMITS)}")
    return [limit for limit in limits if LIMITS[limit] in this_machine().isa]


def run_limited(
    recipe: Mapping[str, Any], limits: Sequence[str], folder: Path, *, smoke: bool = False
) -> dict[str, Lesson]:
    """Carry out the recipe under each limit, in a folder of its own below `folder`: a figure belongs to its instruction set."""
    lessons = {}
    for limit in limits:
        with _limited_to(limit):
            lessons[limit] = run_lesson(
                {**recipe, "name": f"{recipe['name']}_{limit.lower()}"}, str(folder / limit.lower()), smoke=smoke
            )
    return lessons


@contextmanager
def _limited_to(limit: str) -> Iterator[None]:
    """Workers that start inside have the limit in their environment (`launch.KEPT_VARIABLES`)."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = limit
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def row_of(lesson: Lesson, precision: Precision, scope: Scope = Scope.RUNTIME) -> Record:
    """The measured row of a precision. Raises StopIteration when there is none."""
    return next(
        row for row in lesson.records if row.precision is precision and row.scope is scope and row.status is Status.OK
    )


def show_isa_speedups(lessons: Mapping[str, Lesson], *, folder: Path) -> "HTML":
    """The speed-up of INT8 against FP32 under each limit, runtime and end to end, with its interval."""
    scopes = {Scope.RUNTIME: "the network alone", Scope.END_TO_END: "end to end"}
    bars = []
    for limit, lesson in lessons.items():
        for scope, label in scopes.items():
            row = row_of(lesson, Precision.INT8, scope)
            ratio = row.speedup_vs_fp32 or 0.0
            bars.append(Bar(limit, label, Precision.INT8, ratio, f"{ratio:.2f}x", row.speedup_low, row.speedup_high))
    said = "; ".join(f"{bar.place}, {bar.label}: {bar.text}" for bar in bars)
    return show_bars(
        [Panel("", "speed-up against FP32 under the same limit, with its bootstrap interval", bars, 1.0)],
        name="isa_speedups", title="What the instruction set makes of INT8", seen=measured_here(f"{said}."), folder=folder,
    )  # fmt: skip


def isa_table(lessons: Mapping[str, Lesson]) -> pd.DataFrame:
    """Latency, speed-up, noise, accuracy and memory under each limit."""
    rows = []
    for limit, lesson in lessons.items():
        fp32, int8 = row_of(lesson, Precision.FP32), row_of(lesson, Precision.INT8)
        rows.append(
            {
                "oneDNN may use": limit,
                "FP32 ms (p50)": number(fp32.latency_p50_ms or 0.0, digits=3),
                "INT8 ms (p50)": number(int8.latency_p50_ms or 0.0, digits=3),
                "times as fast": f"{int8.speedup_vs_fp32:.2f} ({int8.speedup_low:.2f} to {int8.speedup_high:.2f})",
                "SQNR dB": f"{int8.sqnr_db:.1f}",
                "points lost": number(int8.metric_drop or 0.0, digits=3),
            }
        )
    return pd.DataFrame(rows)


def published_table(model: str = "MobileNetV1") -> pd.DataFrame:
    """The published speed-ups of a network on Paddle Inference on CPU, with their hardware and source."""
    found = published()
    rows = [
        {
            "published": row.model, "times as fast": row.speedup, "scope": table.scope, "hardware": table.hardware.get(Device.CPU, ""),
            "source": found.sources[table.source].url,
        }
        for table in found.tables
        for row in table.rows
        if model in (row.model, row.ours) and row.backend == "paddle_inference" and row.device is Device.CPU
    ]  # fmt: skip
    return pd.DataFrame(rows)
