"""Plain sentences that say what a result table means, no more firmly than its intervals allow."""

from collections.abc import Collection, Sequence

from workbench.records import Precision, Record, Status
from workbench.report.groups import baseline_of, fastest, find, grouped, made_in_float, methods, quantized_rows, speedup
from workbench.report.labels import count, number, place, precision_label, row_label, varying

UNJUDGED = ", with no interval to tell it from noise"
SHORT_FLOATS = (Precision.FP16, Precision.BF16)


def fastest_sentences(records: Sequence[Record]) -> list[str]:
    """For each backend, device and scope: the fastest INT8 against FP32, its cost, and a 16-bit float that beats it.

    Where methods made float models, also the fastest of those against FP32.
    """
    shown = varying(records) - {"threads"}  # the sentences name the threads anyway
    groups = grouped(records).values()
    said = [sentence for group in groups for sentence in [*_of_quantized(group, shown), *_of_made(group, shown)]]
    return list(dict.fromkeys(said))


def _of_quantized(group: Sequence[Record], shown: Collection[str]) -> list[str]:
    quantized = quantized_rows(group)
    if not quantized:
        return []
    where = place(quantized[0], shown=shown)
    best = fastest(quantized)
    if best is None:
        return [_not_measured(quantized[0], where)]
    label = _label(best, several=len(methods(group)) > 1)
    floats = [find(group, (best.method, best.variant), precision=precision) for precision in SHORT_FLOATS]
    beaten = [_against_float(best, row, f"{where}: ", label) for row in floats if row is not None]
    return [f"{where}: {_against_fp32(best, baseline_of(group), label)}", *filter(None, beaten)]


def _of_made(group: Sequence[Record], shown: Collection[str]) -> list[str]:
    """The fastest of the float models that methods made."""
    best = fastest(made_in_float(group))
    if best is None:
        return []
    return [f"{place(best, shown=shown)}: {_against_fp32(best, baseline_of(group), row_label(best))}"]


def _not_measured(row: Record, where: str) -> str:
    if row.status is Status.OK:
        return f"{where}: the latency of INT8 was not measured{cost(row)}."
    return f"{where}: INT8 was not measured: {row.status}{f' ({row.reason})' if row.reason else ''}."


def _label(row: Record, *, several: bool) -> str:
    """Precision, and the method where it has to be told apart from others or from the untouched model."""
    return row_label(row) if several or not row.precision.is_quantized else precision_label(row)


def _against_fp32(row: Record, baseline: Record | None, label: str) -> str:
    ratio = speedup(row, baseline)
    if ratio is None or baseline is None or baseline.latency_mean_ms is None:
        return f"{label} takes {_ms(row)} ms ({_setting(row)}); FP32 was not measured{cost(row)}."
    figures = f"{_ms(baseline)} -> {_ms(row)} ms, {_setting(row)}"
    low, high = row.speedup_low, row.speedup_high
    if low is None or high is None:
        return f"{label} ran {_times(ratio)} as fast as FP32 ({figures}){UNJUDGED}{cost(row)}."
    if low <= 1 <= high:
        interval = f"speed-up {_times(ratio)}, interval {number(low, digits=3)} to {number(high, digits=3)}"
        return f"no difference beyond noise between {label} and FP32 ({figures}; {interval}){cost(row)}."
    if ratio > 1:
        return f"{label} is {_times(ratio)} faster than FP32 ({figures}){cost(row, bought=True)}."
    return f"{label} is {_times(1 / ratio)} slower than FP32 ({figures}){cost(row)}."


def _against_float(best: Record, row: Record, lead: str, label: str) -> str:
    """A sentence where a 16-bit float is as fast as the fastest INT8 or faster, else nothing."""
    if fastest([row, best]) is not row:
        return ""
    figures = f"({_ms(row)} against {_ms(best)} ms, {_setting(row)})"
    if row.speedup_low is None or best.speedup_high is None:
        return f"{lead}{precision_label(row)} ran faster than {label} {figures}{UNJUDGED}{cost(row)}."
    if row.speedup_low > best.speedup_high:
        return f"{lead}{precision_label(row)} is faster than {label} {figures}{cost(row)}."
    return f"{lead}no difference beyond noise between {precision_label(row)} and {label} {figures}{cost(row)}."


def cost(row: Record, *, bought: bool = False) -> str:
    """What the row costs in accuracy, as the end of a sentence; `bought` when the sentence told of a gain in speed."""
    if row.metric_drop is None:
        return "; its accuracy was not measured"
    drop, name = round(row.metric_drop, 2), row.metric_name
    if drop == 0:
        return f", at the same {name}"
    points = f"{number(abs(drop), digits=3)} points of {name}"
    if row.drop_low is not None and row.drop_high is not None and row.drop_low <= 0 <= row.drop_high:
        return f"; its {'loss' if drop > 0 else 'gain'} of {points} is within noise"
    if bought and drop > 0:
        return f" for {points}"
    return f"; {_label(row, several=False)} {'loses' if drop > 0 else 'gains'} {points}"


def _setting(row: Record) -> str:
    return f"{row.scope.replace('_', ' ')}, {count(row.threads, 'thread')}"


def _ms(row: Record) -> str:
    return number(row.latency_mean_ms or 0.0, digits=3)


def _times(ratio: float) -> str:
    return f"{number(ratio, digits=3)}x"
