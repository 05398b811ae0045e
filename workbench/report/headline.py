"""The one sentence that a run comes to: the fastest INT8, what it gains and costs, and whether a float is faster still."""

from collections.abc import Sequence

from workbench.records import Metric, Record, Scope, Status
from workbench.report.best_choice import WORK, faster_floats
from workbench.report.groups import Group, baseline_of, fastest, group_of, grouped, quantized_rows, speedup
from workbench.report.labels import count, number, row_label
from workbench.report.sentences import cost


def headlines(records: Sequence[Record], metrics: Sequence[Metric], *, here: str = "") -> list[str]:
    """A sentence for each model, machine and device with a measured row: of its first scope, fewest threads and smallest batch.

    `here` is the id of the machine whose figures are `on this CPU`.
    """
    records = [row for row in records if row.status is Status.OK]
    if not records:
        return ["None of these rows was measured."]
    works: dict[tuple[object, ...], list[Record]] = {}
    for row in records:
        works.setdefault((row.model, row.machine_id, row.device), []).append(row)
    groups = grouped(records)
    several = len({row.model for row in records}) > 1
    return [_sentence(rows, metrics, groups, here=here, several=several) for rows in works.values()]


def _sentence(
    rows: Sequence[Record], metrics: Sequence[Metric], groups: dict[Group, list[Record]], *, here: str, several: bool
) -> str:
    lead = f"{rows[0].model}: " if several else ""
    device, machine = rows[0].device.upper(), rows[0].machine_id
    where = (
        f"this {device}"
        if here and machine == here
        else f"the {device} of machine {machine}"
        if machine
        else f"a {device}"
    )
    rows = _simplest(rows)
    best = fastest(quantized_rows(rows))
    if best is None:
        return f"{lead}On {where}, {_nothing(rows)}."
    baseline = baseline_of(groups[group_of(best)])
    # That FP32 on the same backend is faster is said already.
    others = [row for row in faster_floats(rows, metrics) if row is not baseline]
    names = [f"{row_label(row)}{f' on {row.backend}' if row.backend != best.backend else ''}" for row in others]
    gained = (speedup(best, baseline) or 0.0) > 1
    still = (
        f"; {' and '.join(names)} {'is' if len(names) == 1 else 'are'} faster{' still' if gained else ''}"
        if names
        else ""
    )
    setting = f"{best.scope.replace('_', ' ')}, {count(best.threads, 'thread')}, batch {best.batch}"
    return f"{lead}On {where}, {_gain(best, baseline)}{still} ({setting})."


def _simplest(rows: Sequence[Record]) -> list[Record]:
    """The rows of one piece of work: runtime where it was measured, the fewest threads, the smallest batch."""
    timed = [row for row in rows if row.status is Status.OK and row.latency_mean_ms is not None] or list(rows)
    first = min(timed, key=lambda row: (list(Scope).index(row.scope), row.threads, row.batch))
    return [row for row in rows if all(getattr(row, name) == getattr(first, name) for name in WORK)]


def _gain(best: Record, baseline: Record | None) -> str:
    """What the fastest INT8 gains over FP32 on its backend, and what it costs."""
    name = f"{row_label(best)} on {best.backend}"
    ratio = speedup(best, baseline)
    if ratio is None:
        return f"{name} takes {number(best.latency_mean_ms or 0.0, digits=3)} ms, and FP32 is not among these rows{cost(best)}"
    if best.speedup_low is not None and best.speedup_high is not None and best.speedup_low <= 1 <= best.speedup_high:
        return f"{name} is as fast as FP32 there, within noise{cost(best)}"
    if ratio > 1:
        return f"{name} is {number(ratio, digits=2)}x faster than FP32 there{cost(best, bought=True)}"
    return f"{name} is {number(1 / ratio, digits=2)}x slower than FP32 there{cost(best)}"


def _nothing(rows: Sequence[Record]) -> str:
    """Why there is no INT8 figure."""
    return "the latency of INT8 was not measured" if quantized_rows(rows) else "no INT8 row among these was measured"
