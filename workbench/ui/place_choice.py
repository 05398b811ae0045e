"""Where an experiment is deployed: a box for each backend, device and precision, greyed with its reason where this machine lacks it."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import ipywidgets as widgets

from workbench.ui.recipe_choices import Place, possible_places
from workbench.ui.ticks import ROW, beside, tick

FIRST = ("fp32", "int8")  # ticked at first, on CPU


class PlaceChoice(widgets.VBox):  # type: ignore[misc]
    """A row for each backend and device, once it is known what this machine can run. `on_change` is an observer of each box."""

    def __init__(self, on_change: Callable[[object], None]) -> None:
        self._on_change = on_change
        self.boxes: dict[Place, widgets.Checkbox] = {}
        super().__init__([beside("Looking at what this machine can run ...")])

    @property
    def chosen(self) -> tuple[Place, ...]:
        """The places whose boxes are ticked."""
        return tuple(place for place, box in self.boxes.items() if box.value)

    def offer(self, matrix: Sequence[Mapping[str, str]]) -> None:
        """Offer what can run by `doctor`'s matrix, and say why the rest cannot."""
        rows: dict[str, dict[Place, str]] = {}
        for place, reason in possible_places(matrix).items():
            backend, device, precision = place
            value, tooltip = device == "cpu" and precision in FIRST, f"{precision} on {backend}, {device}"
            self.boxes[place] = tick(precision, value=value, reason=reason, tooltip=tooltip)
            self.boxes[place].observe(self._on_change, names="value")
            rows.setdefault(f"{backend} on {device}", {})[place] = reason
        self.children = tuple(self._row(title, reasons) for title, reasons in rows.items())

    def _row(self, title: str, reasons: Mapping[Place, str]) -> widgets.VBox:
        """The boxes of a backend and device, and the reasons why some cannot be had."""
        why: dict[str, list[str]] = {}
        for (_, _, precision), reason in reasons.items():
            if reason:
                why.setdefault(reason, []).append(precision)
        said = [reason if len(of) == len(reasons) else f"{', '.join(of)}: {reason}" for reason, of in why.items()]
        name = widgets.HTML(f"<b>{escape(title)}</b>", layout=widgets.Layout(min_width="18em"))
        boxes = widgets.HBox([name, *(self.boxes[place] for place in reasons)], layout=ROW)
        return widgets.VBox([boxes, *map(beside, said)])
