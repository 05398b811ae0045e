"""Bars as SVG: the same bars as the report's PNG, well formed whatever the names are."""

import xml.etree.ElementTree as ElementTree

import pytest

from workbench.records import Precision, Scope
from workbench.report.bars import COLOURS, HATCHES, Bar, Panel
from workbench.report.panels import PLOTS, plot_panels, plot_rows
from workbench.report.svg import OVERLAYS, Scale, bars_svg, ticks, wrapped

SVG = "{http://www.w3.org/2000/svg}"


def drawn(panels, **texts):
    return ElementTree.fromstring(bars_svg(panels, **({"title": "a title", "caption": "a caption"} | texts)))


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_svg_has_every_bar_with_its_value_when_drawn(one_backend, plot):
    rows = plot_rows(plot, one_backend)
    panels = plot_panels(plot, rows, [])
    root = drawn(panels)
    bars = [bar for panel in panels for bar in panel.bars]
    assert all(bar.text in texts(root) for bar in bars)
    filled = [one for one in root.iter(f"{SVG}rect") if one.get("fill", "").startswith("url(#")]
    assert len(filled) - 0 == len(bars)


def test_svg_bar_is_as_long_as_its_value_when_drawn():
    bars = [Bar("here", "a", Precision.FP32, 10.0, "10"), Bar("here", "b", Precision.INT8, 5.0, "5")]
    root = drawn([Panel("", "ms", bars)])
    long, short = (float(one.get("width")) for one in root.iter(f"{SVG}rect") if one.get("fill", "").startswith("url("))
    assert long == pytest.approx(2 * short, abs=0.2)


def test_svg_stays_inside_its_width_when_values_are_negative_or_text_is_long():
    bars = [Bar("here", "a", Precision.INT8, -3.0, "a long value, -3", low=-4.0, high=1.0)]
    root = drawn([Panel("", "points " * 30, bars, reference=1.0, bands={"here": (-0.5, 0.5)})])
    assert all(-20 <= float(one.get("x", 0)) <= 620 for one in root.iter())


def test_svg_is_well_formed_when_names_are_hostile():
    name = "</text><script>alert(1)</script> & \x07 名" + "long" * 50
    root = drawn([Panel(name, name, [Bar(name, name, Precision.INT8, 1.0, name)])], title=name, caption=name)
    assert not list(root.iter(f"{SVG}script"))


def test_svg_hatches_the_precisions_that_the_report_hatches():
    assert set(OVERLAYS) == {precision for precision, hatch in HATCHES.items() if hatch}
    assert set(COLOURS) >= set(OVERLAYS)


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 26, [0, 5, 10, 15, 20, 25]),
        (-0.3, 0.9, [-0.2, 0, 0.2, 0.4, 0.6, 0.8]),
        (2, 2, [2]),
    ],
)
def test_ticks_are_round_when_the_range_is_not(low, high, found):
    assert ticks(low, high)[: len(found)] == pytest.approx(found)
    assert len(ticks(low, high)) <= 7


def test_scale_gives_the_start_when_all_values_are_one():
    assert Scale((3.0, 3.0), (10.0, 90.0))(3.0) == 10.0


def test_caption_is_cut_into_lines_when_it_is_long():
    assert wrapped("") == [""]
    assert all(len(line) <= 108 for line in wrapped("word " * 100 + "x" * 300))


def test_svg_draws_both_scopes_when_both_were_measured(one_backend):
    plot = PLOTS[0]
    assert len(
        [
            line
            for line in texts(drawn(plot_panels(plot, plot_rows(plot, one_backend), [])))
            if line and line.startswith(("Runtime", "End"))
        ]
    ) == len(Scope)
