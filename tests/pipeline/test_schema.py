"""The published JSON Schemas and the reference page agree with the models that check."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from workbench.backends.registry import BACKENDS
from workbench.exit_codes import ExitCode
from workbench.experiment import RECIPES, Deployment, Measurement, Recipe
from workbench.pipeline.schema import recipe_schema, reference_page, results_schema
from workbench.quant.registry import METHODS
from workbench.records import Device, Metric, Precision, Record, Scope, Status, write_records
from workbench.suite import is_suite

ROOT = Path(__file__).parents[2]
SHIPPED = [
    path for path in [*sorted(RECIPES.glob("*.yaml")), *sorted(ROOT.glob("examples/*/*.yaml"))] if not is_suite(path)
]
MINIMAL: dict[str, Any] = {
    "name": "test",
    "model": {"sample": "s"},
    "task": {"name": "t"},
    "quantize": [{"method": "static"}],
    "deploy": [{"backend": "onnxruntime", "precision": "int8"}],
}


def accepts(schema: dict[str, Any], value: Any) -> bool:
    return Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("schema", [recipe_schema(), results_schema()], ids=["recipe", "results"])
def test_schema_is_valid_and_whole_when_published(schema):
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    named = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert named <= set(schema["$defs"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_recipe_schema_accepts_when_a_recipe_is_shipped(path):
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    errors = [error.message for error in Draft202012Validator(recipe_schema()).iter_errors(data)]
    assert errors == []


@pytest.mark.parametrize(
    "part",
    [
        {"quantise": []},
        {"measure": {"repeat": 5}},
        {"model": {"sample": "s", "sampel": "s"}},
        {"quantize": [{"method": "static", "algorithm": "hist"}]},
        {"quantize": [{"method": "none_such"}]},
        {"deploy": [{"backend": "onnxruntime", "precision": "int8", "opt": 1}]},
        {"deploy": [{"backend": "paddle_inference", "precision": "int8", "graph_optimization": "all"}]},
        {"deploy": [{"backend": "tflite", "precision": "int8"}]},
        {"deploy": [{"precision": "int8"}]},
        {"deploy": [{"backend": "onnxruntime", "precision": "int4"}]},
        {"deploy": []},
        {"expect": [{"where": {}, "column": "metric_drop", "max": 1}]},
        {"name": "a/b"},
        {"schema_version": 2},
    ],
    ids=str,
)
def test_recipe_schema_refuses_when_a_key_or_value_is_unknown(part):
    assert accepts(recipe_schema(), MINIMAL)
    assert not accepts(recipe_schema(), MINIMAL | part)


def test_recipe_schema_needs_a_task_when_the_model_is_no_architecture():
    without = {key: value for key, value in MINIMAL.items() if key != "task"}
    assert not accepts(recipe_schema(), without)
    assert accepts(recipe_schema(), without | {"model": {"architecture": "yolov5s"}})
    assert Recipe.model_validate(without | {"model": {"architecture": "yolov5s"}}).task.name == "synthetic"


@pytest.mark.parametrize(
    "part",
    [
        {"precision": "fp32"},
        {"precision": ["fp32", "int8"], "threads": [2, "all"], "batch": [1, 8], "pinned": True},
        {"precision": "int8", "required": True, "graph_optimization": "basic"},
    ],
    ids=str,
)
def test_recipe_schema_agrees_with_the_model_when_a_deployment_is_good(part):
    data = MINIMAL | {"deploy": [{"backend": "onnxruntime"} | part]}
    assert accepts(recipe_schema(), data)
    assert Recipe.model_validate(data)


@pytest.mark.parametrize(
    ("tag", "part", "names"), [("method", "Quantization", METHODS), ("backend", "Deployment", BACKENDS)]
)
def test_recipe_schema_has_a_choice_when_the_registry_has_a_row(tag, part, names):
    choices = recipe_schema()["$defs"][part]["oneOf"]
    assert {choice["properties"][tag]["const"] for choice in choices} == set(names)


def test_results_schema_accepts_when_rows_are_written(tmp_path):
    row = {"model": "m", "backend": "b", "device": Device.CPU, "precision": Precision.FP32, "scope": Scope.RUNTIME}
    records = [Record(**row, status=Status.OK, latency_p50_ms=1.5), Record(**row, status=Status.TIMEOUT, reason="slow")]
    write_records(tmp_path, records)
    data = json.loads((tmp_path / "results.json").read_text())
    assert accepts(results_schema(), data)
    data["rows"][0]["latency"] = 1
    assert not accepts(results_schema(), data)
    assert not accepts(results_schema(), {"schema_version": 1, "rows": [], "more": 1})


def test_reference_page_names_everything_when_made():
    page = reference_page()
    for model in (Recipe, Deployment, Measurement, Record, Metric):
        for name in model.model_fields:
            assert f"| `{name}` |" in page
    for name in METHODS:
        assert f"`method: {name}`" in page
    for code in ExitCode:
        assert f"| {code.value} | {code.meaning} |" in page


def test_reference_page_is_clean_markdown_when_made():
    page = reference_page()
    assert page.endswith("\n")
    assert not [word for word in ("<class", "typing.", "workbench.", "PydanticUndefined") if word in _tables(page)]
    for table in page.split("\n\n"):
        rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def _tables(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if line.startswith("|"))


def test_reference_page_is_the_committed_one_when_nothing_changed():
    file = ROOT / "docs" / "reference.md"
    committed = file.read_text(encoding="utf-8") if file.is_file() else ""
    assert committed == reference_page(), "run `workbench schema reference > docs/reference.md`"
