"""All rows as one table: nothing left out, names only where they differ."""

from workbench.records import Precision
from workbench.report.row_table import row_table


def test_row_table_has_a_line_for_every_row_when_some_were_not_measured(one_backend, all_unavailable):
    table = row_table([*one_backend, *all_unavailable])
    assert len(table) == 8
    assert list(table["Status"]) == ["ok"] * 4 + ["unavailable"] * 4
    assert table["Reason"].iloc[-1] == "no NVIDIA GPU; install a driver"
    assert table["p50 (ms)"].iloc[-1] == ""


def test_row_table_has_figures_with_intervals_when_measured(make_record):
    line = row_table([make_record(precision=Precision.FP32), make_record()]).iloc[1]
    assert (line["p50 (ms)"], line["Speed-up"], line["Interval"]) == (3.9, 3.1, "3 to 3.2")
    assert (line["top1"], line["Drop (points)"], line["Drop interval"]) == (97.7, 0.3, "0.1 to 0.6")


def test_row_table_names_what_differs_when_rows_do(make_record):
    one = row_table([make_record()])
    assert not {"Model", "Machine", "Threads", "Batch", "Metric"} & set(one)
    two = row_table([make_record(), make_record(model="b", threads=2, machine_id="m2", metric_name="miou")])
    assert {"Model", "Machine", "Threads", "Metric", "Value"} <= set(two)
    assert "Batch" not in two
