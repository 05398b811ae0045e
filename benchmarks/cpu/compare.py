"""One network on one backend: a comparison group of ours and the references, and the rows that come of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.cpu.contenders import Contender, ours, reference
from benchmarks.cpu.rows import Row
from benchmarks.cpu.subjects import Comparison, Reference, Subject
from workbench.machine import this_machine
from workbench.measure.comparison import GroupResult, Member, measure_group
from workbench.measure.statistics import block_ratio
from workbench.pipeline import Experiment
from workbench.pipeline.progress import Bar
from workbench.records import Precision, Scope, Status

CONTROL = "control"


def planned_rows(subject: Subject, backend: str) -> list[Row]:
    """The rows that a network gives on a backend, still empty."""
    return [
        _empty(subject, comparison, reference)
        for comparison in subject.comparisons()
        if comparison.backend == backend
        for reference in comparison.references
    ]


def compare(experiment: Experiment, subject: Subject, *, backend: str, onnx_file: str) -> list[Row]:
    """Make the references, time everything in one group, 1 thread and batch 1, and hold ours against each reference."""
    comparisons = [comparison for comparison in subject.comparisons() if comparison.backend == backend]
    contenders = {str(cell.precision): ours(experiment, cell) for cell in experiment.cells() if cell.backend == backend}
    if contenders[Precision.FP32].reason:
        wanted = set()
    else:
        wanted = {which for comparison in comparisons for which in comparison.references} - {Reference.OWN_FP32}
    for which in sorted(wanted):
        contenders[which.name] = reference(experiment, which, backend=backend, onnx_file=onnx_file)
    result = _measure(experiment, backend, _needed(comparisons, contenders))
    return [row for comparison in comparisons for row in _rows(subject, comparison, contenders, result)]


def _needed(comparisons: Sequence[Comparison], contenders: dict[str, Contender]) -> dict[str, Contender]:
    """The contenders of the rows that can be measured: whoever else took turns would only cost time."""
    pairs = [(str(c.precision), _name(which)) for c in comparisons for which in c.references]
    ready = [pair for pair in pairs if all(name in contenders and not contenders[name].reason for name in pair)]
    return {name: contenders[name] for pair in ready for name in pair}


def _name(which: Reference) -> str:
    """A reference's name among the contenders."""
    return str(Precision.FP32) if which is Reference.OWN_FP32 else which.name


def _measure(experiment: Experiment, backend: str, contenders: dict[str, Contender]) -> GroupResult | None:
    if not contenders:
        return None
    ready = dict(contenders)
    if our_int8 := ready.get(Precision.INT8):
        ready[CONTROL] = our_int8  # the A/A control: a second copy of the model that matters most
    members = [
        Member(name, contender.arguments, experiment.run.log(f"latency-{backend}-{name.lower()}"), threads=1)
        for name, contender in ready.items()
    ]
    with Bar(f"latency {backend}") as bar:
        result = measure_group(members, experiment.recipe.measure, progress=bar)
    for name, contender in contenders.items():
        if result.members[name].outcome.status is not Status.OK:
            contender.reason = f"timing it: {result.members[name].outcome.reason}"
    return result


def _rows(
    subject: Subject, comparison: Comparison, contenders: dict[str, Contender], result: GroupResult | None
) -> list[Row]:
    """A row for each reference; only the fastest one's carries the target."""
    rows = [_row(subject, comparison, which, contenders, result) for which in comparison.references]
    timed = [row for row in rows if row.reference_ms is not None]
    fastest = min(timed, key=lambda row: row.reference_ms or 0.0, default=rows[0])
    return [row if row is fastest else replace(row, target=None) for row in rows]


def _row(
    subject: Subject,
    comparison: Comparison,
    which: Reference,
    contenders: dict[str, Contender],
    result: GroupResult | None,
) -> Row:
    empty = _empty(subject, comparison, which)
    our_name = str(comparison.precision)
    its_name = _name(which)
    our, its = contenders[our_name], contenders.get(its_name, Contender(reason="not made, since ours does not run"))
    if result is None or our.reason or its.reason:
        return replace(empty, reason=f"ours: {our.reason}" if our.reason else f"{which}: {its.reason}")
    our_blocks, its_blocks = (result.members[name].blocks[Scope.RUNTIME] for name in (our_name, its_name))
    ratio = block_ratio(our_blocks, its_blocks)
    trained = subject.weights == "trained"
    return replace(
        empty,
        ours_ms=_median(our_blocks),
        reference_ms=_median(its_blocks),
        ratio=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
        ours_metric=our.metric if trained else our.sqnr_db,
        reference_metric=its.metric if trained else its.sqnr_db,
        ours_sqnr_db=our.sqnr_db,
        reference_sqnr_db=its.sqnr_db,
        aa_control=_control(result),
        note=result.disturbance.warning,
    )


def _empty(subject: Subject, comparison: Comparison, which: Reference) -> Row:
    return Row(
        model=subject.name,
        backend=comparison.backend,
        precision=str(comparison.precision),
        reference=str(which),
        weights=subject.weights,
        machine=this_machine().machine_id,
        target=comparison.target,
        metric_name=subject.metric_name,
    )


def _control(result: GroupResult) -> float | None:
    """The ratio of a model to its own copy: what differs from 1 is noise."""
    if CONTROL not in result.members:
        return None
    control = result.speedup(str(Precision.INT8), CONTROL, Scope.RUNTIME)
    return control.value if control else None


def _median(blocks: Sequence[Sequence[float]]) -> float:
    """Median of all single calls, in ms."""
    return float(np.median([sample for block in blocks for sample in block]))
