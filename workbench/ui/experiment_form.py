"""A form for a new experiment: it writes the recipe, starts the run in the background, and shows how far it is."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from workbench import background_run
from workbench.background_run import RunState
from workbench.callbacks import nobody_watches
from workbench.errors import InputError
from workbench.inspection.notes import Entry, plain
from workbench.pipeline.plan import cells
from workbench.pipeline.stages import runs_folder
from workbench.report.labels import count
from workbench.tasks.loader import TASKS
from workbench.ui.markup import alert, heading, preformatted
from workbench.ui.model_choice import ModelChoice
from workbench.ui.recipe_choices import (
    OWN_TASK,
    RECIPES,
    Choices,
    Part,
    Place,
    against_method,
    blanks,
    checked,
    free_name,
    method_titles,
    possible_places,
    sample_counts,
    task_part,
    write_new,
)
from workbench.ui.run_panel import RunPanel, run_label, status_line
from workbench.ui.ticks import beside, method_rows, place_rows, tick
from workbench.ui.view import View

WIDE = widgets.Layout(width="95%")
LABELS = {"description_width": "11em"}
FIRST_PLACES = ("fp32", "int8")


def new_experiment(runs: str | Path = "", *, machine: Mapping[str, Any] | None = None) -> "NewExperiment":
    """The form. A run that was started from one before and still runs is shown at once: neither page nor kernel keeps it.

    `runs`: where the run folders are, default `runs/`. `machine`: what `workbench.doctor()` found, where it was asked already.
    """
    return NewExperiment(Path(runs).resolve() if str(runs) else runs_folder(), machine)


class NewExperiment(View):
    """The form. Its controls are attributes, so that a notebook can set them as a hand does: `start.click()` starts the run."""

    def __init__(self, runs: Path, machine: Mapping[str, Any] | None = None) -> None:
        self._runs = runs
        self._is_setting = False
        self._own_name = False
        self._reasons: dict[Place, str] = {}
        self.places: dict[Place, widgets.Checkbox] = {}
        self.given: dict[str, widgets.Text] = {}
        self.model = ModelChoice(runs)
        self.task = widgets.Dropdown(options=[*sorted(TASKS), OWN_TASK], description="task")
        self.methods = {
            name: tick(name, value=name == "static", tooltip=title) for name, title in method_titles().items()
        }
        self._method_notes = {name: beside(title) for name, title in method_titles().items()}
        self.name = widgets.Text(description="name", continuous_update=False, layout=widgets.Layout(width="32em"))
        self.smoke = tick("only see that everything runs (next to no data, figures that mean nothing)")
        self.recipe = widgets.Textarea(
            description="recipe",
            rows=18,
            continuous_update=False,
            layout=WIDE,
            tooltip="The recipe that the choices make",
        )
        self.start = widgets.Button(
            description="Write the recipe and start", icon="play", button_style="primary", layout=widgets.Layout(width="auto"),
            tooltip="Write a new file and start the run in the background",
        )  # fmt: skip
        self.shown_run = widgets.Dropdown(description="show run", layout=widgets.Layout(width="auto", max_width="95%"))
        self.panel = RunPanel()
        self._data = widgets.VBox()
        self._places = widgets.VBox()
        self._verdict = widgets.HTML()
        super().__init__()
        self._form: tuple[widgets.Widget, ...] = (
            widgets.HTML(heading("Model")), self.model,
            widgets.HTML(heading("Task and data")), self.task, self._data,
            widgets.HTML(heading("Methods")), method_rows(self.methods, self._method_notes),
            widgets.HTML(heading("Deployments")), beside("FP32 is measured on each backend, as what the others are compared with."), self._places,
            widgets.HTML(heading("Recipe")), self.name, self.smoke,
            self.recipe, beside("A change by hand holds until the next choice above."), self._verdict, self.start,
        )  # fmt: skip
        self._connect()
        self._list_runs()
        # A run that was found is what one looks for; one that is started appears below the button.
        run, form = (self.shown_run, self.panel), self._form
        self.content = (*run, *form) if self.panel.run else (*form, *run)
        self._take_model()
        if machine is not None or nobody_watches():
            self._take_machine(machine or _ask_machine())
        else:
            self._places.children = (beside("Looking at what this machine can run ..."),)
            threading.Thread(target=self.guard(lambda: self._take_machine(_ask_machine())), daemon=True).start()

    def static_html(self) -> str:
        """The recipe, what is said of it, and the run that is shown."""
        recipe = preformatted(self.recipe.value) + str(self._verdict.value)
        return self.panel.static_html() + heading("Recipe") + recipe

    def _connect(self) -> None:
        on = {"names": "value"}
        for control in (self.model.source, self.model.sample, self.model.zoo, self.model.path):
            control.observe(self.guard(self._take_model), **on)
        self.model.upload.observe(self.guard(self._take_model), names="paths")
        self.task.observe(self.guard(self._take_task), **on)
        for control in (*self.methods.values(), self.name):
            control.observe(self.guard(self._rewrite), **on)
        self.name.observe(self._keep_name, **on)
        self.recipe.observe(self.guard(self._check), **on)
        self.start.on_click(self.guard(self._start))
        self.shown_run.observe(self.guard(self._show_run), **on)

    @contextmanager
    def _setting(self) -> Iterator[None]:
        """While the form sets its own controls, their callbacks do nothing: what follows is done once, at the end."""
        before, self._is_setting = self._is_setting, True
        try:
            yield
        finally:
            self._is_setting = before

    def _keep_name(self, _: object) -> None:
        self._own_name = self._own_name or not self._is_setting

    def _take_model(self, _: object = None) -> None:
        """What follows from another model: its task, its data, its name."""
        try:
            self.model.note.value = ""
            self.model.read()
        except InputError as error:
            self.model.note.value = alert(str(error))
        if self.model.chosen is not None:
            label, _, task = self.model.chosen
            with self._setting():
                self.task.value = plain(task).get("name", OWN_TASK)
                if not self._own_name:
                    self.name.value = free_name(self._runs, f"{label}_int8")
        self._take_task()

    def _take_task(self, _: object = None) -> None:
        """What follows from another task: which data is to be given, and which methods can learn from it."""
        if self._is_setting:
            return
        names = [*sample_counts(self.task.value), *blanks(self._task_part())]
        kept = {name: control.value for name, control in self.given.items()}
        self.given = {name: self._field(name, kept.get(name, "")) for name in names}
        self._data.children = tuple(self.given.values())
        for name, box in self.methods.items():
            reason = against_method(name, self._model_part(), self._task_part()) if self.model.chosen else ""
            with self._setting():
                box.disabled, box.value = bool(reason), box.value and not reason
            self._method_notes[name].value = beside(reason or method_titles()[name]).value
        self._rewrite()

    def _field(self, name: str, value: str) -> widgets.Text:
        what = name.partition("/")[2]
        field = widgets.Text(
            value=value, description=what or name.replace("_", " "), continuous_update=False, layout=WIDE, style=LABELS,
            placeholder="path on this machine" if what else "how many; empty: the task's own number",
        )  # fmt: skip
        field.observe(self.guard(self._rewrite), names="value")
        return field

    def _model_part(self) -> Part:
        return self.model.chosen[1] if self.model.chosen else {}

    def _task_part(self) -> Part:
        """The task: as the model proposes it, or the one that was chosen instead."""
        proposed: Part = self.model.chosen[2] if self.model.chosen else {}
        if plain(proposed).get("name", OWN_TASK if proposed else "") == self.task.value:
            return proposed
        return task_part(self.task.value, {})

    def _take_machine(self, machine: Mapping[str, Any]) -> None:
        """Offer what this machine can run, and say why it cannot run the rest."""
        self._reasons = possible_places(machine["matrix"])
        self.places = {
            place: tick(
                place[2],
                value=place[1] == "cpu" and place[2] in FIRST_PLACES,
                reason=reason,
                tooltip=f"{place[2]} on {place[0]}, {place[1]}",
            )
            for place, reason in self._reasons.items()
        }
        for box in self.places.values():
            box.observe(self.guard(self._rewrite), names="value")
        self._places.children = place_rows(self.places, self._reasons).children
        self._rewrite()

    def _rewrite(self, _: object = None) -> None:
        """Write the recipe anew from the choices."""
        if self._is_setting:
            return
        with self._setting():
            self.recipe.value = self._choices().text if self.model.chosen else ""
        self._check()

    def _choices(self) -> Choices:
        task, typed = self._task_part(), {name: field.value.strip() for name, field in self.given.items()}
        counts = {name: Entry(_number(typed[name])) for name in sample_counts(self.task.value) if typed.get(name)}
        if counts:
            options = task["options"].value if "options" in task else {}
            task = task | {"options": Entry(options | counts)}
        methods = tuple(name for name, box in self.methods.items() if box.value)
        places = tuple(place for place, box in self.places.items() if box.value)
        return Choices(self.name.value.strip(), self._model_part(), task, methods, places, typed)

    def _check(self, _: object = None) -> None:
        """Say whether the recipe can be run, and allow to start it if so."""
        if self._is_setting:
            return
        try:
            if not self.recipe.value.strip():
                raise InputError("recipe: no model yet; choose one")
            if not self.places:
                self.start.disabled = True
                self._verdict.value = status_line("Where it can run is not known yet.")
                return
            rows = len(cells(checked(self.recipe.value, self._runs / RECIPES)))
            self._verdict.value = status_line(f"The recipe is valid: {count(rows, 'deployment')} to measure.")
            self.start.disabled = False
        except InputError as error:
            self._verdict.value = alert(str(error))
            self.start.disabled = True

    def _start(self, _: object) -> None:
        file, folder = write_new(self.recipe.value, self._runs)
        run = background_run.start(file, folder, smoke=self.smoke.value)
        self.content = (*self._form, self.shown_run, self.panel)
        self._list_runs()
        self.panel.attach(run)
        self._own_name = False
        if self.model.chosen:
            with self._setting():
                self.name.value = free_name(self._runs, f"{self.model.chosen[0]}_int8")
            self._rewrite()

    def _list_runs(self) -> None:
        """The runs that were started so; the newest that still runs is shown."""
        found = background_run.background_runs(self._runs)
        with self._setting():
            self.shown_run.options = [("none", None), *((run_label(run), run.folder) for run in found)]
            self.shown_run.layout.display = None if found else "none"
            active = next((run for run in found if run.state is RunState.RUNNING), None)
            self.shown_run.value = active.folder if active else None
        if active is not None:
            self.panel.attach(active)

    def _show_run(self, _: object) -> None:
        if not self._is_setting:
            folder = self.shown_run.value
            self.panel.attach(background_run.find(folder) if folder else None)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _ask_machine() -> dict[str, Any]:
    from workbench.pipeline.doctor import doctor

    return doctor()
