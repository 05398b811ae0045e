"""`layers`: which layers cost the accuracy, and a recipe that leaves those that are ticked in float."""

import json
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pandas as pd

from workbench.errors import InputError
from workbench.models.model import Model
from workbench.models.scales import ALL_BACKENDS
from workbench.pipeline.float_recipe import write_float_recipe
from workbench.pipeline.stages import Stage
from workbench.report.labels import count
from workbench.report.layer_table import chosen_sentence, layer_table, sensitivity_panels
from workbench.report.sensitivity import SCHEMES, summary_line
from workbench.report.svg import bars_svg
from workbench.ui.choice import Choice
from workbench.ui.markup import paragraph, preformatted, table, vector_picture
from workbench.ui.runs import Given, run_folder
from workbench.ui.sortable_table import SortableTable
from workbench.ui.view import View

MOST_OFFERED = 100  # tensors to tick


def layers(run: Given, *, can_save: bool = True) -> "LayerChoice":
    """See which tensors of a run's quantized models cost accuracy, and tick those whose layers are to stay in float.

    Shows what `workbench sensitivity` or notebook 06 found; computes nothing. `can_save`: offer to write the recipe.
    Raises InputError for what is no run.
    """
    return LayerChoice(run_folder(run), can_save=can_save)


class LayerChoice(View):
    """The view that `layers` gives. `found` is the analysis that is looked at, or None where there is none."""

    def __init__(self, folder: Path, *, can_save: bool = True) -> None:
        super().__init__()
        self.folder = folder
        self.found: dict[str, Any] | None = None
        self.tensors: Choice | None = None
        self.analysis = widgets.Dropdown(description="Analysis", layout=widgets.Layout(width="max-content"))
        self.analysis.observe(self.guard(lambda change: self._open(change["new"])), names="value")
        self._again = widgets.Button(
            description="Read again", tooltip="look for new analyses of the run", icon="refresh"
        )
        self._again.on_click(self.guard(lambda button: self._look()))
        self._write = widgets.Button(
            description="Write recipe", tooltip="into a new file, beside the old one", icon="pencil"
        )
        self._write.on_click(self.guard(lambda button: self._write_recipe()))
        self._tick = widgets.Box()
        self._summary, self._picture, self._effect, self._said = (widgets.HTML() for _ in range(4))
        self._picture.layout = widgets.Layout(flex="1 1 440px", max_width="720px")
        self._table = SortableTable()
        beside = widgets.Box([self._tick, self._picture], layout=widgets.Layout(flex_flow="row wrap"))
        actions = widgets.Box([self._again, *([self._write] if can_save else [])])
        self.content = (self.analysis, self._summary, beside, self._effect, self._table, actions, self._said)
        self._look()

    def _look(self) -> None:
        """Read which analyses the run has."""
        names = [path.stem for path in sorted((self.folder / "sensitivity").glob("*.json"))]
        self.analysis.layout.display = "" if len(names) > 1 else "none"
        self.analysis.options = names
        first = names[0] if names else None
        if self.analysis.value == first:
            self._open(first)
        else:
            self.analysis.value = first  # whose callback opens it

    def _open(self, name: str | None) -> None:
        self.found = self.tensors = None
        self._tick.children = ()
        self._redraw()  # one that cannot be read is not to stand over another's layers
        if name is not None:
            self.found = _read(self.folder / "sensitivity" / f"{name}.json")
            self.kept = self._kept_now(self.found["model"])
            order = self.found["order"][:MOST_OFFERED]
            options = {one["tensor"]: f" ({one['kind']}): {one['why']}" for one in order}
            ticked = set(self.kept.get(ALL_BACKENDS, {})) & set(options)
            self.tensors = Choice(
                "Keep in float, worst first", options, self.guard(self._redraw), ticked=ticked, height="34em"
            )
            self._tick.children = (self.tensors,)
            self._redraw()

    @property
    def chosen(self) -> list[str]:
        """The tensors that are ticked, the worst first."""
        return [] if self.tensors is None else [name for name, box in self.tensors.boxes.items() if box.value]

    def _redraw(self) -> None:
        self._write.disabled = self.found is None
        self._said.value = ""
        self._table.show(self._layers())
        if self.found is None:
            self._summary.value = paragraph(
                f"{self.folder.name}: no sensitivity analysis yet. Notebook 06_sensitivity makes one, and so does: "
                f"workbench sensitivity RECIPE --out {self.folder}"
            )
            self._picture.value = self._effect.value = ""
            return
        self._summary.value = paragraph(summary_line(self.found))
        panels = sensitivity_panels(self.found, self.chosen)
        title = "Output noise when one tensor alone is quantized"
        facts = "; ".join(f"{bar.label} {bar.text}" for panel in panels for bar in panel.bars)
        caption = f"n = {count(self.found['samples'], 'sample')}; {SCHEMES[self.found['scheme']]}. Blue: ticked, stays in float."
        self._picture.value = vector_picture(
            bars_svg(panels, title=title, caption=caption), alt=f"Bar chart: {title}. {facts}."
        )
        self._effect.value = paragraph(chosen_sentence(self.found, self.chosen))

    def _layers(self) -> pd.DataFrame:
        """A line for each layer; no line without an analysis."""
        return layer_table(self.found, kept=self.kept, chosen=self.chosen) if self.found else pd.DataFrame()

    def _kept_now(self, model: str) -> dict[str, dict[str, str]]:
        """What a model of the run keeps in float, by backend; nothing where its folder is gone."""
        try:
            state = json.loads((self.folder / "stages" / f"{Stage.QUANTIZE}.json").read_text(encoding="utf-8"))
            scales = Model.open(self.folder / "models" / state["models"][model]["digest"]).manifest.scales
        except (OSError, ValueError, KeyError, InputError):
            return {}
        return dict(scales.kept_in_float) if scales else {}

    def _write_recipe(self) -> None:
        if self.found is None or not self.chosen:
            raise InputError("nothing is ticked: tick the tensors whose layers are to stay in float")
        path = write_float_recipe(self.folder, self.found["model"], self.chosen)
        command = f"workbench run {path}"
        look = f"from workbench import ui; ui.explore([{str(self.folder)!r}, 'runs/{path.stem}'])"
        self._said.value = paragraph(
            f"Written: {path}. In a terminal, this runs it; in a notebook, the second line shows both:"
        ) + preformatted(f"{command}\n{look}")

    def static_html(self) -> str:
        """Summary, picture, effect and layers as they are chosen."""
        rows = table(self._layers(), caption="Layers")
        return f"{self._summary.value}{self._picture.value}{self._effect.value}{rows}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not found["rows"] or not {"order", "layers", "model", "scheme", "samples"} <= set(found):
            raise KeyError("rows")
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a sensitivity analysis; make it again with `workbench sensitivity`") from None
    return dict(found)
