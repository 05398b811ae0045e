"""Tests of the tables that set methods side by side."""

from collections.abc import Callable

import pandas as pd
import pytest

from workbench.records import Precision, Record, Scope, Status
from workbench.report.methods import is_comparison, methods_tables
from workbench.report.tables import column_groups, to_markdown

Make = Callable[..., Record]
WHERE = "onnxruntime on cpu"
LATENCY = "Mean latency, runtime"
ACCURACY = "Accuracy (top1), drop in points from FP32 on the same backend"
QUANTIZED = ("static", "qat", "pact", "distill", "prune_qat")
IN_FLOAT = ("dynamic", "distill_only", "prune", "distill_prune")


@pytest.fixture
def three(make_record: Make, make_pruned: Make) -> list[Record]:
    """A quantized and a pruned model, and FP32 last."""
    figures = {"gflops": 0.5, "quantize_s": 12.34}
    rows = [make_record(int8_share=0.96, **figures), make_pruned(**figures | {"gflops": 0.25})]
    return [*rows, make_record(precision=Precision.FP32, gflops=0.5)]


def line(table: pd.DataFrame, name: str) -> dict[str, object]:
    """The one line whose first cell is this, by the last level of the headings."""
    (found,) = [row for row in table.itertuples(index=False, name=None) if row[0] == name]
    names = [column[-1] if isinstance(column, tuple) else column for column in table.columns]
    return dict(zip(names, found, strict=True))


def test_methods_are_compared_when_there_are_two_or_one_computes_in_float(
    one_backend: list[Record], make_record: Make, make_pruned: Make
) -> None:
    assert not is_comparison(one_backend)
    assert methods_tables(one_backend) == {}
    assert is_comparison([*one_backend, make_record(variant="mse")])
    assert is_comparison([make_record(precision=Precision.FP32), make_pruned()])


def test_models_table_has_fp32_first_with_ratios_to_it_when_models_were_made(three: list[Record]) -> None:
    table = methods_tables(three)["The models"]
    assert list(table["Method"]) == ["none (FP32 as given)", "static (hist)", "prune (flops0.5)"]
    assert list(table["of FP32"]) == [1.0, 0.263, 0.5]
    assert list(table["Made in (s)"]) == ["reference", 12.3, 12.3]
    assert list(table["GFLOPs"]) == [0.5, 0.5, 0.25]
    assert list(table["Computes in"]) == ["float", "INT8", "float"]
    assert "Parameters (M)" not in table


def test_latency_table_tells_what_arithmetic_ran_when_rows_are_ok(three: list[Record], make_record: Make) -> None:
    unproven = make_record(variant="mse")
    in_float = make_record(variant="KL", int8_share=0.0)
    table = methods_tables([*three, unproven, in_float])[LATENCY]
    assert line(table, "FP32") == {"Model": "FP32", "ms": 12.4, "speed-up": 1.0, "arithmetic": "fp32"}
    assert line(table, "INT8 static (hist)")["arithmetic"] == "int8 96 %"
    assert line(table, "FP32 prune (flops0.5)")["arithmetic"] == "fp32"
    assert line(table, "INT8 static (mse)")["arithmetic"] == "int8, not proven"
    assert line(table, "INT8 static (KL)")["arithmetic"] == "fp32"


def test_accuracy_table_has_drop_interval_and_sqnr_when_rows_are_ok(three: list[Record]) -> None:
    table = methods_tables(three)[ACCURACY]
    expected = {"metric": 97.5, "drop (interval)": "0.50 (0.20 to 0.90)", "SQNR (dB)": 20.0}
    assert line(table, "FP32 prune (flops0.5)") == {"Model": "FP32 prune (flops0.5)"} | expected
    assert line(table, "FP32") == {
        "Model": "FP32", "metric": 98.0, "drop (interval)": "reference", "SQNR (dB)": "reference",
    }  # fmt: skip


def test_tables_say_why_when_a_model_failed_or_was_not_run_somewhere(three: list[Record], make_record: Make) -> None:
    failed = make_record(method="qat", variant="", status=Status.FAILED, reason="NaN loss")
    elsewhere = [make_record(backend="openvino", precision=Precision.FP32)]
    tables = methods_tables([*three, failed, *elsewhere])
    assert line(tables["The models"], "qat")["Size (MB)"] == "failed"
    assert list(tables[LATENCY]["openvino on cpu", "ms"]) == [12.4, "not run", "not run", "not run"]
    assert line(methods_tables([*three, failed])[LATENCY], "INT8 qat")["ms"] == "failed"
    assert list(tables["Notes"].iloc[0]) == ["INT8 qat", WHERE, "failed", "NaN loss"]


def test_notes_name_each_reason_once_when_it_holds_on_all_backends(make_record: Make, make_pruned: Make) -> None:
    note = "no integer arithmetic"
    rows = [
        row
        for backend in ("onnxruntime", "openvino")
        for row in (
            make_record(precision=Precision.FP32, backend=backend),
            make_pruned(method="dynamic", variant="8bit", backend=backend, reason=note),
        )
    ]
    notes = methods_tables(rows)["Notes"]
    assert [list(row) for row in notes.itertuples(index=False)] == [["FP32 dynamic (8bit)", "all", "ok", note]]


def test_tables_name_the_model_when_two_were_measured(three: list[Record]) -> None:
    other = [row.model_copy(update={"model": "nano", "model_size_mb": 2.0}) for row in three]
    tables = methods_tables([*three, *other])
    assert list(tables["The models"]["Model"]) == ["digits", "nano", "digits", "digits", "nano", "nano"]
    assert list(tables["The models"]["of FP32"])[1] == 1.0
    assert "nano: FP32 prune (flops0.5)" in set(tables[LATENCY]["", "Model"])


def test_tables_take_the_end_to_end_scope_when_the_runtime_was_not_measured(three: list[Record]) -> None:
    rows = [row.model_copy(update={"scope": Scope.END_TO_END}) for row in three]
    assert "Mean latency, end to end" in methods_tables(rows)


def test_tables_have_a_line_for_each_method_and_a_group_for_each_backend_when_there_are_nine_and_three(
    make_record: Make, make_pruned: Make
) -> None:
    backends = ("paddle_inference", "onnxruntime", "openvino")
    rows = [
        row
        for backend in backends
        for row in (
            *(make_record(method=name, variant="", backend=backend) for name in QUANTIZED),
            *(make_pruned(method=name, variant="", backend=backend) for name in IN_FLOAT),
            make_record(precision=Precision.FP32, backend=backend),
        )
    ]
    tables = methods_tables(rows)
    assert list(tables) == ["The models", LATENCY, ACCURACY]
    for title in (LATENCY, ACCURACY):
        assert len(tables[title]) == 10
        assert column_groups(tables[title]) == [("", 1), *((f"{backend} on cpu", 3) for backend in backends)]
        assert not tables[title].isna().any().any()
    head = to_markdown(tables[LATENCY]).splitlines()[0]
    assert head.startswith("| Model | paddle_inference on cpu: ms | paddle_inference on cpu: speed-up |")
