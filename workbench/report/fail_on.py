"""When a comparison of two runs counts as failed: `slower:5%,drop:0.5`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.errors import InputError
from workbench.report.compare import Difference, Outcome
from workbench.report.labels import number

FORM = "write it like slower:5%,drop:0.5"


@dataclass(frozen=True)
class FailOn:
    """Limits for run B against run A: `slower` is a fraction of the latency, `drop` is in metric points."""

    slower: float | None = None
    drop: float | None = None


def parse_fail_on(text: str) -> FailOn:
    """Read limits such as `slower:5%,drop:0.5`; an empty text sets none. Raises InputError, one line."""
    limits: dict[str, float] = {}
    for part in text.split(",") if text.strip() else ():
        name, colon, value = (piece.strip() for piece in part.partition(":"))
        if name not in ("slower", "drop") or not colon:
            raise InputError(f"--fail-on: {part.strip()!r} is neither slower:N% nor drop:N; {FORM}")
        if name in limits:
            raise InputError(f"--fail-on: `{name}` is given twice; {FORM}")
        if name == "slower" and not value.endswith("%"):
            raise InputError(f"--fail-on: slower:{value} has no percent sign; {FORM}")
        limits[name] = _limit(name, value.removesuffix("%")) / 100 if name == "slower" else _limit(name, value)
    return FailOn(**limits)


def _limit(name: str, value: str) -> float:
    try:
        limit = float(value)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit) or limit < 0:
        raise InputError(f"--fail-on: `{name}` = {value!r} is not a number of 0 or more; {FORM}")
    return limit


def failures(differences: Sequence[Difference], fail_on: FailOn) -> list[str]:
    """One line for each difference that is over its limit.

    A figure fails when the change itself is over the limit and its whole interval is on the bad side of no change; so
    neither noise nor a small but certain change fails. A row that was ok in A and is not in B fails always.
    """
    return [line for difference in differences if (line := _failure(difference, fail_on))]


def _failure(difference: Difference, fail_on: FailOn) -> str:
    change = difference.change or 0.0
    if difference.verdict is Outcome.MISSING:
        return f"{difference.name}: {difference.reason}"
    if difference.verdict is Outcome.SLOWER and fail_on.slower is not None and change > fail_on.slower:
        return (
            f"{difference.name}: {_percent(change)} slower ({_span(difference)} ms), limit {_percent(fail_on.slower)}"
        )
    if difference.verdict is Outcome.LESS_ACCURATE and fail_on.drop is not None and change > fail_on.drop:
        return f"{difference.name}: {number(change)} points lost ({_span(difference)}), limit {number(fail_on.drop)}"
    return ""


def _percent(fraction: float) -> str:
    return f"{number(100 * fraction, digits=3)} %"


def _span(difference: Difference) -> str:
    return f"{number(difference.a or 0.0)} -> {number(difference.b or 0.0)}"
