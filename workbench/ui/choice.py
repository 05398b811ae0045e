"""Choosing among the values that a column of the rows has: a box to tick for each."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import ipywidgets as widgets

from workbench.ui.markup import LINE

MANY = 4  # values, from which on one box ticks or clears all


class Choice(widgets.VBox):  # type: ignore[misc]
    """A titled list of boxes; `options` are values with the words that are said of them, `ticked` those that are ticked at
    first, by default all. A list longer than `height` scrolls.

    `on_change` is called without arguments after a change.
    """

    def __init__(
        self,
        title: str,
        options: Mapping[Any, str],
        on_change: Callable[[], None],
        *,
        ticked: Collection[Any] | None = None,
        height: str = "19em",
    ) -> None:
        self.title = title
        self._on_change = on_change
        self._is_quiet = False
        ticked = options if ticked is None else ticked
        self.boxes = {
            value: _box(str(value), f"{title}: {value}{words}", is_ticked=value in ticked)
            for value, words in options.items()
        }
        for box in self.boxes.values():
            box.observe(self._changed, names="value")
        self._every = _box("all", f"{title}: tick or clear all", is_ticked=len(ticked) == len(options))
        self._every.observe(self._all_or_none, names="value")
        shown = [self._every] if len(options) > MANY else []
        heading = widgets.Label(title, style={"font_weight": "bold"})
        layout = widgets.Layout(
            display="block",
            max_height=height,
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
        if self._is_quiet:
            return
        self._is_quiet = True
        self._every.value = all(box.value for box in self.boxes.values())
        self._is_quiet = False
        self._on_change()

    def _all_or_none(self, change: Any) -> None:
        if self._is_quiet:
            return
        self._is_quiet = True
        for box in self.boxes.values():
            box.value = change["new"]
        self._is_quiet = False
        self._on_change()


def _box(name: str, tooltip: str, *, is_ticked: bool) -> widgets.Checkbox:
    layout = widgets.Layout(width="auto", margin="0", min_height="1.6em")
    return widgets.Checkbox(value=is_ticked, description=name, indent=False, tooltip=tooltip, layout=layout)
