"""The notebooks of the families, each on its shipped recipe with little data: through all stages, with pictures in words."""

import re

import nbformat
import pytest

from workbench.experiment import find_recipe, read_recipe
from workbench.notebooks import NOTEBOOKS
from workbench.records import Precision, Scope, Status, read_metrics, read_records

LESSONS = [
    ("20_classification", "demo", ["drops", "choices", "parts"]),
    ("21_detection", "digits_detection", ["drops", "boxes", "parts"]),
    ("22_segmentation", "digits_segmentation", ["drops", "class_maps", "parts"]),
    ("23_text", "digits_text", ["drops", "parts"]),
]
NAMES = [name for name, *_ in LESSONS]


# Lesson 20 is on the demo, which test_demo.py runs.
@pytest.mark.timeout(600)  # two files of tests at once, on 2 cores
@pytest.mark.parametrize(("name", "recipe", "plots"), LESSONS[1:], ids=NAMES[1:])
def test_lesson_takes_its_sample_through_all_stages_when_papermill_runs_it_alone(
    name, recipe, plots, tmp_path, green_lesson
):
    folder = tmp_path / "run"
    lesson = green_lesson(name, folder, timeout_s=550, smoke=True)
    rows = [row for row in read_records(folder) if row.status is Status.OK]
    deployed = {entry.backend for entry in read_recipe(find_recipe(recipe)).deploy if entry.device == "cpu"}
    assert {row.backend for row in rows if row.precision is Precision.INT8} == deployed - {"paddle_lite"}
    parts = {metric.name for metric in read_metrics(folder) if metric.scope is Scope.END_TO_END}
    assert {"preprocess_ms", "run_ms", "postprocess_ms"} <= parts
    assert all((folder / "plots" / f"{plot}.png").read_bytes().startswith(b"\x89PNG") for plot in plots)
    alternatives = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', lesson.shown)
    assert [text.startswith("Chart: ") for text in alternatives] == [True] * len(plots)


@pytest.mark.parametrize(("name", "recipe"), [lesson[:2] for lesson in LESSONS], ids=NAMES)
def test_lesson_takes_any_recipe_and_ends_with_its_claims_when_read(name, recipe):
    code = [cell.source for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    assert f'recipe: str = "{recipe}"' in code[0]
    assert "pipeline.conclude_lesson(lesson, claims" in code[-1]
    assert not re.search(r"^\s*(import|from) (paddle|onnxruntime|openvino)\b", "\n".join(code), re.MULTILINE)


@pytest.mark.parametrize("recipe", [recipe for _, recipe, _ in LESSONS[1:]])
def test_recipe_bounds_fp32_and_the_drop_of_int8_when_read(recipe):
    bounds = {
        (bound.where["precision"], bound.column): bound for bound in read_recipe(find_recipe(recipe)).expect
    }  # fmt: skip
    assert bounds["fp32", "metric_value"].minimum >= 60
    assert bounds["int8", "metric_drop"].maximum <= 1.5
