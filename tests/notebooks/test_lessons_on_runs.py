"""The lessons that look at finished runs: on the tiny run, on one with rows of two methods, and without any."""

import pytest

from workbench.records import Device, Precision, Record, Scope, Status, read_records, write_records

ROW = {"model": "tiny", "backend": "onnxruntime", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK,
       "metric_name": "top1", "metric_value": 90.0, "model_size_mb": 4.0}  # fmt: skip
MADE = {"metric_drop": 1.5, "drop_low": 1.0, "drop_high": 2.0, "method": "static", "precision": Precision.INT8}
LIMIT_S = 300


@pytest.fixture
def run_of_two(tmp_path):
    """A run folder with FP32 and two variants of INT8."""
    folder = tmp_path / "run"
    made = [ROW | MADE | {"variant": name, "latency_mean_ms": 4.0, "latency_p50_ms": 4.0} for name in ("hist", "mse")]
    rows = [ROW | {"precision": Precision.FP32, "latency_mean_ms": 9.0, "latency_p50_ms": 9.0}, *made]
    folder.mkdir()
    write_records(folder, [Record(**row) for row in rows])
    return folder


def test_sensitivity_is_shown_when_a_run_has_a_static_model(copy_of_run, green_lesson):
    folder = copy_of_run.folder
    lesson = green_lesson(
        "06_sensitivity", folder, timeout_s=LIMIT_S, verdict="sensitivity", recipe=str(copy_of_run.recipe)
    )
    assert "\nskip_tensors: [" in lesson.shown
    plots = {path.name for path in (folder / "plots").iterdir()}
    assert {"sensitivity_static-hist-symmetric.png", "layers_static-hist-symmetric.png"} <= plots


def test_answers_and_measured_methods_are_shown_when_there_is_a_run(run_of_two, green_lesson):
    lesson = green_lesson("07_choose_a_method", run_of_two, timeout_s=LIMIT_S, verdict="choose", recipe="mine")
    assert lesson.result["combinations"] == 108
    assert "models that methods made: 2" in lesson.shown
    assert lesson.shown.count("distill_prune") >= 2
    assert "1.50 (1.00 to 2.00)" in lesson.shown
    assert (run_of_two / "plots" / "trade_off.png").is_file()
    assert "Scatter plot" in lesson.shown


def test_command_is_named_when_there_is_no_run(tmp_path, green_lesson):
    folder = tmp_path / "not_there"
    lesson = green_lesson("07_choose_a_method", folder, timeout_s=LIMIT_S, verdict="choose", recipe="mine")
    assert f"workbench run mine --out {folder}" in lesson.shown


def test_run_is_compared_with_its_second_measuring_when_no_other_is_named(copy_of_run, green_lesson):
    folder = copy_of_run.folder
    before = read_records(folder)
    lesson = green_lesson("08_compare", folder, timeout_s=LIMIT_S, recipe=str(copy_of_run.recipe))
    assert read_records(folder) == before
    first, second = (
        {row.key(): row.latency_p50_ms for row in rows if row.latency_p50_ms}
        for rows in (before, read_records(folder.with_name("run-again")))
    )
    assert set(first) == set(second)
    assert all(first[key] != second[key] for key in first)
    assert "From run (A) to run-again (B), beyond the noise: " in lesson.shown
