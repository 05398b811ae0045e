"""Trying a run's models by hand: a sample of the task or one of the user's, FP32 and another model side by side."""

from enum import StrEnum
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from workbench.errors import InputError
from workbench.measure.predict import Shown
from workbench.pipeline.finished import deployed_cells, open_run
from workbench.pipeline.opening import runs_folder
from workbench.pipeline.plan import FLOAT_MODEL, Cell
from workbench.pipeline.predict import Answers, answers, sample_list
from workbench.report.labels import class_name, number
from workbench.ui.markup import paragraph, picture, table
from workbench.ui.prediction_picture import ALONE, DRAWN, draw_answers
from workbench.ui.prediction_text import answer_name, difference
from workbench.ui.run_panel import status_line
from workbench.ui.runs import run_folder
from workbench.ui.upload_control import UploadControl
from workbench.ui.uploads import LIMIT
from workbench.ui.view import View

IMAGE_ENDINGS = ".png,.jpg,.jpeg,.bmp,.webp,.tif,.tiff,.ppm,.pgm"
# A mapping: of a layout there is one for all that take it, and hiding one control would hide them all.
WIDE = {"width": "95%"}


class Source(StrEnum):
    """Where a sample comes from."""

    SAMPLE = "evaluation sample"
    UPLOAD = "upload"
    PATH = "file on this machine"
    SENTENCE = "sentence"


def predict(run: str | Path) -> "Prediction":
    """Choose or give a sample, and see what FP32 and another model of a finished run make of it. Raises InputError for no such run."""
    return Prediction(run_folder(run))


class Prediction(View):
    """Controls for the sample and the models; `ask.click()` asks them, each in a worker."""

    def __init__(self, run: Path) -> None:
        self._experiment = open_run(run)
        self._cells = deployed_cells(self._experiment)
        self._task = sample_list(self._experiment)
        self.answers: Answers | None = None
        places = list(dict.fromkeys(_place(cell) for cell, _ in self._cells))
        kinds = [Source.SENTENCE] if self._task.shown is Shown.CLASS else [Source.UPLOAD, Source.PATH]
        self.backend = widgets.Dropdown(options=places, description="backend")
        self.model = widgets.Dropdown(description="model", layout=widgets.Layout(width="auto"))
        self.given = widgets.Dropdown(options=[str(kind) for kind in (Source.SAMPLE, *kinds)], description="input")
        self.sample = widgets.Dropdown(
            options=[(_label(sample), number) for number, sample in enumerate(self._task.samples)], description="sample", layout=WIDE
        )  # fmt: skip
        self.upload = UploadControl(_uploads_of(run), label=f"image ({LIMIT} at most)", accept=IMAGE_ENDINGS)
        self.path = widgets.Text(description="path", placeholder="an image", continuous_update=False, layout=WIDE)
        self.first = widgets.Text(description="sentence", continuous_update=False, layout=WIDE)
        self.second = widgets.Text(
            description="second one", placeholder="where the task takes pairs", continuous_update=False, layout=WIDE
        )
        self.ask = widgets.Button(
            description="Predict", icon="search", button_style="primary", tooltip="Ask FP32 and the chosen model"
        )
        self._said = widgets.HTML()
        self._shown = widgets.HTML()
        super().__init__()
        self._controls = {
            Source.SAMPLE: (self.sample,), Source.UPLOAD: (self.upload,), Source.PATH: (self.path,), Source.SENTENCE: (self.first, self.second)
        }  # fmt: skip
        controls = [control for group in self._controls.values() for control in group]
        self.content = (
            widgets.HBox((self.backend, self.model), layout=widgets.Layout(flex_flow="row wrap")),
            self.given, *controls, self.ask, self._said, self._shown,
        )  # fmt: skip
        self.backend.observe(self.guard(self._list_models), names="value")
        self.given.observe(self.guard(self._show_controls), names="value")
        self.ask.on_click(self.guard(self._ask))
        self._list_models()
        self._show_controls()
        self._said.value = paragraph("Choose a sample, then: Predict.", quiet=True)

    def static_html(self) -> str:
        """The answers that are shown."""
        return f"{self._said.value}{self._shown.value}"

    def _list_models(self, _: object = None) -> None:
        found = [cell for cell, _ in self._cells if _place(cell) == self.backend.value and not cell.is_baseline]
        self.model.options = [(_model_label(cell), cell.key) for cell in found]
        integer = next((cell.key for cell in found if cell.precision.is_quantized), None)
        if integer is not None:
            self.model.value = integer

    def _show_controls(self, _: object = None) -> None:
        for kind, group in self._controls.items():
            for control in group:
                control.layout.display = None if kind == self.given.value else "none"

    def _input(self) -> str | int:
        """What the models are asked about; raises InputError where nothing is given."""
        match Source(self.given.value):
            case Source.SAMPLE:
                if self.sample.value is None:
                    raise InputError("sample: the task has no evaluation samples; give an input of your own")
                return int(self.sample.value)
            case Source.UPLOAD:
                if not self.upload.paths:
                    raise InputError("upload: no image yet; choose one")
                return str(self.upload.paths[0])
            case Source.PATH:
                if not self.path.value.strip():
                    raise InputError("path: it is empty; give the path of an image")
                return str(Path(self.path.value.strip()).expanduser())
            case _:
                return "\t".join(text for text in (self.first.value, self.second.value) if text.strip())

    def _ask(self, _: object) -> None:
        chosen = [
            (cell, prepared)
            for cell, prepared in self._cells
            if _place(cell) == self.backend.value and (cell.is_baseline or cell.key == self.model.value)
        ]
        self._shown.value, self.answers = "", None
        self.ask.disabled = True
        try:
            self.answers = answers(
                self._experiment, self._input(), chosen, say=lambda name: self._say(f"asking {name} ...")
            )
        except Exception:
            self._said.value = ""
            raise
        finally:
            self.ask.disabled = False
        self._show(self.answers)

    def _say(self, text: str) -> None:
        self._said.value = status_line(text)

    def _show(self, found: Answers) -> None:
        shown, names = self._task.shown, self._task.names
        first, *others = found.answers
        said = (
            " ".join(difference(shown, names, first, other) for other in others)
            or f"{answer_name(first)}: {first.text}."
        )
        title = f"{self._asked()}, {self.backend.value}"
        self._say(said)
        parts = [table(_answers_table(shown, names, found))]
        if found.picture is not None:
            png = draw_answers(shown, names, found, title=title)
            shown_png = picture(png, alt=f"Picture: {title}. {said}")
            parts.append(shown_png if shown in DRAWN else f'<div style="max-width: {ALONE}px">{shown_png}</div>')
        self._shown.value = "".join(parts)

    def _asked(self) -> str:
        """The sample's name."""
        kind = Source(self.given.value)
        if kind is Source.SAMPLE:
            return _label(self._task.samples[self.sample.value])
        if kind is Source.SENTENCE:
            return " / ".join(text for text in (self.first.value, self.second.value) if text.strip())
        return Path(str(self._input())).name


def _label(sample: dict[str, str]) -> str:
    truth = f" (truth {sample['truth']})" if sample["truth"] else ""
    return f"{sample['text'] or sample['key']}{truth}"


def _place(cell: Cell) -> str:
    return f"{cell.backend} on {cell.device}"


def _model_label(cell: Cell) -> str:
    return f"{str(cell.precision).upper()}{'' if cell.model == FLOAT_MODEL else f' {cell.model}'}"


def _uploads_of(run: Path) -> Path:
    """The folder of runs that a run is in: what is uploaded lies beside the runs."""
    parent = run.resolve().parent
    return parent if parent.name == "runs" else runs_folder()


def _answers_table(shown: Shown, names: Any, found: Answers) -> pd.DataFrame:
    """A column for each model: its choices in order, or what its task tells of its prediction; the time of a call last."""
    columns = {answer_name(answer): _column(shown, names, answer.prediction, answer.text) for answer in found.answers}
    most = max(map(len, columns.values()))
    rows = {"": [*(str(number) for number in range(1, most + 1)), "a call"]}
    for (name, column), answer in zip(columns.items(), found.answers, strict=True):
        rows[name] = [*column, *[""] * (most - len(column)), f"{number(answer.run_ms, digits=3)} ms"]
    return pd.DataFrame(rows, dtype=object)


def _column(shown: Shown, names: Any, prediction: Any, text: str) -> list[str]:
    if shown is Shown.RANKING:
        return [class_name(names, label) for label in prediction]
    if shown is Shown.CLASS:
        return [class_name(names, prediction)]
    return text.split("; ") if shown is Shown.BOXES else [text]
