"""Live plots: drawn anew when a control moves, and a picture with words where nothing can be moved."""

import re

import pytest

from workbench.callbacks import forget, raised
from workbench.lessons.live import Drawn, live
from workbench.report.series import Chart, Series


@pytest.fixture(autouse=True)
def _nothing_raised():
    forget()
    yield
    forget()


def draw(kind, bits):
    line = Series("y", [0, 1], [0, bits if kind == "steep" else 1])
    return Drawn("A line", [Chart("x", "y", [line])], f"It is {kind} <at> {bits}.")


def test_live_plot_is_drawn_anew_when_a_control_moves():
    plot = live(draw, kind=["flat", "steep"], bits=(2, 8, 4))
    before = plot.static_html()
    plot.controls["kind"].value = "steep"
    plot.controls["bits"].value = 8
    after = plot.static_html()
    assert "Drawn for kind flat, bits 4." in before
    assert "Drawn for kind steep, bits 8." in after
    assert re.findall('src="([^"]+)"', before) != re.findall('src="([^"]+)"', after)


def test_live_plot_says_what_is_seen_when_shown_without_widgets():
    shown = live(draw, kind=["flat", "steep"], bits=(2, 8, 4)).static_html()
    assert 'alt="Chart: A line. It is flat &lt;at&gt; 4."' in shown
    assert "<at>" not in shown


def test_live_plot_names_its_controls_when_made():
    controls = live(draw, kind=["flat", "steep"], bits=(2, 8, 4)).controls
    assert [control.description for control in controls.values()] == ["kind", "bits"]
    assert (controls["bits"].min, controls["bits"].max, controls["bits"].value) == (2, 8, 4)


def test_live_plot_shows_and_remembers_what_was_raised_when_it_cannot_draw():
    def broken(bits):
        return draw("flat", 8 // (bits - 3))

    plot = live(broken, bits=(3, 8, 4))
    plot.controls["bits"].value = 3
    assert "ZeroDivisionError" in plot.children[0].value
    assert len(raised()) == 1
