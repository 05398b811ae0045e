"""Boxes to tick, each with what it is or the reason why it cannot be ticked: a list of choices cannot grey some of its own."""

from collections.abc import Mapping
from html import escape

import ipywidgets as widgets

from workbench.ui.markup import QUIET
from workbench.ui.recipe_choices import Place

WIDE = {"width": "auto", "min_width": "9em", "margin": "0 1em 0 4px"}
ROW = {"flex_flow": "row wrap", "align_items": "baseline"}


def tick(name: str, *, value: bool = False, reason: str = "", tooltip: str = "") -> widgets.Checkbox:
    """One box; with a `reason` it cannot be ticked, and says so to who hovers over it."""
    return widgets.Checkbox(
        description=name, value=value and not reason, disabled=bool(reason), indent=False, layout=WIDE, tooltip=reason or tooltip or name
    )  # fmt: skip


def beside(text: str) -> widgets.HTML:
    """What stands beside a box."""
    return widgets.HTML(f'<span style="color: {QUIET}; white-space: normal; line-height: 1.4">{escape(text)}</span>')


def method_rows(boxes: Mapping[str, widgets.Checkbox], notes: Mapping[str, widgets.HTML]) -> widgets.VBox:
    """A row for each method: its box, and what it is or why it cannot be had."""
    return widgets.VBox([widgets.HBox([box, notes[name]], layout=ROW) for name, box in boxes.items()])


def place_rows(boxes: Mapping[Place, widgets.Checkbox], reasons: Mapping[Place, str]) -> widgets.VBox:
    """A row for each backend and device: a box for each precision, and the reasons why some cannot be had."""
    rows: dict[str, list[Place]] = {}
    for place in boxes:
        rows.setdefault(f"{place[0]} on {place[1]}", []).append(place)
    return widgets.VBox([_place_row(title, places, boxes, reasons) for title, places in rows.items()])


def _place_row(
    title: str, places: list[Place], boxes: Mapping[Place, widgets.Checkbox], reasons: Mapping[Place, str]
) -> widgets.VBox:
    why: dict[str, list[str]] = {}
    for place in places:
        if reasons[place]:
            why.setdefault(reasons[place], []).append(place[2])
    said = [
        f"{reason}" if len(which) == len(places) else f"{', '.join(which)}: {reason}" for reason, which in why.items()
    ]
    name = widgets.HTML(f"<b>{escape(title)}</b>", layout=widgets.Layout(min_width="18em"))
    return widgets.VBox([widgets.HBox([name, *(boxes[place] for place in places)], layout=ROW), *map(beside, said)])
