"""A recipe that a notebook gives as a dict: carried out once, judged by what the notebook claims."""

import json

import pytest
import yaml

from workbench import pipeline
from workbench.errors import InputError


def test_lesson_gives_rows_and_models_when_carried_out(copy_of_run, started_workers):
    recipe = yaml.safe_load(copy_of_run.recipe.read_text())
    lesson = pipeline.run_lesson(recipe, str(copy_of_run.folder))
    assert {name for name in started_workers if "check" not in name and "probe" not in name} == {"quantize-task"}
    assert {row.method for row in lesson.records} == {"none", "static"}
    assert set(lesson.models) == {"fp32", "static-hist"}
    assert lesson.models["static-hist"].manifest.precision == "int8"
    verdict = pipeline.conclude_lesson(lesson, {"rows are here": bool(lesson.records)})
    assert (verdict["verdict"], verdict["claims"]) == ("passed", ["rows are here"])


def test_lesson_fails_when_a_claim_is_not_borne_out(copy_of_run):
    lesson = pipeline.run_lesson(yaml.safe_load(copy_of_run.recipe.read_text()), str(copy_of_run.folder))
    with pytest.raises(pipeline.VerdictFailed, match="not borne out: pigs fly"):
        pipeline.conclude_lesson(lesson, {"rows are here": True, "pigs fly": False})
    written = json.loads((copy_of_run.folder / "notebooks" / "lesson.result.json").read_text())
    assert written["verdict"] == "failed"


def test_lesson_names_the_key_when_the_recipe_is_bad(tmp_path):
    with pytest.raises(InputError, match=r"unknown key `quantise`"):
        pipeline.run_lesson({"name": "x", "quantise": []}, str(tmp_path))
