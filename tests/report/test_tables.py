"""Tests of the tables."""

from collections.abc import Callable

import pytest

from workbench.records import Metric, Precision, Record, Scope, Status
from workbench.report.tables import field_table, long_table, metrics_table, reasons, to_markdown

Make = Callable[..., Record]


def test_field_table_gives_one_line_of_figures_when_one_backend_ran(one_backend: list[Record]) -> None:
    table = field_table(one_backend, Scope.RUNTIME)
    assert len(table) == 1
    line = table.iloc[0]
    assert (line["Model"], line["Backend"], line["Device"]) == ("digits", "onnxruntime", "cpu")
    assert (line["FP32"], line["INT8"], line["Max speed-up"]) == (12.4, 4.0, 3.1)
    assert (line["Metric"], line["FP32 metric"], line["INT8 metric"]) == ("top1", 98.0, 97.7)
    assert (line["Drop (points)"], line["Method"]) == (0.3, "static (hist)")


def test_field_table_has_a_word_in_each_cell_without_figure_when_cells_were_not_asked(
    one_backend: list[Record],
) -> None:
    line = field_table(one_backend, Scope.RUNTIME).iloc[0]
    assert [line[name] for name in ("FP16", "INT8+FP16", "INT8+FP16+PM")] == ["not run"] * 3
    assert "BF16" not in line.index


def test_field_table_shows_bf16_when_it_was_asked(one_backend: list[Record], make_record: Make) -> None:
    bf16 = make_record(precision=Precision.BF16, status=Status.UNSUPPORTED, reason="no AMX")
    assert field_table([*one_backend, bf16], Scope.RUNTIME).iloc[0]["BF16"] == "unsupported"


def test_field_table_shows_the_status_when_nothing_was_measured(all_unavailable: list[Record]) -> None:
    line = field_table(all_unavailable, Scope.RUNTIME).iloc[0]
    for name in ("FP32", "INT8", "Max speed-up", "FP32 metric", "INT8 metric", "Drop (points)"):
        assert line[name] == "unavailable"
    assert not line.isna().any()


def test_field_table_speedup_is_that_of_the_fastest_int8_row_when_there_are_several(
    one_backend: list[Record], make_record: Make
) -> None:
    fast = make_record(
        precision=Precision.INT8_FP16, pinned=True, latency_mean_ms=2.0, speedup_vs_fp32=6.1, metric_drop=0.5
    )
    line = field_table([*one_backend, fast], Scope.RUNTIME).iloc[0]
    assert (line["INT8"], line["INT8+FP16+PM"]) == (4.0, 2.0)
    assert (line["Max speed-up"], line["Drop (points)"]) == (6.1, 0.5)


def test_field_table_speedup_is_the_ratio_of_means_when_no_blocks_were_run(make_record: Make) -> None:
    int8 = make_record(speedup_vs_fp32=None, speedup_low=None, speedup_high=None)
    table = field_table([make_record(precision=Precision.FP32), int8], Scope.RUNTIME)
    assert table.iloc[0]["Max speed-up"] == pytest.approx(3.1)


def test_field_table_has_a_line_for_each_variant_when_methods_differ(
    one_backend: list[Record], make_record: Make
) -> None:
    crashed = make_record(variant="mse", status=Status.CRASHED, reason="signal 11")
    table = field_table([*one_backend, crashed], Scope.RUNTIME)
    assert list(table["Method"]) == ["static (hist)", "static (mse)"]
    assert list(table["FP32"]) == [12.4, 12.4]
    assert list(table["INT8"]) == [4.0, "crashed"]


def test_field_table_names_threads_and_machine_when_they_differ(make_record: Make) -> None:
    records = [make_record(precision=p, threads=t) for t in (1, 4) for p in (Precision.FP32, Precision.INT8)]
    records += [row.model_copy(update={"machine_id": "m2"}) for row in records]
    table = field_table(records, Scope.RUNTIME)
    assert list(table["Threads"]) == [1, 4, 1, 4]
    assert list(table["Machine"]) == ["m1", "m1", "m2", "m2"]


def test_field_table_keeps_a_line_when_nothing_was_quantized(make_record: Make) -> None:
    line = field_table([make_record(precision=Precision.FP32)], Scope.RUNTIME).iloc[0]
    assert (line["FP32"], line["INT8"], line["Max speed-up"], line["Method"]) == (12.4, "not run", "not run", "none")


def test_field_table_is_empty_when_the_scope_was_not_measured(make_record: Make) -> None:
    assert field_table([make_record()], Scope.END_TO_END).empty


def test_reasons_name_the_model_when_there_are_several(one_backend: list[Record], make_record: Make) -> None:
    failed = {"status": Status.FAILED, "reason": "no such operator"}
    gone = {"model": "gone", "status": Status.UNAVAILABLE, "reason": "no network"}
    rows = [make_record(model="other", **failed), make_record(model="other", precision=Precision.FP32)]
    rows += [make_record(backend=name, **gone) for name in ("onnxruntime", "openvino")]
    found = reasons([*one_backend, *rows])
    assert list(found["Model"]) == ["other", "gone"]
    assert list(found["Backend"]) == ["onnxruntime", "all"]


def test_long_table_has_every_row_and_empty_cells_when_figures_are_missing(
    one_backend: list[Record], all_unavailable: list[Record]
) -> None:
    table = long_table([*one_backend, *all_unavailable])
    assert len(table) == 8
    assert not table.isna().any().any()
    assert list(table["latency_mean_ms"])[-1] == ""
    assert list(table["reason"])[-1] == "no NVIDIA GPU; install a driver"


def test_reasons_lists_each_once_when_scopes_repeat_them(
    one_backend: list[Record], all_unavailable: list[Record]
) -> None:
    table = reasons([*one_backend, *all_unavailable])
    assert list(table["Precision"]) == ["FP32", "INT8"]
    assert set(table["Status"]) == {"unavailable"}
    assert reasons(one_backend).empty


def test_metrics_table_names_place_and_unit_when_there_are_figures(make_metric: Callable[..., Metric]) -> None:
    table = metrics_table([make_metric("top5", 99.5, unit="points")])
    assert list(table.iloc[0]) == ["onnxruntime on cpu", "FP32", "runtime", "top5", 99.5, "points"]


def test_to_markdown_aligns_numbers_and_escapes_when_names_are_hostile(make_record: Make) -> None:
    text = to_markdown(long_table([make_record(model="a|b\n<script>&", latency_mean_ms=1234.5678)]))
    head, rule, row = text.splitlines()
    assert "a\\|b &lt;script>&amp;" in row
    assert "| 1235 |" in row
    assert head.count("|") == rule.count("|") == row.count("|") - 1
    assert rule.startswith("| --- |")
    assert "---:" in rule


def test_to_markdown_is_empty_when_the_table_is(one_backend: list[Record]) -> None:
    assert to_markdown(reasons(one_backend)) == ""


def test_field_table_keeps_the_untouched_fp32_when_methods_made_float_models(
    one_backend: list[Record], make_pruned: Make
) -> None:
    line = field_table([make_pruned(), *one_backend], Scope.RUNTIME)
    assert (list(line["Method"]), list(line["FP32"]), list(line["FP32 metric"])) == (["static (hist)"], [12.4], [98.0])


def test_field_table_shows_the_untouched_model_alone_when_only_float_models_were_made(
    make_record: Make, make_pruned: Make
) -> None:
    table = field_table([make_pruned(), make_record(precision=Precision.FP32)], Scope.RUNTIME)
    assert (list(table["Method"]), list(table["FP32"])) == (["none"], [12.4])


def test_reasons_tell_the_made_model_from_the_untouched_one_when_both_are_missing(
    make_record: Make, make_pruned: Make
) -> None:
    why = {"status": Status.FAILED, "reason": "NaN loss"}
    other = {"status": Status.CRASHED, "reason": "signal 6"}
    rows = [make_pruned(**why), make_pruned(variant="flops0.3", **why), make_record(precision=Precision.FP32, **other)]
    assert list(reasons(rows)["Method"]) == ["prune (flops0.5), prune (flops0.3)", "none"]
