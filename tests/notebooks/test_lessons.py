"""The teaching notebooks, by the stock papermill alone: what they claim is measured, and each claim has its plot."""

import re

import nbformat
import pytest

from workbench.notebooks import NOTEBOOKS

# Notebook, its plots, and parameters that make it shorter: every night it is run as it is read, too.
LESSONS = [
    ("05a_fundamentals", ["products"], {}),
    ("10_dynamic_vs_static", ["rounding_noise", "sizes", "speedups", "reading", "drops"], {"smoke": True}),
    ("11_calibration_algorithms", ["thresholds", "errors", "outcomes"], {"algorithms": ["abs_max", "hist"]}),
    ("15_explicit_quantization_on_gpus", ["placements", "plans"], {}),
    (
        "16_instruction_sets",
        ["isa_speedups"],
        {"sample": "digits_mobilenet_v1_x0_25", "limits": ["AVX2"], "smoke": True},
    ),
]
RUNS = [pytest.param(*lesson, id=lesson[0]) for lesson in LESSONS]
RUNS += [
    pytest.param(name, plots, {}, id=f"{name}-as_read", marks=pytest.mark.slow)
    for name, plots, parameters in LESSONS
    if parameters
]


@pytest.mark.timeout(1200)  # two files of tests at once, on 2 cores
@pytest.mark.parametrize(("name", "plots", "parameters"), RUNS)
def test_lesson_shows_what_it_claims_when_papermill_runs_it_alone(name, plots, parameters, tmp_path, green_lesson):
    folder = tmp_path / "run"
    lesson = green_lesson(name, folder, timeout_s=1150, **parameters)
    assert len(lesson.result["claims"]) >= len(plots) or parameters.get("smoke")
    assert all((folder / "plots" / f"{plot}.png").read_bytes().startswith(b"\x89PNG") for plot in plots)
    alternatives = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]+)">', lesson.shown)
    assert [text.startswith("Chart: ") for text in alternatives] == [True] * len(plots)


@pytest.mark.parametrize("name", [name for name, *_ in LESSONS])
def test_lesson_ends_with_its_claims_and_loads_no_runtime_when_read(name):
    code = [cell.source for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4).cells if cell.cell_type == "code"]
    assert "pipeline.conclude_lesson(" in code[-1]
    assert not re.search(r"^\s*(import|from) (paddle|onnxruntime|openvino)\b", "\n".join(code), re.MULTILINE)
