"""When INT8 is not the best choice: a float that is faster than every INT8 row of the same work on the same machine."""

from collections import defaultdict
from collections.abc import Sequence

from workbench.records import Metric, Record
from workbench.report.control import controls
from workbench.report.groups import fastest, group_of
from workbench.report.labels import count, number, precision_label, varying
from workbench.report.noise import both, latency_noise

WORK = ("model", "machine_id", "device", "threads", "batch", "scope")


def best_choice_sentences(records: Sequence[Record], metrics: Sequence[Metric]) -> list[str]:
    """For each device, setting and scope where a float is faster, beyond noise, than all INT8 rows: which, and by how much."""
    noise = controls(metrics)
    shown = varying(records)
    works: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for row in records:
        works[tuple(getattr(row, name) for name in WORK)].append(row)
    said = []
    for rows in works.values():
        int8 = fastest(row for row in rows if row.precision.is_quantized)
        other = fastest(row for row in rows if not row.precision.is_quantized)
        if int8 is None or other is None or not int8.latency_mean_ms or not other.latency_mean_ms:
            continue
        margin = both(*(latency_noise(row, noise.get(group_of(row))) for row in (int8, other)))
        if other.latency_mean_ms * (1 + margin) < int8.latency_mean_ms:
            said.append(_sentence(int8, other, shown))
    return said


def _sentence(int8: Record, other: Record, shown: frozenset[str]) -> str:
    lead = "".join(f"{getattr(int8, name)}: " for name in ("model", "machine_id") if name in shown)
    setting = f"{int8.device}, {int8.scope.replace('_', ' ')}, {count(int8.threads, 'thread')}, batch {int8.batch}"
    ms = f"{number(other.latency_mean_ms or 0.0, digits=3)} against {number(int8.latency_mean_ms or 0.0, digits=3)} ms"
    other_place = f"on {int8.backend}" if int8.backend != other.backend else "there too"
    return (
        f"{lead}INT8 is not the best choice here ({setting}): {precision_label(other)} on {other.backend} is faster than the "
        f"fastest INT8, {other_place} ({ms}){_accuracy(int8, other)}."
    )


def _accuracy(int8: Record, other: Record) -> str:
    if int8.metric_drop is None or other.metric_drop is None:
        return ""
    costs = " and ".join(number(round(row.metric_drop or 0.0, 2), digits=3) for row in (other, int8))
    return f"; they lose {costs} points of {int8.metric_name}"
