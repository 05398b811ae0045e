"""When INT8 is not the best choice: a float that is faster than every INT8 row of the same work on the same machine."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from workbench.records import Metric, Record
from workbench.report.control import Control, controls
from workbench.report.groups import Group, fastest, group_of, made_in_float, untouched
from workbench.report.labels import count, number, row_label, varying
from workbench.report.noise import both, latency_noise

WORK = ("model", "machine_id", "device", "threads", "batch", "scope")


def best_choice_sentences(records: Sequence[Record], metrics: Sequence[Metric]) -> list[str]:
    """For each device, setting and scope where a float is faster, beyond noise, than all INT8 rows: which, and by how much.

    The untouched model in float is named first; a float model that a method made only where it is faster than that too.
    """
    noise = controls(metrics)
    shown = varying(records)
    works: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for row in records:
        works[tuple(getattr(row, name) for name in WORK)].append(row)
    said = []
    for rows in works.values():
        int8 = fastest(row for row in rows if row.precision.is_quantized)
        if int8 is not None:
            said += [_sentence(int8, row, shown) for row in _faster_floats(rows, int8, noise)]
    return said


def faster_floats(rows: Sequence[Record], metrics: Sequence[Metric]) -> list[Record]:
    """Of rows of the same work: the float of the untouched model that is faster, beyond noise, than all INT8 rows, and the
    float model made by a method where it is faster than both."""
    int8 = fastest(row for row in rows if row.precision.is_quantized)
    return [] if int8 is None else _faster_floats(rows, int8, controls(metrics))


def _faster_floats(rows: Sequence[Record], int8: Record, noise: Mapping[Group, Control]) -> list[Record]:
    given, made = fastest(untouched(rows)), fastest(made_in_float(rows))
    found = [given] if given is not None and _is_faster(given, int8, noise) else []
    if made is not None and _is_faster(made, int8, noise) and (given is None or _is_faster(made, given, noise)):
        found.append(made)
    return found


def _is_faster(row: Record, other: Record, noise: Mapping[Group, Control]) -> bool:
    """Whether a row takes less time than another one, beyond the noise of both."""
    margin = both(*(latency_noise(one, noise.get(group_of(one))) for one in (row, other)))
    return (row.latency_mean_ms or 0.0) * (1 + margin) < (other.latency_mean_ms or 0.0)


def _sentence(int8: Record, other: Record, shown: frozenset[str]) -> str:
    lead = "".join(f"{getattr(int8, name)}: " for name in ("model", "machine_id") if name in shown)
    setting = f"{int8.device}, {int8.scope.replace('_', ' ')}, {count(int8.threads, 'thread')}, batch {int8.batch}"
    ms = f"{number(other.latency_mean_ms or 0.0, digits=3)} against {number(int8.latency_mean_ms or 0.0, digits=3)} ms"
    other_place = f"on {int8.backend}" if int8.backend != other.backend else "there too"
    return (
        f"{lead}INT8 is not the best choice here ({setting}): {row_label(other)} on {other.backend} is faster than the "
        f"fastest INT8, {other_place} ({ms}){_accuracy(int8, other)}."
    )


def _accuracy(int8: Record, other: Record) -> str:
    if int8.metric_drop is None or other.metric_drop is None:
        return ""
    costs = " and ".join(number(round(row.metric_drop or 0.0, 2), digits=3) for row in (other, int8))
    return f"; they lose {costs} points of {int8.metric_name}"
