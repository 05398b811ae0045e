"""Boxes to tick, each with what it is or the reason why it cannot be ticked: a list of choices cannot grey some of its own."""

from html import escape

import ipywidgets as widgets

from workbench.ui.markup import QUIET

WIDE = {"width": "auto", "min_width": "9em", "margin": "0 1em 0 4px"}
ROW = {"flex_flow": "row wrap", "align_items": "baseline"}
# The browser greys the box alone, which is next to nothing on a dark page.
GREYED = "<style>.workbench-view .widget-checkbox:has(input:disabled) { opacity: 0.5 }</style>"


def tick(name: str, *, value: bool = False, reason: str = "", tooltip: str = "") -> widgets.Checkbox:
    """One box; with a `reason` it cannot be ticked, and says so to who hovers over it."""
    return widgets.Checkbox(
        description=name, value=value and not reason, disabled=bool(reason), indent=False, layout=WIDE, tooltip=reason or tooltip or name
    )  # fmt: skip


def beside(text: str) -> widgets.HTML:
    """What stands beside a box."""
    return widgets.HTML(quiet(text))


def quiet(text: str) -> str:
    """Text that stands beside a box, as HTML."""
    return f'<span style="color: {QUIET}; white-space: normal; line-height: 1.4">{escape(text)}</span>'
