"""Recipes: what is accepted, what is refused, and with which words."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from workbench.errors import InputError
from workbench.experiment import RECIPES, Deployment, Quantization, Recipe, find_recipe, read_recipe, validate
from workbench.records import Device, Precision, Scope
from workbench.suite import is_suite

REMOVED = "(removed)"
SPEED = {"where": {"precision": "int8"}, "column": "speedup_vs_fp32", "minimum": 2.0}


def recipe_data() -> dict[str, Any]:
    return {
        "name": "test",
        "model": {"sample": "digits_mobilenet_v1"},
        "task": {"name": "digits_classification"},
        "quantize": [{"method": "static", "algo": "hist"}],
        "deploy": [{"backend": "onnxruntime", "precision": ["fp32", "int8"]}],
        "measure": {"repeats": 100},
        "expect": [{"where": {"precision": "int8"}, "column": "metric_drop", "maximum": 0.5}],
    }


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe above with values set, or removed, at dotted keys."""
    data = recipe_data()
    for key, value in changes.items():
        *parents, last = (int(part) if part.isdigit() else part for part in key.split("."))
        inner: Any = data
        for part in parents:
            inner = inner[part]
        if value is REMOVED:
            del inner[last]
        else:
            inner[last] = value
    return data


def write(folder: Path, data: Any) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_recipe(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_read_recipe_fills_in_the_rest_when_little_is_given(tmp_path):
    recipe = read_recipe(write(tmp_path, changed({"quantize": REMOVED, "measure": REMOVED, "expect": REMOVED})))
    assert (recipe.measure.warmup, recipe.measure.repeats, recipe.measure.rounds) == (50, 1000, 10)
    assert (recipe.measure.block_runs, recipe.measure.block_seconds) == (50, 0.3)
    assert (recipe.measure.discard_runs, recipe.measure.discard_seconds) == (15, 0.1)
    assert recipe.measure.scopes == [Scope.RUNTIME, Scope.END_TO_END]
    (deployment,) = recipe.deploy
    assert (deployment.device, deployment.threads, deployment.batch) == (Device.CPU, [1], [1])
    assert (recipe.quantize, recipe.expect, deployment.required) == ([], [], False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantise": []}, "unknown key `quantise`; known keys here: schema_version, name, model, task, quantize"),
        ({"measure.repeat": 5}, "unknown key `measure.repeat`; known keys here: scopes, warmup, repeats"),
        (
            {"model.sampel": "x"},
            "unknown key `model.sampel`; known keys here: sample, zoo, archive, architecture, path, params",
        ),
        ({"expect.0.colum": "x"}, "unknown key `expect.0.colum`; known keys here: where, column, minimum"),
        ({"quantise": [], "measure.repeat": 5}, "(and 1 more)"),
        ({"name": REMOVED}, "`name` is missing"),
        ({"deploy": REMOVED}, "`deploy` is missing"),
        ({"deploy.0.backend": REMOVED}, "`deploy.0.backend` is missing"),
        ({"quantize.0.method": REMOVED}, "`quantize.0.method` is missing"),
        ({"model.path": "m.onnx"}, "give one of `sample`, `zoo`, `architecture` and `path`"),
        ({"model": {}}, "`model` = {}: give one of `sample`, `zoo`, `architecture` and `path`"),
        ({"task.file": "t.py"}, "give either `name` or `file`"),
        ({"task": {"options": {}}}, "give either `name` or `file`"),
        ({"deploy.0.precision": "int4"}, "`deploy.0.precision.0` = 'int4': input should be 'fp32', 'fp16'"),
        ({"deploy.0.precision": ["fp32", 8]}, "`deploy.0.precision.1` = 8: input should be"),
        ({"deploy.0.precision": []}, "`deploy.0.precision` = []: list should have at least 1 item"),
        ({"deploy.0.device": "tpu"}, "`deploy.0.device` = 'tpu': input should be 'cpu', 'gpu' or 'arm'"),
        ({"deploy.0.batch": 0}, "`deploy.0.batch.0` = 0: input should be greater than or equal to 1"),
        ({"deploy.0.threads": [1, -2]}, "`deploy.0.threads.1` = -2: give a number from 1 up, or `all`"),
        ({"deploy.0.threads": "many"}, "`deploy.0.threads.0` = 'many': give a number from 1 up, or `all`"),
        ({"deploy.0.threads": True}, "`deploy.0.threads.0` = True: give a number from 1 up, or `all`"),
        ({"deploy.0.batch": "many"}, "`deploy.0.batch.0` = 'many': input should be a valid integer"),
        ({"deploy": []}, "`deploy` = []: list should have at least 1 item"),
        ({"name": "a/b"}, "`name` = 'a/b': string should match pattern"),
        ({"name": "../up"}, "`name` = '../up': string should match pattern"),
        ({"name": ""}, "`name` = '': string should match pattern"),
        ({"name": "two\nlines"}, "`name` = 'two\\nlines': string should match pattern"),
        ({"quantize.0.variant": "../up"}, "`quantize.0.variant` = '../up': string should match pattern"),
        ({"schema_version": 2}, "`schema_version` = 2: input should be less than or equal to 1"),
        ({"measure.rounds": 1}, "`measure.rounds` = 1: input should be greater than or equal to 2"),
        ({"measure.repeats": "often"}, "`measure.repeats` = 'often': input should be a valid integer"),
        ({"measure.scopes": []}, "`measure.scopes` = []: list should have at least 1 item"),
        ({"measure": None}, "`measure` = None: input should be"),
        ({"expect.0": SPEED}, "`speedup_vs_fp32` holds only on named machine kinds: give `machine`, such as [avx512"),
        ({"expect.0.maximum": REMOVED}, "give `minimum` or `maximum`"),
        ({"expect.0.column": "speed"}, "`expect.0.column` = 'speed': input should be 'metric_drop'"),
        ({"expect.0.tolerance": -1}, "`expect.0.tolerance` = -1: input should be greater than or equal to 0"),
    ],
    ids=str,
)
def test_read_recipe_names_key_and_fix_when_a_value_is_wrong(tmp_path, changes, message):
    assert message in refusal(write(tmp_path, changed(changes)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a recipe is a mapping with the keys schema_version, name, model"),
        (b"# only a comment\n", "a recipe is a mapping with the keys"),
        (b"- a\n- b\n", "a recipe is a mapping with the keys"),
        (b"just a sentence", "a recipe is a mapping with the keys"),
        (b"name: [1\nmodel: x", "not valid YAML: "),
        (b"name: x\n\tmodel: y", "not valid YAML: "),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "not valid YAML: "),
        (b"name: \x00\x01", "not valid YAML: "),
        (b"!!python/object/apply:os.system ['true']", "not valid YAML: "),
        (b"1: 2", "(and "),
    ],
    ids=repr,
)
def test_read_recipe_tells_in_one_line_when_the_file_is_no_recipe(tmp_path, content, message):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    assert message in refusal(path)


def test_paths_become_absolute_when_they_are_relative_to_the_recipe(tmp_path, monkeypatch):
    (tmp_path / "inner").mkdir()
    data = changed({"model": {"path": "../m.onnx", "params": "p"}, "task": {"file": "task.py"}})
    path = write(tmp_path / "inner", data)
    monkeypatch.chdir("/")
    recipe = read_recipe(path)
    assert recipe.model.path == tmp_path / "m.onnx"
    assert recipe.model.params == tmp_path / "inner" / "p"
    assert recipe.task.file == tmp_path / "inner" / "task.py"


def test_paths_stay_when_they_are_absolute_or_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    recipe = read_recipe(write(tmp_path, changed({"model": {"path": "~/m.onnx"}, "task": {"file": "/tasks/t.py"}})))
    assert (recipe.model.path, recipe.task.file) == (tmp_path / "home" / "m.onnx", Path("/tasks/t.py"))


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ({"sample": "digits_mobilenet_v1"}, "digits_mobilenet_v1"),
        ({"path": "some/net.onnx"}, "net"),
        ({"path": "net.onnx", "name": "NanoDet"}, "NanoDet"),
    ],
)
def test_label_follows_name_sample_or_file_when_the_model_is_named_so(tmp_path, model, label):
    assert read_recipe(write(tmp_path, changed({"model": model}))).model.label == label


def test_lists_are_made_when_single_values_are_given():
    deployment = Deployment(backend="x", precision="int8", pinned=True, threads=2, batch=4)
    assert deployment.precision == [Precision.FP32, Precision.INT8]
    assert (deployment.pinned, deployment.threads, deployment.batch) == ([True], [2], [4])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["int8"], ["fp32", "int8"]),
        (["int8", "fp32"], ["fp32", "int8"]),
        (["int8", "fp16", "int8", "fp32", "fp32"], ["fp32", "int8", "fp16"]),
        ("fp32", ["fp32"]),
    ],
)
def test_fp32_comes_first_when_precisions_are_in_any_order(given, kept):
    assert Deployment(backend="x", precision=given).precision == kept


def test_all_threads_stay_a_word_when_a_recipe_is_written_again():
    deployment = Deployment(backend="x", precision="fp32", threads=[1, "all"])
    assert deployment.model_dump(mode="json", exclude_defaults=True)["threads"] == [1, "all"]
    assert Deployment(backend="x", precision="fp32", threads="all").threads == ["all"]


def test_doubles_are_dropped_when_threads_or_batches_repeat():
    deployment = Deployment(backend="x", precision="fp32", threads=[2, 1, 2], batch=[8, 8])
    assert (deployment.threads, deployment.batch) == ([2, 1], [8])


def test_options_are_the_other_keys_when_a_part_has_any(tmp_path):
    data = changed({"deploy.0.graph_optimization": "basic", "quantize.0.batches": 3})
    recipe = read_recipe(write(tmp_path, data))
    assert recipe.deploy[0].options == {"graph_optimization": "basic"}
    assert recipe.quantize[0].options == {"algo": "hist", "batches": 3}
    assert Deployment(backend="x", precision="fp32").options == {}


def test_smoke_searches_little_when_accuracy_is_asked_for():
    entry = Quantization.model_validate({"method": "static", "accuracy": {"max_drop": 0.5, "metric": "mAP"}})
    small = entry.smoke().accuracy
    assert (small.max_drop, small.metric, small.max_evaluations, small.images) == (0.5, "mAP", 2, 4)
    assert Quantization(method="static").smoke() == Quantization(method="static")


@pytest.mark.parametrize("accuracy", [{"drop": 1}, {"max_drop": -1}, {"max_evaluations": 0}, {"images": 0}])
def test_accuracy_is_refused_when_a_key_or_value_is_wrong(accuracy):
    with pytest.raises(ValidationError):
        Quantization.model_validate({"method": "static", "accuracy": accuracy})


def test_smoke_does_little_and_expects_nothing_when_asked(tmp_path):
    recipe = read_recipe(write(tmp_path, changed({"measure.timeout_s": 77})))
    small = recipe.smoke()
    assert small.expect == []
    assert small.measure.repeats <= 10
    assert small.measure.evaluation_limit <= 20
    assert small.measure.timeout_s == 77
    assert (small.model, small.deploy, small.quantize) == (recipe.model, recipe.deploy, recipe.quantize)
    assert (recipe.measure.repeats, len(recipe.expect)) == (100, 1)
    assert Recipe.model_validate(small.model_dump()).measure == small.measure


@pytest.mark.parametrize(
    "path", [path for path in sorted(RECIPES.glob("*.yaml")) if not is_suite(path)], ids=lambda path: path.stem
)
def test_shipped_recipe_is_found_by_its_name_when_it_is_valid(path):
    assert find_recipe(path.stem) == path
    assert read_recipe(path).name == path.stem


def test_find_recipe_prefers_a_file_when_one_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, recipe_data())
    assert find_recipe("recipe.yaml") == path
    assert find_recipe(path) == path


@pytest.mark.parametrize("name", ["no_such", "", ".", "sub/demo", "demo.yaml", "../recipes/demo", "a\0b"])
def test_find_recipe_lists_the_shipped_ones_when_there_is_none(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"no such file or shipped recipe; shipped are: .*demo"):
        find_recipe(name)


def test_validate_names_the_place_when_another_model_is_checked():
    class Options(BaseModel, extra="forbid"):
        size: int = 1

    assert validate(Options, {"size": 3}, where="here").size == 3
    with pytest.raises(InputError, match=r"^here: unknown key `sizes`; known keys here: size$"):
        validate(Options, {"sizes": 3}, where="here")
