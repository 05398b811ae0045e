"""Tests of the plot of accuracy drop against latency."""

from collections.abc import Callable
from pathlib import Path

from workbench.records import Precision, Record, Status
from workbench.report.trade_off import draw_trade_off

Make = Callable[..., Record]


def draw(folder: Path, *rows: Record):
    return draw_trade_off(rows, [], out_dir=folder, caption="a machine")


def test_trade_off_holds_each_method_in_picture_table_and_sentence_when_drawn(
    tmp_path: Path, make_record: Make, make_pruned: Make
) -> None:
    figure = draw(tmp_path, make_record(), make_pruned(), make_record(precision=Precision.FP32))
    assert figure.path.read_bytes().startswith(b"\x89PNG")
    assert list(figure.table["What"]) == ["FP32", "INT8 static (hist)", "FP32 prune (flops0.5)"]
    assert list(figure.table["p50 (ms)"]) == [12.3, 3.9, 7.9]
    assert list(figure.table["low"]) == ["", 0.1, 0.2]
    assert "onnxruntime on cpu, FP32: 12.3 ms, 0 points lost" in figure.alt
    assert "FP32 prune (flops0.5): 7.9 ms, 0.5 points lost" in figure.alt


def test_trade_off_draws_a_legend_for_nine_methods_when_there_are_three_backends(
    tmp_path: Path, make_record: Make, make_pruned: Make
) -> None:
    rows = [make_pruned(variant=f"flops0.{n}", backend=b) for n in range(1, 10) for b in ("b1", "b2", "b3")]
    figure = draw(tmp_path, *rows)
    assert len(figure.table) == 27


def test_trade_off_is_not_drawn_and_the_old_one_removed_when_nothing_is_compared(
    tmp_path: Path, make_record: Make, make_pruned: Make, one_backend: list[Record]
) -> None:
    fp32 = make_record(precision=Precision.FP32)
    draw(tmp_path, fp32, make_pruned())
    assert draw(tmp_path, *one_backend) is None
    assert list(tmp_path.iterdir()) == []
    assert draw(tmp_path, fp32, make_pruned(status=Status.FAILED, reason="NaN loss")) is None
    assert draw(tmp_path, fp32, make_pruned(metric_drop=None)) is None
