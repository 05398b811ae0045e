"""Which methods an experiment tries: a box for each, greyed with its reason where model or task do not allow it."""

from collections.abc import Callable

import ipywidgets as widgets

from workbench.ui.recipe_choices import Part, against_method, method_titles
from workbench.ui.ticks import ROW, beside, quiet, tick


class MethodChoice(widgets.VBox):  # type: ignore[misc]
    """A row for each method: its box, and what it is or why it cannot be had. `on_change` is an observer of each box."""

    def __init__(self, on_change: Callable[[object], None]) -> None:
        self._titles = method_titles()
        self.boxes = {name: tick(name, value=name == "static", tooltip=title) for name, title in self._titles.items()}
        self.notes = {name: beside(title) for name, title in self._titles.items()}
        for box in self.boxes.values():
            box.observe(on_change, names="value")
        super().__init__([widgets.HBox([box, self.notes[name]], layout=ROW) for name, box in self.boxes.items()])

    @property
    def chosen(self) -> tuple[str, ...]:
        """The methods whose boxes are ticked."""
        return tuple(name for name, box in self.boxes.items() if box.value)

    def judge(self, model: Part, task: Part) -> None:
        """Clear and grey what cannot be done with this model and task; an empty model forbids nothing."""
        for name, box in self.boxes.items():
            reason = against_method(name, model, task) if model else ""
            box.disabled, box.value = bool(reason), box.value and not reason
            self.notes[name].value = quiet(reason or self._titles[name])
