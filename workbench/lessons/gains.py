"""What a run gained, for each backend: at the network alone and end to end, in files and in memory."""

from collections.abc import Iterator, Sequence

import pandas as pd

from workbench.records import Precision, Record, Scope, Status
from workbench.report.labels import number


def scopes_table(records: Sequence[Record]) -> pd.DataFrame:
    """The speed-up of INT8 at the network alone and end to end, with its bootstrap interval."""
    return pd.DataFrame(
        [
            {"backend": runtime.backend, "threads": runtime.threads, "network alone": _ratio(runtime), "end to end": _ratio(whole)}
            for runtime, whole in scope_pairs(records)
        ]
    )  # fmt: skip


def scope_pairs(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """The INT8 rows that were timed in both scopes: runtime, then end to end."""
    rows = [row for row in records if row.status is Status.OK and row.precision is Precision.INT8]
    whole = {_key(row): row for row in rows if row.scope is Scope.END_TO_END}
    for row in rows:
        if row.scope is Scope.RUNTIME and _key(row) in whole:
            yield row, whole[_key(row)]


def gains_less_end_to_end(records: Sequence[Record]) -> bool:
    """Whether on no backend the whole gains more than the network alone, beyond the intervals."""
    return all((whole.speedup_low or 0.0) <= (runtime.speedup_high or 0.0) for runtime, whole in scope_pairs(records))


def memory_table(records: Sequence[Record]) -> pd.DataFrame:
    """Files, and the largest memory of the process that runs the model, libraries included: FP32, INT8, and what is saved."""
    return pd.DataFrame(
        [
            {"backend": int8.backend, "what": what, "FP32 MB": number(before), "INT8 MB": number(after), "saved MB": number(before - after)}
            for fp32, int8 in memory_pairs(records)
            for what, before, after in (
                ("files", fp32.model_size_mb or 0.0, int8.model_size_mb or 0.0),
                ("peak memory", fp32.peak_rss_mb or 0.0, int8.peak_rss_mb or 0.0),
            )
        ]
    )  # fmt: skip


def memory_pairs(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """FP32's and INT8's row of each backend, of those whose memory was measured."""
    rows = [row for row in records if row.scope is Scope.RUNTIME and row.threads == 1 and row.peak_rss_mb is not None]
    first = {row.backend: row for row in rows if row.is_baseline}
    for row in rows:
        if row.precision is Precision.INT8 and row.backend in first:
            yield first[row.backend], row


def _key(row: Record) -> tuple[object, ...]:
    return row.model_digest, row.backend, row.device, row.threads, row.batch


def _ratio(row: Record) -> str:
    return f"{row.speedup_vs_fp32:.2f} ({row.speedup_low:.2f} to {row.speedup_high:.2f})"
