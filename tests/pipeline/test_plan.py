"""From a recipe to the cells of its table."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.experiment import Quantization, Recipe
from workbench.pipeline import plan as plan_module
from workbench.pipeline.plan import Cell, cell_from_dict, cells, matching, model_key, variant_of
from workbench.records import Precision

ONNX = {"backend": "onnxruntime", "precision": "int8"}


def plan(*deploy: dict[str, Any], quantize: list[dict[str, Any]] | None = None) -> list[Cell]:
    methods = [{"method": "static", "algo": "hist"}] if quantize is None else quantize
    data = {
        "name": "test",
        "model": {"sample": "s"},
        "task": {"name": "t"},
        "quantize": methods,
        "deploy": list(deploy),
    }
    return cells(Recipe.model_validate(data))


def test_cells_have_a_baseline_first_when_a_deployment_asks_for_int8_only():
    baseline, quantized = plan(ONNX)
    assert (baseline.precision, baseline.method, baseline.is_baseline) == (Precision.FP32, "none", True)
    assert (quantized.precision, quantized.method, quantized.variant) == (Precision.INT8, "static", "hist")
    assert not quantized.is_baseline
    assert baseline.group == quantized.group


def test_cells_cross_all_lists_when_a_deployment_has_several():
    found = plan(
        {"backend": "x", "precision": ["fp16", "int8"], "threads": [1, 2], "batch": [1, 8], "pinned": [False, True]}
    )
    assert len(found) == len({cell.key for cell in found}) == 2 * 2 * (1 + 2 + 2)
    assert len({cell.group for cell in found}) == 4
    for group in {cell.group for cell in found}:
        assert sum(cell.is_baseline for cell in found if cell.group == group) == 1


def test_cells_have_the_machines_cores_when_threads_are_all(monkeypatch):
    sweep = ONNX | {"threads": [1, "all"]}
    monkeypatch.setattr(plan_module, "this_machine", lambda: SimpleNamespace(cores=6))
    assert [(cell.threads, "t6" in cell.key) for cell in plan(sweep)] == [(1, False)] * 2 + [(6, True)] * 2
    monkeypatch.setattr(plan_module, "this_machine", lambda: SimpleNamespace(cores=1))
    assert [cell.threads for cell in plan(sweep)] == [1, 1]


def test_cells_take_every_quantized_model_when_the_precision_is_int8():
    quantize = [{"method": "static", "algo": algo} for algo in ("hist", "mse", "KL")]
    found = plan({"backend": "x", "precision": ["fp16", "int8", "int8+fp16"]}, quantize=quantize)
    assert [cell.model for cell in found] == ["fp32", "fp32", *["static-hist", "static-mse", "static-KL"] * 2]


def test_cells_are_float_only_when_nothing_is_quantized():
    assert [cell.precision for cell in plan(ONNX, quantize=[])] == [Precision.FP32]


def test_cells_differ_in_group_when_options_do():
    first, second = plan(ONNX | {"graph_optimization": "all"}, ONNX | {"backend": "y"})[::2]
    assert first.group != second.group
    assert first.options == {"graph_optimization": "all"}


def test_cells_are_one_when_two_deployments_name_the_same():
    found = plan(ONNX, ONNX | {"precision": ["fp32", "int8"], "required": True, "batch": [1, 2]})
    assert [(cell.precision, cell.batch, cell.required) for cell in found] == [
        (Precision.FP32, 1, True),
        (Precision.INT8, 1, True),
        (Precision.FP32, 2, True),
        (Precision.INT8, 2, True),
    ]


@pytest.mark.parametrize(
    ("deploy", "quantize", "message"),
    [
        (
            [ONNX, ONNX | {"graph_optimization": "basic"}],
            [],
            "onnxruntime-cpu-fp32-t1-b1-fp32 is deployed twice with different options; keep one",
        ),
        (
            [ONNX],
            [{"method": "static", "algo": "hist"}, {"method": "static", "hist_percent": 0.99}],
            "two `quantize` entries are both 'static-hist'; give one of them a `variant`",
        ),
    ],
)
def test_cells_refuse_when_two_would_have_one_name(deploy, quantize, message):
    with pytest.raises(InputError, match=f"^recipe test: {message}$"):
        plan(*deploy, quantize=quantize)


def test_cells_are_told_apart_by_variant_when_options_do_not():
    quantize = [{"method": "static"}, {"method": "static", "hist_percent": 0.99, "variant": "p99"}]
    assert [cell.model for cell in plan(ONNX, quantize=quantize)] == ["fp32", "static-hist", "static-p99"]


def test_variant_follows_from_options_when_none_is_given():
    assert variant_of(Quantization(method="static", algo="mse")) == "mse"
    assert model_key(Quantization(method="static", algo="mse", variant="mine")) == "static-mine"


def test_variant_tells_the_accuracy_asked_for_when_there_is_a_target():
    entry = Quantization.model_validate({"method": "static", "algo": "mse", "accuracy": {"max_drop": 0.5}})
    assert (variant_of(entry), model_key(entry)) == ("mse-within0.5", "static-mse-within0.5")
    assert variant_of(entry.model_copy(update={"variant": "mine"})) == "mine"


def test_key_is_fit_for_a_file_name_when_everything_is_set():
    found = plan({"backend": "x", "device": "gpu", "precision": "int8+fp16", "pinned": True, "threads": 2, "batch": 8})
    assert [cell.key for cell in found] == ["x-gpu-fp32-t2-b8-fp32", "x-gpu-int8+fp16-t2-b8-pinned-static-hist"]


def test_cell_is_equal_when_written_and_read():
    for cell in plan(ONNX | {"graph_optimization": "all", "required": True}):
        again = cell_from_dict(json.loads(json.dumps(cell.as_dict())))
        assert again == cell
        assert again.group == cell.group
        assert again.required


def test_settings_have_the_cells_batch_when_no_other_is_asked_for():
    cell = plan(ONNX | {"batch": 8, "threads": 2, "graph_optimization": "all"})[1]
    settings = cell.settings()
    assert (settings.batch, settings.threads, settings.precision) == (8, 2, Precision.INT8)
    assert settings.options == {"graph_optimization": "all"}
    assert cell.settings(batch=1).batch == 1


def test_baseline_is_one_and_not_pinned_when_both_are_asked_for():
    for pinned in (True, [False, True], [True, False]):
        found = plan({"backend": "x", "device": "gpu", "precision": ["fp32", "fp16"], "pinned": pinned})
        assert [cell.pinned for cell in found if cell.is_baseline] == [False]
        assert any(cell.pinned for cell in found)


TABLE = plan(
    {"backend": "onnxruntime", "precision": "int8", "batch": [1, 2]},
    {"backend": "onnxruntime", "device": "gpu", "precision": ["fp16", "int8"]},
    quantize=[{"method": "static"}],
)


@pytest.mark.parametrize(
    ("only", "number"),
    [
        ("onnxruntime", 7),
        ("onnxruntime/cpu", 4),
        ("onnxruntime/cpu/int8", 2),
        ("onnxruntime/cpu/int8/static", 2),
        ("onnxruntime/gpu/fp16", 1),
        ("onnxruntime-cpu-fp32-t1-b2-fp32", 1),
    ],
)
def test_matching_finds_rows_when_they_are_named_in_part_or_whole(only, number):
    assert len(matching(TABLE, only)) == number


@pytest.mark.parametrize("only", ["", "onnx", "onnxruntime/", "onnxruntime/cpu/int", "int8", "onnxruntime/cpu/bf16"])
def test_matching_lists_the_rows_when_none_is_named(only):
    with pytest.raises(InputError) as caught:
        matching(TABLE, only)
    assert str(caught.value) == (
        f"--only {only!r}: no such row; rows are: onnxruntime/cpu/fp32, onnxruntime/cpu/int8/static, "
        "onnxruntime/gpu/fp32, onnxruntime/gpu/fp16, onnxruntime/gpu/int8/static"
    )
