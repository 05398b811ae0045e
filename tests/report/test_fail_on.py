"""Tests of the limits that make a comparison fail."""

import pytest

from workbench.errors import InputError
from workbench.records import Device, Precision, Record, Scope, Status
from workbench.report.compare import Difference, Outcome, Quantity
from workbench.report.fail_on import FailOn, failures, parse_fail_on

ROW = Record(model="m", backend="b", device=Device.CPU, precision=Precision.INT8, scope=Scope.RUNTIME, status=Status.OK)
SLOWER = Difference(ROW, Quantity.LATENCY, Outcome.SLOWER, a=4.0, b=4.4, change=0.1, low=0.04, high=0.16)
WORSE = Difference(ROW, Quantity.ACCURACY, Outcome.LESS_ACCURATE, a=98.0, b=97.0, change=1.0, low=0.6, high=1.4)
LOST = Difference(ROW, Quantity.ROW, Outcome.MISSING, reason="ok in A, not in B")


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("slower:5%,drop:0.5", FailOn(slower=0.05, drop=0.5)),
        (" drop : 1 ", FailOn(drop=1.0)),
        ("slower:0%", FailOn(slower=0.0)),
        ("", FailOn()),
    ],
)
def test_parse_fail_on_reads_limits_when_well_formed(text: str, limits: FailOn) -> None:
    assert parse_fail_on(text) == limits


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("slower:5", "no percent sign"),
        ("slower:x%", "`slower` = 'x' is not a number"),
        ("slower:-5%", "not a number of 0 or more"),
        ("drop:nan", "not a number of 0 or more"),
        ("drop:5%", "not a number of 0 or more"),
        ("drop:1,drop:2", "given twice"),
        ("faster:5%", "'faster:5%' is neither"),
        ("drop", "'drop' is neither"),
        ("drop:1,", "'' is neither"),
    ],
)
def test_parse_fail_on_says_what_is_wrong_when_malformed(text: str, part: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_fail_on(text)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_failures_tell_each_when_over_the_limits() -> None:
    lines = failures([SLOWER, WORSE, LOST], FailOn(slower=0.05, drop=0.5))
    assert lines == [
        "m: b on cpu, 1 thread, batch 1, INT8, runtime: 10 % slower (4 -> 4.4 ms), limit 5 %",
        "m: b on cpu, INT8: 1 points lost (98 -> 97), limit 0.5",
        "m: b on cpu, 1 thread, batch 1, INT8, runtime: ok in A, not in B",
    ]


def test_failures_are_none_when_within_the_limits_or_the_noise() -> None:
    noise = Difference(ROW, Quantity.LATENCY, Outcome.SAME, a=4.0, b=4.4, change=0.1, low=-0.1, high=0.3)
    assert failures([SLOWER, WORSE, noise], FailOn(slower=0.2, drop=1.5)) == []
    assert failures([noise], FailOn(slower=0.05, drop=0.5)) == []


def test_failures_hold_lost_rows_only_when_no_limits_are_given() -> None:
    assert failures([SLOWER, WORSE, LOST], FailOn()) == [
        "m: b on cpu, 1 thread, batch 1, INT8, runtime: ok in A, not in B"
    ]
