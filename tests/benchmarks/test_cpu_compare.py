"""From the blocks of a comparison group to rows."""

import pytest

from benchmarks.cpu import compare, subjects
from benchmarks.cpu.contenders import Contender
from workbench.launch import Outcome
from workbench.measure.comparison import GroupResult, Measured
from workbench.measure.disturbance import Disturbance
from workbench.records import Precision, Scope, Status

SUBJECT = subjects.SUBJECTS["mobilenet_v1"]
OPENVINO_INT8 = subjects.Comparison(
    "openvino", Precision.INT8, (subjects.Reference.NNCF, subjects.Reference.QUANTIZE_STATIC), 1.05
)


def group(**times_ms):
    """Ten rounds of three calls each, all alike but for a drift of the machine."""
    return GroupResult(
        {
            name: Measured(blocks={Scope.RUNTIME: [[time * drift] * 3 for drift in range(1, 11)]})
            for name, time in times_ms.items()
        },
        Disturbance(steal=0.0, other_load=0.0),
    )


def contenders(**reasons):
    names = ("int8", "NNCF", "QUANTIZE_STATIC")
    return {name: Contender(metric=1.0, sqnr_db=20.0, reason=reasons.get(name, "")) for name in names}


def rows_of(result, **reasons):
    return compare._rows(SUBJECT, OPENVINO_INT8, contenders(**reasons), result)


def test_rows_give_the_target_to_the_fastest_reference_when_there_are_two():
    nncf, static = rows_of(group(int8=2.0, NNCF=2.5, QUANTIZE_STATIC=1.6, control=2.0))
    assert (nncf.ratio, nncf.target) == (pytest.approx(0.8), None)
    assert (static.ratio, static.target) == (pytest.approx(1.25), 1.05)
    assert static.judged == "missed by 19.0 %"
    assert static.ratio_low == pytest.approx(static.ratio_high)  # a drift of both cancels out
    assert static.aa_control == pytest.approx(1.0)
    assert (static.metric_name, static.ours_metric, static.weights) == ("SQNR dB", 20.0, "random")


def test_rows_give_the_target_to_the_other_reference_when_one_is_missing():
    nncf, static = rows_of(group(int8=2.0, QUANTIZE_STATIC=2.0, control=2.0), NNCF="making it: no nncf")
    assert (nncf.ratio, nncf.reason, nncf.target) == (None, "NNCF: making it: no nncf", None)
    assert (static.verdict, static.target) == ("met", 1.05)


def test_rows_say_why_when_ours_does_not_run():
    result = group(NNCF=2.0, QUANTIZE_STATIC=2.0, control=2.0)
    assert {row.reason for row in rows_of(result, int8="crashed: SIGSEGV")} == {"ours: crashed: SIGSEGV"}
    assert {row.reason for row in rows_of(None, int8="no openvino")} == {"ours: no openvino"}


def test_control_is_left_out_when_its_copy_crashed():
    result = group(int8=2.0, NNCF=2.0, QUANTIZE_STATIC=2.0, control=2.0)
    result.members["control"].outcome = Outcome(Status.CRASHED)
    assert {row.aa_control for row in rows_of(result)} == {None}


@pytest.mark.parametrize("subject", subjects.SUBJECTS.values(), ids=lambda subject: subject.name)
def test_comparisons_hold_int8_to_the_promised_ratios_when_planned(subject):
    targets = {(c.backend, str(c.precision)): c.target for c in subject.comparisons() if c.target is not None}
    wanted = {("onnxruntime", "int8"): 1.05, ("openvino", "int8"): 1.05}
    if subject.weights == "trained":
        wanted |= {("paddle_inference", "fp32"): 0.65, ("paddle_inference", "int8"): 0.60}
    assert targets == wanted
