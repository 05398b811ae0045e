"""Detectors with their suppression in the network and cut off it: the same boxes either way."""

import json
import re

import numpy as np
import pytest

from workbench.models.model import Model

OPTIONS = {
    "decoder": "nms_inside", "inputs": ["image", "scale_factor"], "preparation": {"size": [64, 64], "resize": "stretch"},
}  # fmt: skip
CASES = {
    # network, what the recipe says, what holds where it says nothing
    **{f"{net} {kind}": (net, kind == "cut", False) for net in ("multiclass", "matrix", "background", "scaled") for kind in ("whole", "cut")},
    "by default": ("multiclass", None, True),
    "not by default": ("multiclass", None, False),
    "kept": ("multiclass", False, True),
    **{f"{net} {kind}": (net, kind == "required" or None, True) for net in ("raw", "used", "third") for kind in ("required", "default")},
}  # fmt: skip


@pytest.fixture(scope="module")
def made(run_native, tmp_path_factory):
    """Every case imported: its digest, or what was wrong; and the folder of the Models."""
    folder, models = tmp_path_factory.mktemp("nets"), tmp_path_factory.mktemp("models")
    written = run_native("nms_nets:write_nets", folder=folder, names=sorted({net for net, *_ in CASES.values()}))
    assert written.status == "ok", written.reason
    outcome = run_native("nms_nets:import_each", folder=folder, cases=CASES, models=models)
    assert outcome.status == "ok", outcome.reason
    return outcome.value, models


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    random, file = np.random.default_rng(0), tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(file, *(random.integers(0, 256, (40 + 9 * n, 90 - 7 * n, 3), np.uint8) for n in range(6)))
    return file


@pytest.fixture(scope="module")
def detect(run_native, made, images):
    """Run a case on a backend; keeps what it gave."""
    kept = {}

    def run(case, backend):
        if (case, backend) not in kept:
            model = made[1] / made[0][case]
            outcome = run_native("nms_nets:detect", model=model, backend=backend, images=images, options=OPTIONS)
            assert outcome.status == "ok", outcome.reason
            kept[case, backend] = outcome.value
        return kept[case, backend]

    return run


@pytest.mark.parametrize("net", ["multiclass", "matrix", "background", "scaled"])
def test_detections_are_equal_when_suppression_is_cut_off(detect, net):
    """On Paddle Inference bit by bit: the task computes what the operator did."""
    whole, cut = (detect(f"{net} {kind}", "paddle_inference") for kind in ("whole", "cut"))
    assert min(len(rows) for rows in whole) >= 3
    assert [len(rows) for rows in cut] == [len(rows) for rows in whole]
    for before, after in zip(whole, cut, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-6 if net == "matrix" else 0)


@pytest.mark.parametrize("net", ["multiclass", "matrix"])
def test_detections_are_equal_when_another_backend_runs_what_is_left(detect, net):
    whole, cut = detect(f"{net} whole", "paddle_inference"), detect(f"{net} cut", "onnxruntime")
    assert [len(rows) for rows in cut] == [len(rows) for rows in whole]
    for before, after in zip(whole, cut, strict=True):
        np.testing.assert_allclose(after, before, atol=1e-3)


def test_model_tells_what_is_left_to_the_task_when_suppression_is_cut_off(made):
    cases, models = made
    whole, cut = (Model.open(models / cases[f"background {kind}"]).manifest for kind in ("whole", "cut"))
    assert whole.left_to_task == {}
    settings = cut.left_to_task["nms"]
    assert (settings["operator"], settings["background_label"], settings["keep_top_k"]) == ("multiclass_nms3", 1, 5)
    assert (settings["normalized"], round(settings["nms_threshold"], 6)) == (False, 0.6)
    assert [spec.shape for spec in cut.outputs] == [(1, 64, 4), (1, 4, 64)]
    assert cut.inputs == whole.inputs


def test_models_differ_when_only_what_is_left_to_the_task_does(made):
    cases, models = made
    first, second = (Model.open(models / cases[f"{net} cut"]) for net in ("multiclass", "background"))
    assert first.manifest.files == second.manifest.files
    assert first.digest != second.digest


def test_suppression_is_cut_off_when_the_recipe_or_the_default_says_so(made):
    cases, models = made
    left = {
        case: bool(Model.open(models / cases[case]).manifest.left_to_task)
        for case in ("by default", "not by default", "kept")
    }
    assert left == {"by default": True, "not by default": False, "kept": False}


@pytest.mark.parametrize(
    ("net", "said"),
    [
        ("raw", "the network has none of the operators multiclass_nms, .* and one is needed"),
        ("used", "what multiclass_nms3 gives is not the end of the network"),
        ("third", "the network gives more than what multiclass_nms3 does"),
    ],
)
def test_suppression_stays_when_it_cannot_be_cut_off(made, net, said):
    cases, models = made
    assert Model.open(models / cases[f"{net} default"]).manifest.left_to_task == {}
    assert re.fullmatch(rf"InputError: model.strip_nms: {said}.*; leave the key out", cases[f"{net} required"])


def test_left_to_task_is_json_when_written(made):
    cases, models = made
    manifest = json.loads((models / cases["matrix cut"] / "manifest.json").read_text())
    assert manifest["left_to_task"]["nms"]["operator"] == "matrix_nms"
