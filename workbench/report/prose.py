"""The fixed and the small derived texts of a report: how it was measured, on what machine, with what result."""

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.measure.disturbance import Disturbance
from workbench.records import Metric, Record, Status
from workbench.report.best_choice import best_choice_sentences
from workbench.report.control import Control, controls
from workbench.report.expectations import Verdict, VerdictStatus
from workbench.report.labels import count, number, place, varying
from workbench.report.sentences import fastest_sentences
from workbench.report.why_slow import slow_sentences

MACHINE_TITLES = {
    "machine_id": "Machine",
    "date": "Date",
    "memory_gb": "Memory (GB)",
    "os": "System",
    "python": "Python",
}
MEASURED = (
    "Each model ran in a process of its own with a fixed number of threads. FP32 and its variants took turns in "
    "blocks, so that a machine that slows down or speeds up does so for both.",
    "A speed-up is the median of the ratios of neighbouring blocks, with a bootstrap interval; the maximum speed-up "
    "in a table is that of the fastest INT8 row. Latencies in the tables are means, those in the plot medians (p50).",
    "The runtime scope holds the copies to and from the device and inference; the end-to-end scope adds pre- and "
    "post-processing, from a decoded sample.",
    "The accuracy drop is FP32's metric on the same backend minus this one's, in points, with a paired bootstrap "
    "interval.",
)


def plot_caption(machines: Sequence[dict[str, Any]]) -> str:
    """On what machine, and when where that is known."""
    return f"{'; '.join(_machine_line(machine) for machine in machines)}."


def _machine_line(machine: dict[str, Any]) -> str:
    cpu = machine.get("cpu", {})
    parts = [
        str(cpu.get("model", "unknown CPU")),
        count(cpu["cores"], "core") if "cores" in cpu else "",
        *(str(gpu.get("name", "GPU")) for gpu in machine.get("gpus", ())),
        f"machine {machine.get('machine_id', 'unknown')}",
        str(machine.get("date", "")),
    ]
    return ", ".join(part for part in parts if part)


def summary(records: Sequence[Record], verdicts: Sequence[Verdict]) -> str:
    """How many rows were measured and how many expectations held."""
    measured = sum(row.status is Status.OK for row in records)
    tally = [(status, sum(verdict.status is status for verdict in verdicts)) for status in VerdictStatus]
    held = ", ".join(f"{amount} {status.replace('_', ' ')}" for status, amount in tally if amount)
    return f"{measured} of {len(records)} rows measured. Expectations: {held or 'none stated'}."


def result_sentences(
    records: Sequence[Record], metrics: Sequence[Metric], machines: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What the rows say: INT8 against FP32, where a float is the better choice, and why INT8 is not faster where it is not."""
    return [
        *fastest_sentences(records),
        *best_choice_sentences(records, metrics),
        *slow_sentences(records, metrics, machines),
    ]


def control_sentences(metrics: Sequence[Metric]) -> list[str]:
    """What FP32 against itself came to in each comparison group, and what that says about the other ratios."""
    found = list(controls(metrics).values())
    shown = varying([control.metric for control in found])
    return [_control_sentence(control, place(control.metric, shown=shown)) for control in found]


def _control_sentence(control: Control, where: str) -> str:
    interval = f"{number(control.low, digits=3)} to {number(control.high, digits=3)}"
    scope = control.metric.scope.replace("_", " ")
    noise = f"a speed-up within {number(100 * control.half_width, digits=2)} % of 1 there is noise"
    return (
        f"A/A control, FP32 against itself, {where}, {scope}: {number(control.ratio, digits=3)}x ({interval}); {noise}."
    )


def disturbance_sentences(metrics: Sequence[Metric]) -> list[str]:
    """Which groups were measured on a machine that was not quiet; empty when all were."""
    found: dict[tuple[str, ...], dict[str, float]] = {}
    for metric in metrics:
        if metric.name in ("steal", "other_load"):
            where = (metric.backend, metric.device, f"{metric.threads} thread(s)", f"batch {metric.batch}")
            found.setdefault(where, {})[metric.name] = metric.value
    warnings = {where: Disturbance(**values).warning for where, values in found.items() if len(values) == 2}
    return [f"{', '.join(where)}: {warning}." for where, warning in warnings.items() if warning]


def machine_facts(machine: dict[str, Any]) -> list[tuple[str, str]]:
    """The fingerprint as names and values, library versions last; what is missing is said or left out."""
    cpu = machine.get("cpu", {})
    gpus = [" ".join(str(part) for part in gpu.values()) for gpu in machine.get("gpus", ())]
    facts = {title: str(machine[key]) for key, title in MACHINE_TITLES.items() if key in machine}
    facts |= {"CPU": str(cpu.get("model", "unknown")), "Cores": str(cpu.get("cores", "unknown"))}
    facts |= {
        "Instruction sets": ", ".join(cpu.get("isa", ())) or "none of interest",
        "GPUs": "; ".join(gpus) or "none",
    }
    return [*facts.items(), *((name, str(version)) for name, version in sorted(machine.get("versions", {}).items()))]
