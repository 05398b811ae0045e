"""Choosing among the values that a column of the rows has: a box to tick for each."""

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from workbench.ui.markup import LINE

MANY = 4  # values, from which on one box ticks or clears all


class Choice(widgets.VBox):  # type: ignore[misc]
    """A titled list of boxes, all ticked at first; `options` are values with the words that are said of them.

    `on_change` is called without arguments after a change.
    """

    def __init__(self, title: str, options: Mapping[Any, str], on_change: Callable[[], None]) -> None:
        self.title = title
        self._on_change = on_change
        self._is_quiet = False
        self.boxes = {value: _box(str(value), f"{title}: {value}{words}") for value, words in options.items()}
        for box in self.boxes.values():
            box.observe(self._changed, names="value")
        self._every = _box("all", f"{title}: tick or clear all")
        self._every.observe(self._all_or_none, names="value")
        shown = [self._every] if len(options) > MANY else []
        heading = widgets.Label(title, style={"font_weight": "bold"})
        layout = widgets.Layout(
            display="block",
            max_height="15em",
            overflow="auto",
            padding="0 .75em .25em",
            border=f"1px solid {LINE}",
            margin="2px",
        )
        super().__init__([heading, *shown, *self.boxes.values()], layout=layout)

    @property
    def chosen(self) -> set[Any]:
        """The values whose boxes are ticked."""
        return {value for value, box in self.boxes.items() if box.value}

    def _changed(self, change: Any) -> None:
        if not self._is_quiet:
            self._on_change()

    def _all_or_none(self, change: Any) -> None:
        self._is_quiet = True
        for box in self.boxes.values():
            box.value = change["new"]
        self._is_quiet = False
        self._on_change()


def _box(name: str, tooltip: str) -> widgets.Checkbox:
    layout = widgets.Layout(width="auto", margin="0", min_height="1.6em")
    return widgets.Checkbox(value=True, description=name, indent=False, tooltip=tooltip, layout=layout)
