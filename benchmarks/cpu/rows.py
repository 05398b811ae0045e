"""One row of the comparison, its verdict, and the tables that are made of rows."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.files import write_json, write_text


class Verdict(StrEnum):
    """How a row stands to its target."""

    MET = "met"
    MISSED = "missed"
    INFORMATION = "information"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """Ours against a reference. Times are medians in ms; `ratio` is ours / reference, with its 95 % interval.

    `target` is the largest ratio that is good enough (None: the row only informs). A row that could not be measured has
    no ratio, and `reason` says why.
    """

    model: str
    backend: str
    precision: str
    reference: str
    weights: str
    machine: str
    target: float | None = None
    ours_ms: float | None = None
    reference_ms: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    metric_name: str = ""
    ours_metric: float | None = None
    reference_metric: float | None = None
    ours_sqnr_db: float | None = None
    reference_sqnr_db: float | None = None
    aa_control: float | None = None
    note: str = ""
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Met, missed, or nothing to judge."""
        if self.ratio is None:
            return Verdict.NOT_MEASURED
        if self.target is None:
            return Verdict.INFORMATION
        return Verdict.MET if self.ratio <= self.target else Verdict.MISSED

    @property
    def judged(self) -> str:
        """The verdict in words: by how much a target is missed, or why there is no figure."""
        if self.verdict is Verdict.MISSED:
            assert self.ratio is not None
            assert self.target is not None
            return f"missed by {100 * (self.ratio / self.target - 1):.1f} %"
        return self.reason if self.verdict is Verdict.NOT_MEASURED else str(self.verdict)


COLUMNS = (
    "model", "backend", "precision", "ours_ms", "reference", "reference_ms", "ratio", "ratio_low", "ratio_high",
    "metric_name", "ours_metric", "reference_metric", "ours_sqnr_db", "reference_sqnr_db", "weights", "target",
    "verdict", "aa_control", "note", "reason", "machine",
)  # fmt: skip
HEADINGS = (
    "model", "backend", "precision", "ours ms", "reference", "reference ms", "ratio (95 %)", "target", "metric",
    "ours", "reference", "SQNR dB ours", "SQNR dB reference", "verdict",
)  # fmt: skip
NUMERIC = {"ours ms", "reference ms", "ratio (95 %)", "target", "ours", "SQNR dB ours", "SQNR dB reference"}


def write_part(folder: Path, part: str, rows: Sequence[Row]) -> None:
    """Keep the rows of one part (a model on a backend), in place of what it gave before."""
    write_json(folder / "parts" / f"{part}.json", [asdict(row) for row in rows])


def read_parts(folder: Path, order: Iterable[str]) -> list[Row]:
    """The rows of all parts that were kept, those in `order` first and in that order."""
    known = {field.name for field in fields(Row)}
    rows: list[Row] = []
    for part in order:
        path = folder / "parts" / f"{part}.json"
        if path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            rows += [Row(**{name: value for name, value in row.items() if name in known}) for row in kept]
    return rows


def csv_text(rows: Iterable[Row]) -> str:
    """The rows as CSV, all columns, six significant digits; what was not measured is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [getattr(row, name) for name in COLUMNS]
        writer.writerow(["" if v is None else f"{v:.6g}" if isinstance(v, float) else v for v in values])
    return text.getvalue()


def plain_table(rows: Iterable[Row]) -> str:
    """The rows for a terminal."""
    lines = [HEADINGS, *map(_cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    aligned = [
        [
            cell.rjust(width) if heading in NUMERIC else cell.ljust(width)
            for cell, width, heading in zip(line, widths, HEADINGS, strict=True)
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def notes(rows: Iterable[Row]) -> list[str]:
    """How the machine disturbed the measurements: a line for each group that it did."""
    return list(dict.fromkeys(f"{row.model} on {row.backend}: {row.note}" for row in rows if row.note))


def markdown_table(rows: Sequence[Row], *, title: str, machine: str) -> str:
    """The rows as a page for the README, with the machine named, and the notes about how they were taken."""
    rule = ["---:" if heading in NUMERIC else "---" for heading in HEADINGS]
    lines = [list(HEADINGS), rule, *map(_cells, rows)]
    parts = [title, "\n".join(f"| {' | '.join(line)} |" for line in lines), f"Machine: {machine}."]
    if said := notes(rows):
        parts.append("\n".join(f"- {note}" for note in said))
    return "\n\n".join(parts) + "\n"


def write_tables(folder: Path, rows: Sequence[Row], *, title: str, machine: str) -> None:
    """Write `results.csv` and `table.md`."""
    write_text(folder / "results.csv", csv_text(rows))
    write_text(folder / "table.md", markdown_table(rows, title=title, machine=machine))


def _cells(row: Row) -> list[str]:
    interval = f"{row.ratio:.3f} ({row.ratio_low:.3f}-{row.ratio_high:.3f})" if row.ratio_low is not None else ""
    return [
        row.model + (" (random weights)" if row.weights == "random" else ""),
        row.backend,
        row.precision,
        _number(row.ours_ms),
        row.reference,
        _number(row.reference_ms),
        interval or _number(row.ratio, ".3f"),
        _number(row.target),
        row.metric_name,
        _number(row.ours_metric),
        _number(row.reference_metric),
        _number(row.ours_sqnr_db, ".1f"),
        _number(row.reference_sqnr_db, ".1f"),
        row.judged.replace("|", "/"),
    ]


def _number(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else format(value, form)


def failed(rows: Iterable[Row], reason: str) -> list[Row]:
    """The same rows without figures, for one reason."""
    keep = ("model", "backend", "precision", "reference", "weights", "machine", "target")
    kept: list[dict[str, Any]] = [{name: getattr(row, name) for name in keep} for row in rows]
    return [Row(**row, reason=" ".join(reason.split())) for row in kept]
