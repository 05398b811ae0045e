"""The form for a new experiment, set and pressed as a hand does, in front of a machine that lacks some backends."""

import shutil
import sys

import pytest
import yaml

from workbench import background_run, callbacks, ui
from workbench.background_run import BackgroundRun, RunState
from workbench.ui.experiment_form import NewExperiment

HOSTILE = "<img src=x onerror=alert(1)>"
LIMIT_S = 300


def row(backend, device, precision, reason="", install=""):
    status = "unavailable" if reason else "ready"
    return {
        "backend": backend,
        "device": device,
        "precision": precision,
        "status": status,
        "reason": reason,
        "install": install,
    }


MACHINE = {
    "matrix": [
        *(row("onnxruntime", "cpu", precision) for precision in ("fp32", "int8")),
        row("paddle_inference", "cpu", "fp32"),
        row("paddle_inference", "cpu", "bf16", "this CPU has no AMX and no AVX512-BF16"),
        row("tensorrt", "gpu", "int8", f"no GPU {HOSTILE}", "pip install tensorrt"),
    ]
}


@pytest.fixture
def form(tmp_path):
    return ui.new_experiment(tmp_path / "runs", machine=MACHINE)


@pytest.fixture
def started(monkeypatch):
    """What the form started, as (recipe, folder, smoke), without starting it."""
    calls = []

    def start(recipe, folder, *, smoke=False):
        calls.append((recipe, folder, smoke))
        return BackgroundRun(folder, str(recipe), 1, 0.0, "2026-01-01T00:00:00+00:00", smoke, exit_code=0)

    monkeypatch.setattr(background_run, "start", start)
    return calls


def said(form):
    return form._alert.value + form._verdict.value + form.model.note.value


def all_html(view):
    return view.value if type(view).__name__ == "HTML" else "".join(map(all_html, getattr(view, "children", ())))


def test_form_writes_a_valid_recipe_when_nothing_is_chosen_yet(form):
    recipe = yaml.safe_load(form.recipe.value)
    assert recipe["model"] == {"sample": "digits_mobilenet_v1"}
    assert recipe["deploy"] == [
        {"backend": "paddle_inference", "precision": ["fp32"]}, {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
    ]  # fmt: skip
    assert "The recipe is valid: 3 deployments to measure." in said(form)
    assert not form.start.disabled


def test_form_greys_what_the_machine_lacks_and_says_why_when_built(form):
    disabled = {place for place, box in form.places.items() if box.disabled}
    assert disabled == {("paddle_inference", "cpu", "bf16"), ("tensorrt", "gpu", "int8")}
    html = all_html(form)
    assert "this CPU has no AMX" in html
    assert "pip install tensorrt" in html
    assert HOSTILE not in html
    assert "&lt;img src=x" in html
    assert form.methods["published"].disabled
    assert "needs a published model" in form._methods.notes["published"].value


def test_recipe_follows_when_choices_change(form):
    form.model.sample.value = "digits_text"
    form.methods["dynamic"].value = True
    form.places["onnxruntime", "cpu", "int8"].value = False
    form.given["evaluation_samples"].value = "20"
    recipe = yaml.safe_load(form.recipe.value)
    assert recipe["name"] == "digits_text_int8"
    assert recipe["task"] == {"name": "digits_text", "options": {"evaluation_samples": 20}}
    assert [entry["method"] for entry in recipe["quantize"]] == ["dynamic", "static"]
    assert [entry["precision"] for entry in recipe["deploy"]] == [["fp32"], ["fp32"]]
    assert "The recipe is valid" in said(form)


def test_form_names_the_line_when_a_published_models_data_is_not_given(form):
    form.model.source.value = "published model"
    assert "fill in evaluation: {format: coco" in said(form)
    assert form.start.disabled
    assert not form.methods["published"].disabled
    for name, field in form.given.items():
        if name.startswith("FILL_IN"):
            field.value = "/data/there"
    assert "The recipe is valid" in said(form)


def test_form_tells_in_a_line_when_a_change_by_hand_is_not_valid(form):
    form.recipe.value += "surprise: 1\n"
    assert "unknown key `surprise`" in said(form)
    assert form.start.disabled
    form.recipe.value = "a: [1"
    assert "not valid YAML" in said(form)
    form.recipe.value = f"name: '{HOSTILE}'\n"
    assert HOSTILE not in said(form)
    assert callbacks.raised() == []


def test_form_says_what_is_wrong_when_the_model_cannot_be_read(form, tmp_path):
    form.model.source.value = "file on this machine"
    assert "no model yet; choose one" in said(form)
    form.model.path.value = f"/no/such/{HOSTILE}.onnx"
    assert "no such file" in said(form)
    assert HOSTILE not in said(form)
    assert form.start.disabled
    form.model.source.value = "upload"
    form.model.upload.take("weights.pdiparams", b"x")
    assert "not one model; give one .onnx file, or a .pdmodel with its .pdiparams" in said(form)
    assert callbacks.raised() == []


def test_form_looks_at_an_uploaded_model_when_it_has_arrived(form, tiny_onnx):
    form.model.source.value = "upload"
    form.model.upload.take("../tiny.onnx", tiny_onnx.read_bytes())
    recipe = yaml.safe_load(form.recipe.value)
    assert recipe["model"]["path"].endswith("/tiny.onnx")
    assert recipe["name"] == "tiny_int8"
    assert form.start.disabled  # its data is not known yet


def test_form_writes_and_starts_once_when_the_button_is_pressed(form, started, tmp_path):
    form.name.value = "mine"
    form.smoke.value = True
    text = form.recipe.value
    form.start.click()
    file = tmp_path / "runs" / "recipes" / "mine.yaml"
    assert started == [(file, tmp_path / "runs" / "mine", True)]
    assert file.read_text() == text
    form.name.value = "mine"
    form.start.click()
    assert len(started) == 1
    assert "mine.yaml is there already; give another" in said(form)


def test_form_frees_the_name_when_the_run_does_not_start(form, monkeypatch, tmp_path):
    form.name.value = "mine"
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    form.start.click()
    assert "the run did not start: it said nothing" in said(form)
    assert [path for path in (tmp_path / "runs").rglob("*") if "mine" in path.name] == []


def test_form_shows_the_running_one_when_it_is_built_anew(tmp_path, monkeypatch, form):
    folder = tmp_path / "runs" / "mine"
    (folder / "logs").mkdir(parents=True)
    run = BackgroundRun(folder, "mine.yaml", 1, 0.0, "2026-01-01T00:00:00+00:00")
    run.log.write_text("00_machine ...\n01_quantize ...\n<script>alert(1)</script>\n")
    monkeypatch.setattr(background_run, "background_runs", lambda runs: [run])
    monkeypatch.setattr(background_run, "find", lambda folder: run)
    monkeypatch.setattr(BackgroundRun, "state", RunState.RUNNING)
    again = ui.new_experiment(tmp_path / "runs", machine=MACHINE)
    assert "mine: stage 2 of 6: quantize" in again.panel.static_html()
    assert "<script>" not in again.static_html()
    assert not again.panel.cancel.disabled
    assert again.panel.again.disabled
    monkeypatch.setattr(BackgroundRun, "state", RunState.LOST)
    again.panel.refresh()
    assert (
        "ended without a result: it was killed, or the machine stopped; starting again takes up" in again.static_html()
    )
    assert again.panel.cancel.disabled
    assert not again.panel.again.disabled


def test_no_callback_raises_when_the_form_is_exercised(form):
    before = form.recipe.value
    assert form.exercise() == []
    assert form.recipe.value == before


def test_panel_says_why_when_a_real_run_is_refused(tmp_path):
    form = NewExperiment(tmp_path / "runs", MACHINE)
    (tmp_path / "bad.yaml").write_text("name: bad\n")
    form.panel.attach(background_run.start(tmp_path / "bad.yaml", tmp_path / "runs" / "bad"))
    assert form.panel.wait(timeout_s=LIMIT_S) is RunState.REFUSED
    assert "did not begin: the last line says why" in form.panel.static_html()
    assert "`model` is missing" in form.panel.static_html()
