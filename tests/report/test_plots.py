"""Tests of the plots: which are drawn, and that picture, table and sentence hold the same facts."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.records import Metric, Precision, Record
from workbench.report.bars import COLOURS, HATCHES, Bar, Panel, render, shortened
from workbench.report.panels import PLOTS, plot_panels, plot_rows
from workbench.report.plots import draw_plots

Make = Callable[..., Record]
PNG = b"\x89PNG\r\n\x1a\n"


def test_draw_plots_draws_all_four_when_one_backend_ran(tmp_path: Path, one_backend: list[Record]) -> None:
    figures = draw_plots(one_backend, [], out_dir=tmp_path, caption="a machine")
    names = ["latency.png", "speedup.png", "accuracy_drop.png", "model_size.png"]
    assert [figure.path.name for figure in figures] == names
    assert all(figure.path.read_bytes().startswith(PNG) for figure in figures)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_draw_plots_tells_the_same_in_table_and_sentence_when_drawn(tmp_path: Path, one_backend: list[Record]) -> None:
    latency, speedup, drop, size = draw_plots(one_backend, [], out_dir=tmp_path, caption="")
    assert list(latency.table["p50 (ms)"]) == [12.3, 3.9, 12.3, 3.9]
    assert list(speedup.table["low"]) == [3.0, 3.0]
    assert list(drop.table["high"]) == [0.6]
    assert list(size.table["size (MB)"]) == [8.0, 2.1]
    assert "onnxruntime on cpu, INT8 static (hist), p50 (ms) 3.9, p99 (ms) 5" in latency.alt
    assert "INT8 static (hist), drop (points) 0.3, low 0.1, high 0.6" in drop.alt


def test_draw_plots_draws_nothing_and_removes_old_files_when_nothing_was_measured(
    tmp_path: Path, one_backend: list[Record], all_unavailable: list[Record]
) -> None:
    draw_plots(one_backend, [], out_dir=tmp_path, caption="")
    assert draw_plots(all_unavailable, [], out_dir=tmp_path, caption="") == []
    assert list(tmp_path.iterdir()) == []


def test_draw_plots_is_deterministic_when_given_the_same_rows(tmp_path: Path, one_backend: list[Record]) -> None:
    first, second = (
        draw_plots(one_backend, [], out_dir=tmp_path / name, caption="x")[0].path.read_bytes() for name in ("a", "b")
    )
    assert first == second


@pytest.mark.filterwarnings("ignore:Glyph")
def test_draw_plots_survives_when_names_are_hostile(tmp_path: Path, make_record: Make) -> None:
    name = "$x_{ <b> \\frac 名\x07\n" + "long" * 100
    rows = [make_record(model=name, variant=name, backend=name, metric_name="{top} $1"), make_record()]
    figures = draw_plots(rows, [], out_dir=tmp_path, caption=name)
    width, height = struct.unpack(">II", figures[0].path.read_bytes()[16:24])
    assert (width, height < 1000) == (990, True)
    assert name in figures[0].alt


def test_panels_have_a_band_of_noise_when_there_is_a_control(
    one_backend: list[Record], make_metric: Callable[..., Metric]
) -> None:
    named = {"aa_control": 1.01, "aa_control_low": 0.97, "aa_control_high": 1.04}
    metrics = [make_metric(name, value) for name, value in named.items()]
    plot = PLOTS[1]
    runtime, end_to_end = plot_panels(plot, plot_rows(plot, one_backend), metrics)
    assert (runtime.reference, runtime.bands) == (1.0, {"onnxruntime on cpu": (0.97, 1.04)})
    assert end_to_end.bands == {}


def test_panels_show_a_figure_once_when_it_has_no_scope_or_threads(make_record: Make) -> None:
    rows = [make_record(threads=threads, pinned=pinned) for threads in (1, 4) for pinned in (False, True)]
    drop, size = (plot_panels(plot, plot_rows(plot, rows), [])[0].bars for plot in PLOTS[2:])
    assert [bar.place for bar in drop] == ["onnxruntime on cpu"]
    assert [bar.place for bar in size] == ["digits"]


def test_panels_keep_the_bars_of_a_place_together_when_rows_are_mixed(make_record: Make) -> None:
    rows = [make_record(backend=name, variant=v) for v in ("hist", "mse") for name in ("b1", "b2")]
    bars = plot_panels(PLOTS[0], rows, [])[0].bars
    assert [bar.place for bar in bars] == ["b1 on cpu", "b1 on cpu", "b2 on cpu", "b2 on cpu"]


def test_panels_put_bf16_between_fp32_and_int8_when_it_was_asked_for_last(make_record: Make) -> None:
    rows = [make_record(precision=p) for p in (Precision.FP32, Precision.INT8, Precision.BF16)]
    for plot in PLOTS[:2]:
        bars = plot_panels(plot, plot_rows(plot, rows), [])[0].bars
        assert [bar.precision for bar in bars][-2:] == [Precision.BF16, Precision.INT8]


def test_render_draws_when_all_bars_are_zero_or_negative() -> None:
    bars = [Bar("here", "a", Precision.INT8, 0.0, "0"), Bar("here", "b", Precision.INT8, -1.0, "-1", -2.0, 0.5)]
    assert render([Panel("", "points", bars)], title="t", caption="").startswith(PNG)
    assert render([Panel("", "points", bars[:1])], title="t", caption="").startswith(PNG)


def test_precisions_are_told_apart_by_colour_and_hatch_when_drawn() -> None:
    assert set(COLOURS) == set(HATCHES) == set(Precision)
    assert len(set(COLOURS.values())) == len(set(HATCHES.values())) == len(Precision)


def test_shortened_keeps_both_ends_when_a_name_is_long() -> None:
    assert shortened("abcdefghij", 7) == "abc…hij"
    assert shortened("a\tb\x00c", 7) == "a b c"


def test_panels_have_a_bar_for_each_model_when_two_compute_in_fp32(make_record: Make, make_pruned: Make) -> None:
    rows = [make_pruned(), make_record(precision=Precision.FP32), make_record()]
    labels = [[bar.label for bar in plot_panels(plot, plot_rows(plot, rows), [])[0].bars] for plot in PLOTS]
    everything = ["FP32 prune (flops0.5)", "FP32", "INT8 static (hist)"]
    variants = ["FP32 prune (flops0.5)", "INT8 static (hist)"]
    assert labels == [everything, variants, variants, everything]
