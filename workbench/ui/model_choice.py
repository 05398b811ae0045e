"""Which model an experiment is to be about: a shipped one, a published one, a file of this machine, or one from the browser."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import traitlets

from workbench.errors import InputError
from workbench.inspection.notes import Entry, plain
from workbench.inspection.recipe import starting_point
from workbench.models.sample import SAMPLES
from workbench.models.zoo import read_zoo
from workbench.ui.recipe_choices import RECIPES, Part, sample_task, task_part
from workbench.ui.upload_control import UploadControl
from workbench.ui.uploads import LIMIT

MODEL_ENDINGS = (".onnx", ".pdmodel")


class Source(StrEnum):
    """Where the model comes from."""

    SAMPLE = "shipped sample"
    ZOO = "published model"
    PATH = "file on this machine"
    UPLOAD = "upload"


class ModelChoice(widgets.VBox):  # type: ignore[misc]
    """Controls for the model. `chosen` becomes (label, model, task), the parts of a recipe, or None while there is none yet.

    A file is looked at in a worker, and its task guessed, when its path is entered or it has arrived.
    """

    chosen = traitlets.Any(None, allow_none=True)

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self.source = widgets.Dropdown(options=[str(kind) for kind in Source], description="model from")
        self.sample = widgets.Dropdown(options=sorted(SAMPLES), value="digits_mobilenet_v1", description="sample")
        self.zoo = widgets.Dropdown(options=list(read_zoo().models), description="model")
        self.path = widgets.Text(
            description="path", placeholder="model.onnx, or a Paddle model's folder or .pdmodel", continuous_update=False, layout={"width": "95%"}
        )  # fmt: skip
        self.upload = UploadControl(
            runs, label=f"model.onnx, or model.pdmodel and model.pdiparams together ({LIMIT} at most; give the path of a larger one)",
            accept=".onnx,.pdmodel,.pdiparams,.yaml,.yml", multiple=True,
        )  # fmt: skip
        self.note = widgets.HTML()
        self._given = {
            Source.SAMPLE: self.sample,
            Source.ZOO: self.zoo,
            Source.PATH: self.path,
            Source.UPLOAD: self.upload,
        }
        super().__init__([self.source, *self._given.values(), self.note])

    def read(self) -> None:
        """Take what the controls say; raises InputError for a model that cannot be used."""
        source = Source(self.source.value)
        for kind, control in self._given.items():
            control.layout.display = None if kind is source else "none"
        self.chosen = None
        self.chosen = self._read(source)

    def _read(self, source: Source) -> tuple[str, Part, Part] | None:
        if source is Source.SAMPLE:
            name = self.sample.value
            return name, {"sample": Entry(name)}, task_part(sample_task(name), {})
        if source is Source.ZOO:
            return self._looked_at(self.zoo.value)
        if source is Source.PATH:
            return self._looked_at(self.path.value.strip()) if self.path.value.strip() else None
        if not self.upload.paths:
            return None
        models = [path for path in self.upload.paths if path.suffix in MODEL_ENDINGS]
        if len(models) != 1:
            given = ", ".join(path.name for path in self.upload.paths)
            raise InputError(f"upload {given}: not one model; give one .onnx file, or a .pdmodel with its .pdiparams")
        return self._looked_at(str(models[0]))

    def _looked_at(self, model: str) -> tuple[str, Part, Part]:
        entries, _ = starting_point(model, params=None, folder=self._runs / RECIPES)
        parts: dict[str, Any] = {key: entries[key].value for key in ("model", "task")}
        return str(plain(entries)["name"]), parts["model"], parts["task"]
