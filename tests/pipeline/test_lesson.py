"""A recipe that a notebook gives as a dict: carried out once, judged by what the notebook claims."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from workbench import pipeline
from workbench.errors import InputError, WorkbenchError


def test_lesson_gives_rows_and_models_when_carried_out(copy_of_run, started_workers):
    recipe = yaml.safe_load(copy_of_run.recipe.read_text())
    lesson = pipeline.run_lesson(recipe, str(copy_of_run.folder))
    assert {name for name in started_workers if "check" not in name and "probe" not in name} == {"quantize-task"}
    assert {row.method for row in lesson.records} == {"none", "static"}
    assert set(lesson.models) == {"fp32", "static-hist"}
    assert lesson.models["static-hist"].manifest.precision == "int8"
    verdict = pipeline.conclude_lesson(lesson, {"rows are here": bool(lesson.records)})
    assert (verdict["verdict"], verdict["claims"]) == ("passed", ["rows are here"])


def test_lesson_gives_weights_and_what_calibration_saw_when_asked(copy_of_run):
    lesson = pipeline.run_lesson(yaml.safe_load(copy_of_run.recipe.read_text()), str(copy_of_run.folder))
    scales = lesson.models["static-hist"].manifest.scales
    calibration = lesson.calibration("static-hist")
    assert set(scales.activations) <= set(calibration.rows)
    weights = lesson.weights()
    for name, found in scales.weights.items():
        others = tuple(axis for axis in range(weights[name].ndim) if axis != found.axis)
        assert np.abs(weights[name]).max(axis=others) == pytest.approx(found.absmax)


def test_lesson_reads_weights_once_when_asked_again(copy_of_run, started_workers):
    lesson = pipeline.run_lesson(yaml.safe_load(copy_of_run.recipe.read_text()), str(copy_of_run.folder))
    first, again = lesson.weights(), lesson.weights()
    assert started_workers.count("quantize-weights-fp32") == 1
    assert set(first) == set(again)
    (lesson.models["fp32"].folder / "model.pdiparams").write_bytes(b"")
    (lesson.folder / "weights" / f"{lesson.models['fp32'].digest}.npz").unlink()
    with pytest.raises(WorkbenchError, match="weights of fp32: failed"):
        lesson.weights()


def test_lesson_fails_when_a_claim_is_not_borne_out(copy_of_run):
    lesson = pipeline.run_lesson(yaml.safe_load(copy_of_run.recipe.read_text()), str(copy_of_run.folder))
    with pytest.raises(pipeline.VerdictFailed, match="not borne out: pigs fly"):
        pipeline.conclude_lesson(lesson, {"rows are here": True, "pigs fly": False})
    written = json.loads((copy_of_run.folder / "notebooks" / "lesson.result.json").read_text())
    assert written["verdict"] == "failed"


def test_lesson_names_the_key_when_the_recipe_is_bad(tmp_path):
    with pytest.raises(InputError, match=r"unknown key `quantise`"):
        pipeline.run_lesson({"name": "x", "quantise": []}, str(tmp_path))


def test_lesson_without_a_run_is_judged_by_its_claims_when_concluded(tmp_path):
    verdict = pipeline.conclude_lesson(tmp_path / "mine", {"water is wet": True})
    assert (verdict["verdict"], verdict["recipe"]) == ("passed", "mine")
    with pytest.raises(pipeline.VerdictFailed, match="not borne out: pigs fly"):
        pipeline.conclude_lesson(tmp_path / "mine", {"pigs fly": False})
    assert json.loads((tmp_path / "mine" / "notebooks" / "lesson.result.json").read_text())["verdict"] == "failed"


def test_speed_that_is_not_borne_out_is_not_judged_when_other_work_disturbed_the_measurement(tmp_path):
    claims, speeds = {"water is wet": True}, {"snails are fast": False, "hares are fast": True}
    verdict = pipeline.conclude_lesson(tmp_path / "mine", claims, speeds=speeds, disturbed=True)
    assert (verdict["verdict"], verdict["not_judged"]) == ("passed", ["snails are fast"])
    assert verdict["claims"] == ["water is wet", "snails are fast", "hares are fast"]
    with pytest.raises(pipeline.VerdictFailed, match="not borne out: snails are fast"):
        pipeline.conclude_lesson(tmp_path / "mine", claims, speeds=speeds)
    with pytest.raises(pipeline.VerdictFailed, match="not borne out: pigs fly"):
        pipeline.conclude_lesson(tmp_path / "mine", {"pigs fly": False}, disturbed=True)


def test_lesson_tells_what_disturbed_it_when_its_metrics_say_so(copy_of_run):
    lesson = pipeline.run_lesson(yaml.safe_load(copy_of_run.recipe.read_text()), str(copy_of_run.folder))
    quiet = [metric.model_copy(update={"value": 0.0}) for metric in lesson.metrics]
    assert not replace(lesson, metrics=quiet).disturbances
    busy = [metric.model_copy(update={"value": 9.0}) if metric.name == "other_load" else metric for metric in quiet]
    assert "other processes used 9.0 cores" in replace(lesson, metrics=busy).disturbances[0]
