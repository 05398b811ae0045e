"""The tables of the field beside this machine's rows: each published row as it stands, and ours below it, never mixed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import Field

from workbench.experiment import Strict, validate
from workbench.records import Device, Precision, Record, Scope, Status
from workbench.report.groups import baseline_of, fastest, grouped, quantized_rows, speedup
from workbench.report.labels import NOT_RUN, model_label, number

FILE = Path(__file__).with_name("published.yaml")
PUBLISHED, HERE = "published", "here"
RATIO_TOLERANCE = 0.01
"""How far a stated ratio may be from the one of its own latencies, which are rounded themselves."""

IMAGES = "images/s"
MS_PER_S = 1e3


class PublishedRow(Strict):
    """One row of a published table: latencies in ms or throughputs in images/s, as the table says; metric in points."""

    model: str
    ours: str = Field("", description="this workbench's name of the model, where another")
    backend: str
    device: Device
    threads: int | None = None
    fp32: float | None = None
    fp16: float | None = None
    int8: float | None = None
    int8_fp16: float | None = None
    int8_fp16_pinned: float | None = None
    speedup: float | None = None
    metric: str = ""
    metric_fp32: float | None = None
    metric_int8: float | None = None
    method: str = ""
    nms: str = ""

    @property
    def fastest_int8(self) -> list[float]:
        """All that was measured in INT8, with and without FP16 and pinned memory."""
        return [value for value in (self.int8, self.int8_fp16, self.int8_fp16_pinned) if value is not None]

    @property
    def key(self) -> tuple[str, str, Device]:
        """What names the row in tables of other scopes."""
        return self.model, self.backend, self.device


class PublishedTable(Strict):
    """One table, with where it was measured and where it was published."""

    name: str
    title: str
    source: str
    scope: Scope
    unit: str = "ms"
    hardware: dict[Device, str]
    nms: str = ""
    note: str = ""
    runtime_table: str = Field("", description="table of the same rows without pre- and post-processing")
    rows: list[PublishedRow]


class Source(Strict):
    """A document."""

    title: str
    url: str


class Published(Strict):
    """All of `published.yaml`."""

    schema_version: int = Field(ge=1, le=1)
    sources: dict[str, Source]
    tables: list[PublishedTable]


@dataclass(frozen=True)
class Section:
    """One table as it is shown, and the sentences below it."""

    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...]


@cache
def published() -> Published:
    """The published tables."""
    return validate(Published, yaml.safe_load(FILE.read_text(encoding="utf-8")), where=FILE.name)


def published_sections(records: Sequence[Record]) -> list[Section]:
    """Every published table with this machine's rows under the published ones, and what contradicts itself in it."""
    return [_section(table, records) for table in published().tables]


def contradictions(table: PublishedTable) -> list[str]:
    """What a published table says against itself: ratios that latencies do not give, end-to-end times that leave no time for the ends."""
    return [f"{_named(row)}: {said}" for row in table.rows for said in _against_itself(table, row)]


def _against_itself(table: PublishedTable, row: PublishedRow) -> Iterable[str]:
    if row.speedup is not None and row.fp32 is not None and row.fastest_int8:
        best = max(row.fastest_int8) if table.unit == IMAGES else min(row.fastest_int8)
        ratio = best / row.fp32 if table.unit == IMAGES else row.fp32 / best
        if abs(row.speedup / ratio - 1) > RATIO_TOLERANCE:
            yield f"its figures give {ratio:.2f}x, the table says {row.speedup:.2f}x"
    runtime = next((t for t in published().tables if t.name == table.runtime_table), None)
    for other in (other for other in (runtime.rows if runtime else ()) if other.key == row.key):
        for name in ("fp32", "int8", "int8_fp16", "int8_fp16_pinned"):
            whole, part = getattr(row, name), getattr(other, name)
            if whole is not None and part is not None and whole <= part:
                how = "no more than" if whole == part else "below"
                yield f"end to end in {_precision(name)} is {number(whole, digits=6)} ms, {how} its runtime's {number(part, digits=6)} ms"


def _precision(name: str) -> str:
    return name.upper().replace("_FP16", "+FP16").replace("_PINNED", "+PM")


def _named(row: PublishedRow) -> str:
    return f"{row.model}, {row.backend} on {row.device}" + (f", {row.threads} threads" if row.threads else "")


def _section(table: PublishedTable, records: Sequence[Record]) -> Section:
    lines, suppressed = [], []
    for row in table.rows:
        lines.append(_published_line(table, row))
        groups = _ours(table, row, records)
        lines += [_our_line(table, group) for group in groups]
        if not groups:
            lines.append(_missing_line(row))
        nms = row.nms or table.nms
        if nms and (other := {group[0].nms for group in groups} - {nms, ""}):
            suppressed.append(f"{row.model} ({row.backend}: {nms}, here: {', '.join(sorted(other))})")
    places = {row.nms or table.nms for row in table.rows} - {""}
    if len(places) > 1:
        inside = ", ".join(dict.fromkeys(f"{row.model} ({row.backend})" for row in table.rows if row.nms == "inside"))
        suppressed.insert(0, f"in the table itself it is inside the network for {inside} only")
    source = published().sources[table.source]
    notes = [f"Source: {source.title}, {source.url}.", *([table.note] if table.note else [])]
    if suppressed:
        notes.append(f"NMS is not in the same place, so only ratios compare: {'; '.join(dict.fromkeys(suppressed))}.")
    notes += [f"Contradiction in the published table: {said}." for said in contradictions(table)]
    frame = pd.DataFrame(lines, dtype=object)
    empty = [name for name in frame.columns if name in OPTIONAL and (frame[name] == "").all()]
    return Section(f"{table.title} ({table.unit})", frame.drop(columns=empty), tuple(notes))


OPTIONAL = ("FP16", "INT8+FP16", "INT8+FP16+PM", "Why")


def _published_line(table: PublishedTable, row: PublishedRow) -> dict[str, Any]:
    return {
        "Model": row.model,
        "Figures": PUBLISHED,
        "Backend": row.backend,
        "Hardware": table.hardware[row.device],
        "Threads": row.threads or (1 if row.device is Device.CPU else ""),
        "FP32": _shown(row.fp32),
        "FP16": _shown(row.fp16),
        "INT8": _shown(row.int8),
        "INT8+FP16": _shown(row.int8_fp16),
        "INT8+FP16+PM": _shown(row.int8_fp16_pinned),
        "Max speed-up": _shown(row.speedup),
        "Metric": row.metric,
        "FP32 metric": _shown(row.metric_fp32),
        "INT8 metric": _shown(row.metric_int8),
        "Method": row.method,
        "Runs": "",
        "Why": "",
    }


def _shown(value: float | None) -> float | str:
    return "" if value is None else value


def _ours(table: PublishedTable, row: PublishedRow, records: Sequence[Record]) -> list[list[Record]]:
    """This machine's rows of the model in the table's scope, by comparison group: those of the same backend.

    Where the table has the model on no backend of this machine's at all, the last of its rows is followed by all of ours. A
    published row with several threads is met by ours with several, however many.
    """
    mine = [r for r in records if r.model == (row.ours or row.model) and r.scope is table.scope]
    several = (row.threads or 1) > 1 and any(r.threads > 1 for r in mine)
    mine = [r for r in mine if (r.threads > 1) == several]
    same = [r for r in mine if (r.backend, r.device) == (row.backend, row.device)]
    kin = [other for other in table.rows if other.model == row.model]
    met = {(r.backend, r.device) for r in mine} & {(other.backend, other.device) for other in kin}
    if not same and not met and row is kin[-1]:
        same = mine
    return list(grouped(same).values())


def _our_line(table: PublishedTable, group: Sequence[Record]) -> dict[str, Any]:
    baseline, quantized = baseline_of(group), quantized_rows(group)
    best = fastest(quantized) or next(iter(quantized), None)
    rows = {name: _find(group, precision, pinned=pinned) for name, precision, pinned in COLUMNS}
    first = group[0]
    ratio = speedup(best, baseline) if best else None
    failed = next((row for row in group if row.status is not Status.OK), None)
    return {
        "Model": model_label(first),
        "Figures": HERE,
        "Backend": first.backend,
        "Hardware": f"{first.device.upper()} of machine {first.machine_id}",
        "Threads": first.threads,
        **{name: _figure(table, row) for name, row in rows.items()},
        "Max speed-up": "" if ratio is None else round(ratio, 2),
        "Metric": best.metric_name if best else "",
        "FP32 metric": _shown(baseline.metric_value if baseline else None),
        "INT8 metric": _shown(best.metric_value if best else None),
        "Method": best.method if best else "",
        "Runs": min((row.repeats for row in group if row.repeats), default=""),
        "Why": f"{failed.precision.upper()}: {failed.reason}" if failed else "",
    }


COLUMNS = (
    ("FP32", Precision.FP32, False),
    ("FP16", Precision.FP16, False),
    ("INT8", Precision.INT8, False),
    ("INT8+FP16", Precision.INT8_FP16, False),
    ("INT8+FP16+PM", Precision.INT8_FP16, True),
)


def _find(group: Sequence[Record], precision: Precision, *, pinned: bool) -> Record | None:
    rows = [row for row in group if row.precision is precision and row.pinned == pinned]
    if not precision.is_quantized:
        return next((row for row in rows if row.method == "none"), None)
    return fastest(rows) or next(iter(rows), None)


def _figure(table: PublishedTable, row: Record | None) -> float | str:
    if row is None:
        return ""
    if row.status is not Status.OK or row.latency_mean_ms is None:
        return row.status.value
    return row.latency_mean_ms if table.unit == "ms" else row.batch * MS_PER_S / row.latency_mean_ms


def _missing_line(row: PublishedRow) -> dict[str, Any]:
    blank = dict.fromkeys((name for name, *_ in COLUMNS), "")
    return {
        "Model": row.ours or row.model,
        "Figures": HERE,
        "Backend": row.backend,
        "Hardware": "",
        "Threads": "",
        **(blank | {"FP32": NOT_RUN, "INT8": NOT_RUN}),
        "Max speed-up": "",
        "Metric": "",
        "FP32 metric": "",
        "INT8 metric": "",
        "Method": "",
        "Runs": "",
        "Why": "",
    }
