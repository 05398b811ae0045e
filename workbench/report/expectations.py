"""Expected results as data: a recipe's bounds and its required deployments, checked against the rows of a run."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.experiment import Column, Expectation
from workbench.records import Device, Precision, Record, Status
from workbench.report.labels import count, number, place, row_label

ABSOLUTE = frozenset({Column.METRIC_DROP, Column.METRIC_VALUE, Column.SQNR_DB})
AGAINST_FP32 = frozenset({Column.METRIC_DROP, Column.SQNR_DB, Column.SPEEDUP_VS_FP32})
Required = tuple[str, Device, Precision]  # backend, device, precision


class VerdictStatus(StrEnum):
    """What became of an expectation."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True)
class Verdict:
    """One expectation, whether it held, and why, in a line."""

    name: str
    status: VerdictStatus
    reason: str


def check_expectations(
    expectations: Iterable[Expectation], records: Sequence[Record], machine_isa: Collection[str]
) -> list[Verdict]:
    """Judge each expectation on all rows that it selects; `machine_isa` holds the CPU flags of this machine.

    The tolerance is in the figure's own unit (points, dB) for accuracy, and a fraction of the bound for size, GFLOPs and speed.
    The FP32 row is left out of figures that compare with FP32. An expectation that selects no row has failed.
    """
    return [_check(expectation, records, machine_isa) for expectation in expectations]


def required_verdicts(records: Sequence[Record], required: Collection[Required]) -> list[Verdict]:
    """Judge that each required backend, device and precision has rows and that all of them are `ok`."""
    return [_check_required(wanted, records) for wanted in sorted(required)]


def _check(expectation: Expectation, records: Sequence[Record], machine_isa: Collection[str]) -> Verdict:
    name = _name(expectation)
    lacking = [flag for flag in expectation.machine if flag not in machine_isa]
    if lacking:
        return Verdict(name, VerdictStatus.NOT_CHECKED, f"this machine's CPU lacks {', '.join(lacking)}")
    unknown = [column for column in expectation.where if column not in Record.model_fields]
    if unknown:
        return Verdict(name, VerdictStatus.FAILED, f"the results have no column {', '.join(unknown)}")
    rows = [row for row in records if _selected(row, expectation)]
    if not rows:
        return Verdict(name, VerdictStatus.FAILED, "matched no row")
    faults = [fault for row in rows if (fault := _fault(row, expectation))]
    return _failed(name, faults) if faults else Verdict(name, VerdictStatus.PASSED, _range(rows, expectation.column))


def _check_required(wanted: Required, records: Sequence[Record]) -> Verdict:
    backend, device, precision = wanted
    name = f"required: {backend} on {device} in {precision}"
    rows = [row for row in records if (row.backend, row.device, row.precision) == wanted]
    if not rows:
        return Verdict(name, VerdictStatus.FAILED, "matched no row")
    faults = [f"{_where(row)}: {_why(row)}" for row in rows if row.status is not Status.OK]
    return _failed(name, faults) if faults else Verdict(name, VerdictStatus.PASSED, f"{count(len(rows), 'row')} ok")


def _failed(name: str, faults: Sequence[str]) -> Verdict:
    distinct = list(dict.fromkeys(faults))
    more = f" (and {len(distinct) - 1} more)" if len(distinct) > 1 else ""
    return Verdict(name, VerdictStatus.FAILED, distinct[0] + more)


def _name(expectation: Expectation) -> str:
    bounds = [f">= {number(expectation.minimum)}"] if expectation.minimum is not None else []
    bounds += [f"<= {number(expectation.maximum)}"] if expectation.maximum is not None else []
    where = " ".join(f"{column}={_text(value)}" for column, value in expectation.where.items())
    return f"{expectation.column} {' and '.join(bounds)}{f' where {where}' if where else ''}"


def _selected(row: Record, expectation: Expectation) -> bool:
    if any(_text(getattr(row, column)) != _text(value) for column, value in expectation.where.items()):
        return False
    return not (row.is_baseline and expectation.column in AGAINST_FP32)


def _fault(row: Record, expectation: Expectation) -> str:
    """What is wrong with a row, or nothing."""
    if row.status is not Status.OK:
        return f"{_where(row)}: {_why(row)}"
    value: float | None = getattr(row, expectation.column)
    if value is None:
        return f"{_where(row)}: {expectation.column} was not measured"
    low, high = expectation.minimum, expectation.maximum
    if low is not None and value < low - _slack(expectation, low):
        return f"{_where(row)}: {number(value)} is below {number(low)}{_allowance(expectation)}"
    if high is not None and value > high + _slack(expectation, high):
        return f"{_where(row)}: {number(value)} is above {number(high)}{_allowance(expectation)}"
    return ""


def _slack(expectation: Expectation, bound: float) -> float:
    return expectation.tolerance * (1.0 if expectation.column in ABSOLUTE else abs(bound)) + 1e-9


def _allowance(expectation: Expectation) -> str:
    if not expectation.tolerance:
        return ""
    absolute = expectation.column in ABSOLUTE
    return f" by more than {number(expectation.tolerance) if absolute else f'{expectation.tolerance:.3g} of it'}"


def _range(rows: Sequence[Record], column: Column) -> str:
    values = [getattr(row, column) for row in rows]
    least, most = number(min(values)), number(max(values))
    return f"{least if least == most else f'{least} to {most}'} in {count(len(rows), 'row')}"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _where(row: Record) -> str:
    return f"{place(row, shown=('threads',))}, {row_label(row)}, {row.scope}"


def _why(row: Record) -> str:
    return f"{row.status}{f' ({row.reason})' if row.reason else ''}"
