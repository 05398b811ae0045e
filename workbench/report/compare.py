"""Two runs side by side: what became slower, faster, less accurate or larger beyond noise, and what was lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from workbench.records import Metric, Record, Status
from workbench.report.control import Control, controls
from workbench.report.groups import Group, group_of
from workbench.report.labels import place, row_label
from workbench.report.noise import both, latency_noise

JOIN_COLUMNS = (
    "model", "method", "variant", "backend", "device", "precision", "pinned", "threads", "batch", "scope",
)  # fmt: skip
ACCURACY_COLUMNS = ("model", "method", "variant", "backend", "device", "precision")
SIZE_COLUMNS = ("model", "method", "variant")
SIZE_NOISE = 0.001  # fraction; file formats keep a time stamp or two
OTHER_MACHINE = "the runs are of different machines; latencies compare on one machine only"


class Quantity(StrEnum):
    """What of a row is compared."""

    ROW = "row"
    LATENCY = "latency"
    ACCURACY = "accuracy"
    SIZE = "size"


class Outcome(StrEnum):
    """What the comparison found; `missing` is a row that was ok in A and is not in B."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    MORE_ACCURATE = "more_accurate"
    LESS_ACCURATE = "less_accurate"
    SMALLER = "smaller"
    LARGER = "larger"
    NOT_COMPARED = "not_compared"
    MISSING = "missing"


@dataclass(frozen=True)
class Difference:
    """One quantity of one row in runs A and B. A positive change is for the worse.

    `a` and `b` are p50 in ms, the metric in points, or MB. `change` with its noise interval `low` to `high` is a
    fraction of `a` for latency and size, and points lost for accuracy. `row` is A's, or B's where A has none.
    """

    row: Record
    quantity: Quantity
    verdict: Outcome
    a: float | None = None
    b: float | None = None
    change: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def name(self) -> str:
        """The row, as far as the quantity depends on it: a model has one size, on whichever backend."""
        model, label = self.row.model, row_label(self.row)
        if self.quantity is Quantity.SIZE:
            return f"{model}: {label}"
        if self.quantity is Quantity.ACCURACY:
            return f"{model}: {place(self.row, shown=())}, {label}"
        return f"{place(self.row, shown=('model', 'threads', 'batch'))}, {label}, {self.row.scope.replace('_', ' ')}"


def compare_runs(
    a: Sequence[Record],
    b: Sequence[Record],
    *,
    same_machine: bool,
    metrics_a: Sequence[Metric] = (),
    metrics_b: Sequence[Metric] = (),
) -> list[Difference]:
    """Join the rows of runs A and B by all that names them and judge each quantity that both have.

    Latency (p50) is judged against the noise that `report.noise` describes, and refused across machines; accuracy
    against the bootstrap intervals of both drops, added as independent ones; size with 0.1 % to spare.
    """
    rows_b = {_key(row): row for row in b}
    noise_a, noise_b = controls(metrics_a), controls(metrics_b)
    better = _better_direction([*a, *b])
    found: list[Difference] = []
    firsts: dict[tuple[object, ...], list[Difference]] = {}
    for row in a:
        other = rows_b.get(_key(row))
        if row.status is not Status.OK or other is None or other.status is not Status.OK:
            found.append(_unpaired(row, other))
            continue
        found += _latency(row, other, same_machine, noise_a, noise_b)
        firsts.setdefault(_key(row, ACCURACY_COLUMNS), _accuracy(row, other, better))
        firsts.setdefault(_key(row, SIZE_COLUMNS), _size(row, other))
    found += [difference for differences in firsts.values() for difference in differences]
    known = {_key(row) for row in a}
    return found + [_refused(row, Quantity.ROW, "not in A") for key, row in rows_b.items() if key not in known]


def _key(row: Record, columns: Sequence[str] = JOIN_COLUMNS) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in columns)


def _better_direction(rows: Sequence[Record]) -> int:
    """1 where a higher metric is better, else -1; told from the first row with a drop, which is positive for a loss."""
    for row in rows:
        if row.metric_drop and row.metric_fp32 is not None and row.metric_value is not None:
            return 1 if (row.metric_fp32 - row.metric_value) * row.metric_drop > 0 else -1
    return 1


def _refused(row: Record, quantity: Quantity, reason: str) -> Difference:
    return Difference(row, quantity, Outcome.NOT_COMPARED, reason=reason)


def _unpaired(row: Record, other: Record | None) -> Difference:
    fate = "not in B" if other is None else f"{other.status} in B{f' ({other.reason})' if other.reason else ''}"
    if row.status is Status.OK:
        return Difference(row, Quantity.ROW, Outcome.MISSING, reason=f"ok in A, {fate}")
    return _refused(row, Quantity.ROW, f"{row.status} in A, {fate}")


def _latency(
    row: Record, other: Record, same_machine: bool, noise_a: dict[Group, Control], noise_b: dict[Group, Control]
) -> list[Difference]:
    a, b = row.latency_p50_ms, other.latency_p50_ms
    if a is None and b is None:
        return []
    if not same_machine:
        return [_refused(row, Quantity.LATENCY, OTHER_MACHINE)]
    if not a or b is None:
        return [_refused(row, Quantity.LATENCY, f"not measured in {'B' if a else 'A'}")]
    noise = both(latency_noise(row, noise_a.get(group_of(row))), latency_noise(other, noise_b.get(group_of(other))))
    return [_judged(row, Quantity.LATENCY, (a, b), b / a - 1, noise)]


def _accuracy(row: Record, other: Record, better: int) -> list[Difference]:
    a, b = row.metric_value, other.metric_value
    if a is None and b is None:
        return []
    if a is None or b is None:
        return [_refused(row, Quantity.ACCURACY, f"not measured in {'B' if b is None else 'A'}")]
    if row.metric_name != other.metric_name:
        return [_refused(row, Quantity.ACCURACY, f"A has {row.metric_name} and B has {other.metric_name}")]
    if row.is_baseline or row.metric_drop is None or other.metric_drop is None:
        return [_judged(row, Quantity.ACCURACY, (a, b), better * (a - b), 0.0)]
    noise = both(_half_interval(row), _half_interval(other))
    return [_judged(row, Quantity.ACCURACY, (a, b), other.metric_drop - row.metric_drop, noise)]


def _half_interval(row: Record) -> float:
    return 0.0 if row.drop_low is None or row.drop_high is None else (row.drop_high - row.drop_low) / 2


def _size(row: Record, other: Record) -> list[Difference]:
    a, b = row.model_size_mb, other.model_size_mb
    return [_judged(row, Quantity.SIZE, (a, b), b / a - 1, SIZE_NOISE)] if a and b else []


OUTCOMES = {
    Quantity.LATENCY: (Outcome.FASTER, Outcome.SLOWER),
    Quantity.ACCURACY: (Outcome.MORE_ACCURATE, Outcome.LESS_ACCURATE),
    Quantity.SIZE: (Outcome.SMALLER, Outcome.LARGER),
}


def _judged(row: Record, quantity: Quantity, values: tuple[float, float], change: float, noise: float) -> Difference:
    better, worse = OUTCOMES[quantity]
    verdict = worse if change > noise + 1e-9 else better if change < -noise - 1e-9 else Outcome.SAME
    return Difference(row, quantity, verdict, *values, change, change - noise, change + noise)
