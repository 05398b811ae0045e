"""`predict` in a browser: an uploaded picture is answered by FP32 and INT8, side by side."""

import re

import numpy as np
import pytest
import yaml
from PIL import Image
from playwright.sync_api import expect

from workbench import pipeline
from workbench.pipeline import open_experiment

RECIPE = {
    "schema_version": 1,
    "name": "digits",
    "model": {"sample": "digits_mobilenet_v1_x0_25"},
    "task": {"name": "digits_classification"},
    "quantize": [{"method": "static", "algo": "abs_max"}],
    "deploy": [{"backend": "onnxruntime", "precision": ["fp32", "int8"]}],
}


@pytest.fixture(scope="module")
def digits(workspace):
    """The run `digits`, as far as its models are deployed."""
    recipe = workspace / "digits.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE))
    experiment = open_experiment(recipe, workspace / "runs" / "digits", smoke=True)
    pipeline.quantize(experiment)
    pipeline.deploy(experiment)
    return experiment.run.path


def test_predict_shows_both_models_answers_when_a_picture_is_uploaded(
    page, run_notebook, digits, tmp_path, workspace, shoot
):
    picture = tmp_path / "..seven<b>.png"
    pixels = np.zeros((32, 32), np.uint8)
    pixels[4:9, 6:26] = 255
    pixels[9:28, 18:23] = 255
    Image.fromarray(pixels).save(picture)
    run_notebook("predict", code="from workbench import ui\n\nui.predict('runs/digits')")
    view = page.locator(".workbench-view").first
    view.get_by_label("input", exact=True).select_option("upload")
    view.locator("input[type=file]").set_input_files(picture)
    expect(view.get_by_text("uploaded seven_b_.png")).to_be_visible()
    view.get_by_role("button", name="Predict").click()
    expect(view.get_by_role("columnheader", name=re.compile("FP32"))).to_be_visible()
    expect(view.get_by_role("columnheader", name=re.compile("INT8"))).to_be_visible()
    assert re.search(r"\d ms", view.get_by_role("table").inner_text())
    shoot("lab-predict", is_lab=True)
    assert [file.name for file in (workspace / "runs" / "uploads").glob("*/*")] == ["seven_b_.png"]


def test_predict_refuses_an_upload_with_a_line_when_it_has_200_mb(page, run_notebook, digits, tmp_path):
    large = tmp_path / "large.png"
    with large.open("wb") as file:
        file.truncate(200_000_000)
    run_notebook("predict_large", code="from workbench import ui\n\nui.predict('runs/digits')")
    view = page.locator(".workbench-view").first
    view.get_by_label("input", exact=True).select_option("upload")
    view.locator("input[type=file]").set_input_files(large)
    expect(view.get_by_text("large.png': 200 MB, and 100 MB is the limit; copy the file")).to_be_visible()
