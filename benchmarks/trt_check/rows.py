"""One row per model, precision and GPU generation, and the files that hold them."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from workbench.files import write_text


@dataclass(frozen=True)
class Row:
    """`int8_ops` of the `quantized_ops` products with int8 weights run in INT8; `seconds` is what building the plan took.

    `float_ops` are the products that lowering left in float. Where there is no plan, `reason` says why in one line.
    """

    model: str
    method: str
    variant: str
    precision: str
    sm: str
    built: bool
    int8_ops: int | None = None
    quantized_ops: int | None = None
    float_ops: int | None = None
    seconds: float | None = None
    plan_mb: float | None = None
    status: str = "ok"
    reason: str = ""

    @property
    def proven(self) -> bool:
        """Whether there is a plan in which everything quantized runs in INT8."""
        return self.built and bool(self.quantized_ops) and self.int8_ops == self.quantized_ops


COLUMNS = tuple(field.name for field in fields(Row))


def write_rows(folder: Path, rows: Iterable[Row]) -> None:
    """Write `results.csv`; what was not had is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(value) for value in astuple(row)] for row in rows)
    write_text(folder / "results.csv", text.getvalue())


def plain_table(rows: Sequence[Row]) -> str:
    """A line per model and precision, a column per GPU generation: `INT8 / quantized`, or what became of it."""
    generations = list(dict.fromkeys(row.sm for row in rows))
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows:
        cell = f"{row.int8_ops}/{row.quantized_ops}" if row.built else row.status
        lines.setdefault((row.model, row.method, row.variant, row.precision), {})[row.sm] = cell
    table = [["model", "method", "variant", "precision", *generations]]
    table += [[*key, *(cells.get(sm, "") for sm in generations)] for key, cells in lines.items()]
    return aligned(table)


def aligned(table: Sequence[Sequence[str]]) -> str:
    """A table in plain text, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)


def reasons(rows: Iterable[Row]) -> list[str]:
    """A line for each reason that a model gave, with the rows that it stands in."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.reason:
            label = " ".join(filter(None, (row.model, row.method, row.variant)))
            found.setdefault((label, row.reason), []).append(f"{row.precision} {row.sm}")
    return [f"{label} ({', '.join(where)}): {reason}" for (label, reason), where in found.items()]


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else value
