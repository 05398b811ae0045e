"""A form for a new experiment: it writes the recipe, starts the run in the background, and shows how far it is."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from workbench import background_run
from workbench.callbacks import nobody_watches
from workbench.errors import InputError
from workbench.inspection.notes import Entry, plain
from workbench.pipeline.opening import runs_folder
from workbench.pipeline.plan import cells
from workbench.report.labels import count
from workbench.tasks.loader import TASKS
from workbench.ui.markup import alert, heading, preformatted
from workbench.ui.method_choice import MethodChoice
from workbench.ui.model_choice import ModelChoice
from workbench.ui.place_choice import PlaceChoice
from workbench.ui.recipe_choices import (
    OWN_TASK,
    RECIPES,
    Choices,
    Part,
    Place,
    blanks,
    checked,
    free_name,
    sample_counts,
    task_part,
    write_new,
)
from workbench.ui.run_panel import RunPanel, status_line
from workbench.ui.started_runs import StartedRuns
from workbench.ui.ticks import GREYED, beside, tick
from workbench.ui.view import View

WIDE = {"width": "95%"}
LABELS = {"description_width": "11em"}


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
        self.given: dict[str, widgets.Text] = {}
        self.model = ModelChoice(runs)
        self.task = widgets.Dropdown(options=[*sorted(TASKS), OWN_TASK], description="task")
        self._methods = MethodChoice(self.guard(self._rewrite))
        self._places = PlaceChoice(self.guard(self._rewrite))
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
            description="Write the recipe and start", icon="play", button_style="primary", layout=widgets.Layout(width="max-content"),
            tooltip="Write a new file and start the run in the background",
        )  # fmt: skip
        self._started = StartedRuns(runs)
        self._data = widgets.VBox()
        self._verdict = widgets.HTML()
        super().__init__()
        self._form: tuple[widgets.Widget, ...] = (
            widgets.HTML(heading("Model")), self.model,
            widgets.HTML(heading("Task and data")), self.task, self._data,
            widgets.HTML(GREYED + heading("Methods")), self._methods,
            widgets.HTML(heading("Deployments")), beside("FP32 is measured on each backend, as what the others are compared with."), self._places,
            widgets.HTML(heading("Recipe")), self.name, self.smoke,
            self.recipe, beside("A change by hand holds until the next choice above."), self._verdict, self.start,
        )  # fmt: skip
        self._connect()
        # A run that was found is what one looks for; one that is started appears below the button.
        self.content = (self._started, *self._form) if self.panel.run else (*self._form, self._started)
        self._take_model()
        if machine is not None or nobody_watches():
            self._take_machine(machine or _ask_machine())
        else:
            threading.Thread(target=self.guard(lambda: self._take_machine(_ask_machine())), daemon=True).start()

    @property
    def methods(self) -> dict[str, widgets.Checkbox]:
        """The box of each method."""
        return self._methods.boxes

    @property
    def places(self) -> dict[Place, widgets.Checkbox]:
        """The box of each backend, device and precision; none before it is known what this machine can run."""
        return self._places.boxes

    @property
    def panel(self) -> RunPanel:
        """The run that is shown."""
        return self._started.panel

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
        self.name.observe(self.guard(self._rewrite), **on)
        self.name.observe(self._keep_name, **on)
        self.recipe.observe(self.guard(self._check), **on)
        self.start.on_click(self.guard(self._start))

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
        with self._setting():
            self._methods.judge(self._model_part(), self._task_part())
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
        self._places.offer(machine["matrix"])
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
        name = self.name.value.strip()
        return Choices(name, self._model_part(), task, self._methods.chosen, self._places.chosen, typed)

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
        try:
            run = background_run.start(file, folder, smoke=self.smoke.value)
        except Exception:
            file.unlink(missing_ok=True)  # nothing ran: its name is free again
            raise
        self.content = (*self._form, self._started)
        self._started.show(run)
        self._own_name = False
        if self.model.chosen:
            with self._setting():
                self.name.value = free_name(self._runs, f"{self.model.chosen[0]}_int8")
            self._rewrite()


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _ask_machine() -> dict[str, Any]:
    from workbench.pipeline.doctor import doctor

    return doctor()
