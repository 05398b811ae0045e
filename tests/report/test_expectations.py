"""Tests of the expectations."""

from collections.abc import Callable
from typing import Any

import pytest

from workbench.experiment import Expectation
from workbench.records import Device, Precision, Record, Status
from workbench.report.expectations import Verdict, check_expectations, required_verdicts

Make = Callable[..., Record]


def check(records: list[Record], isa: tuple[str, ...] = ("avx2",), **fields: Any) -> Verdict:
    expectation = Expectation(**({"where": {"precision": "int8"}, "column": "metric_drop"} | fields))
    (verdict,) = check_expectations([expectation], records, isa)
    return verdict


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"maximum": 0.3}, "passed"),
        ({"maximum": 0.2}, "failed"),
        ({"maximum": 0.2, "tolerance": 0.1}, "passed"),
        ({"maximum": 0.2, "tolerance": 0.05}, "failed"),
        ({"column": "model_size_mb", "maximum": 2.0}, "failed"),
        ({"column": "model_size_mb", "maximum": 2.0, "tolerance": 0.05}, "passed"),
        ({"column": "model_size_mb", "maximum": 2.0, "tolerance": 0.04}, "failed"),
        ({"column": "speedup_vs_fp32", "minimum": 3.4, "tolerance": 0.1, "machine": ["avx2"]}, "passed"),
        ({"column": "speedup_vs_fp32", "minimum": 3.5, "tolerance": 0.1, "machine": ["avx2"]}, "failed"),
        ({"column": "metric_value", "minimum": 97.0, "maximum": 98.0}, "passed"),
        ({"column": "sqnr_db", "minimum": 26.0, "tolerance": 1.0}, "passed"),
    ],
)
def test_expectation_keeps_its_bound_and_tolerance_when_checked(
    one_backend: list[Record], fields: dict[str, Any], status: str
) -> None:
    assert check(one_backend, **fields).status == status


@pytest.mark.parametrize(("tolerance", "status"), [(0.0, "failed"), (0.05, "passed"), (0.04, "failed")])
def test_expectation_bounds_the_flops_when_a_model_was_pruned(make_pruned: Make, tolerance: float, status: str) -> None:
    verdict = check(
        [make_pruned(gflops=0.735)], where={"method": "prune"}, column="gflops", maximum=0.7, tolerance=tolerance
    )
    assert verdict.status == status


def test_expectation_names_row_and_bound_when_it_fails(one_backend: list[Record]) -> None:
    verdict = check(one_backend, maximum=0.1, tolerance=0.1)
    assert verdict.name == "metric_drop <= 0.1 where precision=int8"
    place = "onnxruntime on cpu, 1 thread, INT8 static (hist), runtime"
    assert verdict.reason == f"{place}: 0.3 is above 0.1 by more than 0.1 (and 1 more)"


def test_expectation_fails_when_it_matches_no_row(one_backend: list[Record]) -> None:
    verdict = check(one_backend, where={"backend": "openvino"}, maximum=1.0)
    assert (verdict.status, verdict.reason) == ("failed", "matched no row")


def test_expectation_fails_when_the_column_is_unknown(one_backend: list[Record]) -> None:
    verdict = check(one_backend, where={"backnd": "openvino"}, maximum=1.0)
    assert (verdict.status, verdict.reason) == ("failed", "the results have no column backnd")


def test_expectation_fails_with_the_reason_when_a_row_is_not_ok(make_record: Make) -> None:
    verdict = check([make_record(status=Status.CRASHED, reason="signal 11")], maximum=1.0)
    assert verdict.status == "failed"
    assert "crashed (signal 11)" in verdict.reason


def test_expectation_fails_when_the_figure_is_missing(make_record: Make) -> None:
    verdict = check([make_record(metric_drop=None)], maximum=1.0)
    assert verdict.status == "failed"
    assert "metric_drop was not measured" in verdict.reason


def test_expectation_is_not_checked_when_the_cpu_lacks_a_flag(one_backend: list[Record]) -> None:
    verdict = check(one_backend, column="speedup_vs_fp32", minimum=9.0, machine=["avx2", "avx512_vnni"])
    assert (verdict.status, verdict.reason) == ("not_checked", "this machine's CPU lacks avx512_vnni")


def test_expectation_leaves_out_the_baseline_when_the_figure_compares_with_it(make_record: Make) -> None:
    rows = [make_record(precision=Precision.FP32, speedup_vs_fp32=1.0), make_record()]
    verdict = check(rows, where={"backend": "onnxruntime"}, column="speedup_vs_fp32", minimum=2.0, machine=["avx2"])
    assert (verdict.status, verdict.reason) == ("passed", "3.1 in 1 row")


def test_expectation_matches_numbers_and_booleans_when_where_holds_them(make_record: Make) -> None:
    rows = [make_record(threads=1, pinned=True), make_record(threads=4, metric_drop=9.0)]
    assert check(rows, where={"threads": 1, "pinned": True, "precision": "int8"}, maximum=1.0).status == "passed"
    assert check(rows, where={"threads": 4}, maximum=1.0).status == "failed"


def test_required_passes_when_all_rows_are_ok(one_backend: list[Record]) -> None:
    (verdict,) = required_verdicts(one_backend, {("onnxruntime", Device.CPU, Precision.INT8)})
    assert (verdict.name, verdict.status) == ("required: onnxruntime on cpu in int8", "passed")


def test_required_fails_when_a_row_is_missing_or_not_ok(
    one_backend: list[Record], all_unavailable: list[Record]
) -> None:
    wanted = {("tensorrt", Device.GPU, Precision.INT8), ("openvino", Device.CPU, Precision.INT8)}
    absent, unavailable = required_verdicts([*one_backend, *all_unavailable], wanted)
    assert (absent.status, absent.reason) == ("failed", "matched no row")
    assert unavailable.status == "failed"
    assert "no NVIDIA GPU" in unavailable.reason


def test_expectation_of_a_drop_judges_the_made_model_alone_when_both_compute_in_fp32(
    make_record: Make, make_pruned: Make
) -> None:
    rows = [make_record(precision=Precision.FP32), make_pruned()]
    assert check(rows, where={"precision": "fp32"}, maximum=0.5).reason == "0.5 in 1 row"
    assert "FP32 prune (flops0.5)" in check(rows, where={"precision": "fp32"}, maximum=0.4).reason
    assert check(rows, where={"method": "none"}, column="metric_value", minimum=98.0).status == "passed"


def test_required_fp32_fails_when_the_model_that_a_method_made_does(make_record: Make, make_pruned: Make) -> None:
    rows = [make_record(precision=Precision.FP32), make_pruned(status=Status.FAILED, reason="NaN loss")]
    (verdict,) = required_verdicts(rows, {("onnxruntime", Device.CPU, Precision.FP32)})
    assert (verdict.status, "FP32 prune (flops0.5)" in verdict.reason) == ("failed", True)
