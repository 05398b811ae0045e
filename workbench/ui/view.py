"""What all views share: they show themselves without widgets too, and a callback that raises is seen, kept and counted."""

import logging
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import ipywidgets as widgets
from ipywidgets.widgets import widget_bool, widget_float, widget_int, widget_selection

from workbench.callbacks import nobody_watches, raised, remember
from workbench.errors import InputError
from workbench.ui.markup import alert

logger = logging.getLogger(__name__)
CHOICES = (
    widget_selection._Selection, widgets.SelectMultiple,
    widget_bool._Bool, widget_int._BoundedInt, widget_float._BoundedFloat,
)  # fmt: skip
WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWN_ONLY = (widgets.Valid, widgets.IntProgress, widgets.FloatProgress)


class View(widgets.VBox):  # type: ignore[misc]
    """A column of widgets under a line for what went wrong.

    A subclass puts its widgets into `self.content`, wraps all its callbacks with `self.guard`, and gives `static_html`.
    """

    def __init__(self, content: tuple[widgets.Widget, ...] = (), **options: Any) -> None:
        self._alerts: dict[str, str] = {}
        self._is_exercised = False
        self._alert = widgets.HTML()
        super().__init__((self._alert, *content), **options)
        self.add_class("workbench-view")

    @property
    def content(self) -> tuple[widgets.Widget, ...]:
        """The widgets of the view, in order."""
        return tuple(self.children[1:])

    @content.setter
    def content(self, content: tuple[widgets.Widget, ...]) -> None:
        self.children = (self._alert, *content)

    def static_html(self) -> str:
        """What the view shows, as HTML that needs no widgets and no script: for exported notebooks. Text in it is escaped."""
        raise NotImplementedError

    def guard(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """A callback that, when it raises, shows what in one line, logs it and remembers it for the notebook's verdict.

        An InputError is an answer to whoever gave the input: it is shown, and remembered only when nobody did (`exercise`).
        The line goes when the same callback succeeds.
        """
        name = getattr(callback, "__qualname__", repr(callback))

        @wraps(callback)
        def guarded(*arguments: Any, **options: Any) -> Any:
            try:
                value = callback(*arguments, **options)
            except Exception as error:
                self._failed(name, error)
                return None
            if self._alerts.pop(name, None):
                self._show_alerts()
            return value

        return guarded

    def exercise(self) -> list[str]:
        """Move each choice control of the view to another value and back; returns what callbacks raised in this kernel so far.

        Buttons are not pressed, and text and files are not given.
        """
        self._is_exercised = True
        try:
            for control in list(_choice_controls(self)):
                self._move(control)
        finally:
            self._is_exercised = False
        return raised()

    def _move(self, control: widgets.Widget) -> None:
        before = control.value
        for value in (*_other_values(control), before):
            try:
                control.value = value
            except Exception as error:  # of a callback that the view did not guard
                self._failed(f"{type(control).__name__} {control.description!r}", error)

    def _failed(self, name: str, error: Exception) -> None:
        is_answer = isinstance(error, InputError)
        if is_answer and not self._is_exercised:
            self._alerts[name] = alert(str(error))
        else:
            line = remember(type(self).__name__, error)
            logger.error("%s (%s)", line, name, exc_info=error)
            self._alerts[name] = alert(f"{type(error).__name__}: {error}", None if is_answer else error)
        self._show_alerts()

    def _show_alerts(self) -> None:
        self._alert.value = "".join(self._alerts.values())

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        """The widget, and the same as HTML for where there are no widgets.

        Where nobody watches, the HTML alone: the kernel ends with the notebook, and a page made of it would prefer the widget and
        show nothing.
        """
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        html = self.guard(self.static_html)()
        bundle["text/html"] = self._alert.value + (html or "")
        if nobody_watches():
            del bundle[WIDGET]
            self.exercise()
        return bundle


def _choice_controls(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """The controls in a widget, and in what it holds, that choose among values and can be moved."""
    if isinstance(widget, CHOICES) and not isinstance(widget, SHOWN_ONLY) and not widget.disabled:
        yield widget
    for child in getattr(widget, "children", ()):
        yield from _choice_controls(child)


def _other_values(control: widgets.Widget) -> list[Any]:
    """Other values of a control, for `exercise`."""
    if isinstance(control, widget_bool._Bool):
        return [not control.value]
    if isinstance(control, widgets.SelectMultiple):
        return [(), control._options_values[-1:]]
    if isinstance(control, widget_selection._Selection):
        return [value for value in control._options_values if value != control.value][-1:]
    return [control.min if control.value != control.min else control.max]
