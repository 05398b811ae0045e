"""A plot that is drawn anew when a control is moved, and stands as a picture with its words where there are no widgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets

from workbench.report.series import Chart, render_charts
from workbench.ui.markup import paragraph, picture
from workbench.ui.view import View

Span = tuple[int, int, int]
"""Least, greatest and first value of a slider."""


@dataclass(frozen=True)
class Drawn:
    """A plot: its charts under a title, and the sentence that says what is seen in them."""

    title: str
    charts: Sequence[Chart]
    seen: str


class LivePlot(View):
    """Controls over a plot of what `draw` gives for their values."""

    def __init__(self, draw: Callable[..., Drawn], controls: dict[str, Any]) -> None:
        self._draw = draw
        self.controls = {name: _control(name, choices) for name, choices in controls.items()}
        self._shown = widgets.HTML()
        super().__init__((*self.controls.values(), self._shown))
        redraw = self.guard(self._redraw)
        for control in self.controls.values():
            control.observe(redraw, names="value")
        redraw()

    def static_html(self) -> str:
        """The plot as it is now, after the values it was drawn for."""
        values = ", ".join(f"{name.replace('_', ' ')} {control.value}" for name, control in self.controls.items())
        return f"{paragraph(f'Drawn for {values}.', quiet=True)}{self._shown.value}"

    def _redraw(self, change: object = None) -> None:
        drawn = self._draw(**{name: control.value for name, control in self.controls.items()})
        png = render_charts(drawn.charts, title=drawn.title, caption="")
        self._shown.value = picture(png, alt=f"Chart: {drawn.title}. {drawn.seen}") + paragraph(drawn.seen)


def live(draw: Callable[..., Drawn], **controls: Span | Sequence[str]) -> LivePlot:
    """A live plot: for each argument of `draw` a slider, given as least, greatest and first value, or the names to choose from."""
    return LivePlot(draw, controls)


def _control(name: str, choices: Span | Sequence[str]) -> widgets.Widget:
    label: dict[str, Any] = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(choices[0], str):
        return widgets.Dropdown(options=list(choices), **label)
    least, greatest, first = choices
    return widgets.IntSlider(min=least, max=greatest, value=first, continuous_update=False, **label)
