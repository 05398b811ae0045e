"""Why INT8 is not faster where it is not: what the machine lacks, what stays in float, and where the time goes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.records import Device, Metric, Record, Scope
from workbench.report.groups import baseline_of, fastest, group_of, grouped, quantized_rows, speedup, untouched
from workbench.report.labels import number, place, precision_label, varying

NO_GAIN = 1.1  # times as fast as FP32; below it there is hardly a gain
FAR_BEHIND = 0.6  # of the speed-up that INT8 reaches on another backend of the same machine
MOSTLY_ELSEWHERE = 0.5  # share of a run's time in INT8 kernels, below which they cannot make it much faster
SMALL_MS = 0.3  # a model that takes less is mostly the cost of calling the runtime
INT8_INSTRUCTIONS = {"avx512_vnni", "avx_vnni", "amx_int8"}
TIME_SHARE = "int8_time_share"
IN_FLOAT, BECAUSE, UNKNOWN = "float_operators/", "float_because/", "unknown_operators/"

Figure = tuple[str, float, str]  # name, value and unit of a secondary figure


def int8_figures(described: Mapping[str, Any], lowered: Mapping[str, Any]) -> list[Figure]:
    """The secondary figures of a quantized row that the sentences need.

    `described` is what the session said of itself, `lowered` the facts of the Model that was prepared for the backend.
    """
    figures: list[Figure] = []
    if (share := described.get(TIME_SHARE)) is not None:
        figures.append((TIME_SHARE, share, "share"))
    figures += [(IN_FLOAT + kind, amount, "operators") for kind, amount in described.get("float_operators", {}).items()]
    left = lowered.get("float_operators", ())
    figures += [(f"{BECAUSE}{found['operator']}: {found['reason']}", found["count"], "operators") for found in left]
    return figures + [(UNKNOWN + kind, 1.0, "") for kind in lowered.get("unknown_operators", ())]


def slow_sentences(
    records: Sequence[Record], metrics: Sequence[Metric], machines: Sequence[Mapping[str, Any]]
) -> list[str]:
    """One sentence for each backend on which the fastest INT8 gains little, or far less than elsewhere, with its causes."""
    shown = varying(records) - {"threads"}
    isa = {machine.get("machine_id"): machine.get("cpu", {}).get("isa") for machine in machines}
    groups = [group for group in grouped(records).values() if group[0].scope is Scope.RUNTIME]
    said = []
    for group in groups:
        row, baseline = fastest(quantized_rows(group)), baseline_of(group)
        ratio = speedup(row, baseline) if row else None
        if row is None or ratio is None:
            continue
        best = max((other for other in groups if _comparable(other[0], row)), key=_best_ratio, default=None)
        if lead := _lead(row, ratio, best):
            figures = {metric.name: metric.value for metric in metrics if _belongs(metric, row)}
            causes = [*_causes(row, baseline, figures, isa.get(row.machine_id)), *_other_float(row, records)]
            said.append(f"{place(row, shown=shown)}: {lead}. {_because(causes, figures)}")
    return said


def _best_ratio(group: Sequence[Record]) -> float:
    """The speed-up of the group's fastest INT8, 0 without one."""
    row = fastest(quantized_rows(group))
    return (speedup(row, baseline_of(group)) or 0.0) if row else 0.0


def _comparable(other: Record, row: Record) -> bool:
    """Same work on the same machine."""
    columns = ("model", "machine_id", "device", "threads", "batch", "scope")
    return all(getattr(other, name) == getattr(row, name) for name in columns)


def _belongs(metric: Metric, row: Record) -> bool:
    columns = ("method", "variant", "precision", "pinned")
    return group_of(metric) == group_of(row) and all(getattr(metric, name) == getattr(row, name) for name in columns)


def _lead(row: Record, ratio: float, best: Sequence[Record] | None) -> str:
    """What is to be explained; empty where INT8 gains as it should."""
    reached = _best_ratio(best) if best else 0.0
    gain = f"{number(ratio, digits=3)}x FP32"
    if ratio < FAR_BEHIND * reached and best is not None:
        return f"INT8 gains less here ({gain}) than on {best[0].backend} ({number(reached, digits=3)}x)"
    if ratio < NO_GAIN:
        return f"INT8 brings hardly any speed here ({gain})"
    return ""


def _because(causes: Sequence[str], figures: Mapping[str, float]) -> str:
    if causes:
        return " ".join(f"{cause[0].upper()}{cause[1:]}." for cause in causes)
    if TIME_SHARE in figures:
        share = f"{100 * figures[TIME_SHARE]:.0f} %"
        return f"INT8 kernels take {share} of its time and nothing of weight is in float, so memory may be the limit."
    return "Nothing that was recorded tells why."


def _causes(
    row: Record, baseline: Record | None, figures: Mapping[str, float], isa: Sequence[str] | None
) -> Iterator[str]:
    if row.device is Device.CPU and isa is not None and not INT8_INSTRUCTIONS & set(isa):
        yield "this CPU has no INT8 dot products (neither VNNI nor AMX), so INT8 arithmetic is hardly faster than FP32's"
    yield from _left_in_float(row, figures)
    share = figures.get(TIME_SHARE)
    if share is not None and share < MOSTLY_ELSEWHERE and row.int8_share:
        yield (
            f"INT8 convolutions and matrix products take only {100 * share:.0f} % of a run; the rest goes to other operators, "
            "which are bound by memory, and to the runtime itself"
        )
    fp32_ms = baseline.latency_p50_ms if baseline else None
    if fp32_ms is not None and fp32_ms < SMALL_MS:
        yield f"the model is small: FP32 takes {number(fp32_ms, digits=2)} ms, much of it the cost of calling the runtime"


def _left_in_float(row: Record, figures: Mapping[str, float]) -> Iterator[str]:
    left = _named(figures, IN_FLOAT)
    if row.int8_share == 0:
        yield "no convolution or matrix product runs in INT8"
    elif left:
        share = f"{100 * row.int8_share:.0f} % of the" if row.int8_share is not None else "some"
        yield f"{share} convolutions and matrix products run in INT8; in float stay: {_listed(left)}"
    if left and (reasons := _named(figures, BECAUSE)):
        yield f"the model was lowered with these in float: {_listed(reasons)}"
    if unknown := _named(figures, UNKNOWN):
        yield f"the lowering knows no INT8 form of: {', '.join(unknown)}"


def _named(figures: Mapping[str, float], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): int(value) for name, value in figures.items() if name.startswith(prefix)}


def _listed(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {name}" for name, amount in amounts.items())


def _other_float(row: Record, records: Sequence[Record]) -> Iterator[str]:
    """The untouched model in float on another backend, where it takes less time than INT8 here."""
    others = [other for other in records if _comparable(other, row) and other.backend != row.backend]
    best = fastest(untouched(others))
    if best is not None and (best.latency_mean_ms or 0.0) < (row.latency_mean_ms or 0.0):
        times = (
            f"{number(best.latency_mean_ms or 0.0, digits=3)} against {number(row.latency_mean_ms or 0.0, digits=3)} ms"
        )
        yield f"{precision_label(best)} on {best.backend} takes less time than INT8 here ({times})"
