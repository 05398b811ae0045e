"""The five stages on a tiny model: what the rows hold, what is done again and what is not, and what counts as a problem."""

import json
import shutil

import numpy as np
import pytest

from workbench import pipeline
from workbench.backends.registry import BACKENDS
from workbench.errors import BusyError, InputError
from workbench.pipeline import Stage
from workbench.pipeline import stages as stages_module
from workbench.pipeline.report import problems
from workbench.records import Precision, Scope, Status, read_metrics, read_records

HERE = ("paddle_inference", "onnxruntime")
FIGURES = (
    "latency_mean_ms", "latency_p50_ms", "latency_p90_ms", "latency_p99_ms", "latency_std_ms", "first_call_ms", "repeats",
    "throughput_per_s", "speedup_vs_fp32", "metric_value", "metric_fp32", "metric_drop", "model_size_mb", "params_m",
    "gflops", "peak_rss_mb",
)  # fmt: skip
# What every pass asks anew: is the data there, and what can run here?
QUESTIONS = {
    "quantize-task", "deploy-probe-onnxruntime-cpu", "deploy-probe-paddle_inference-cpu", "deploy-probe-tensorrt-gpu",
}  # fmt: skip
STAGES = (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report)


@pytest.fixture(scope="module")
def rows(finished_run):
    return read_records(finished_run.folder)


@pytest.fixture(scope="module")
def metrics(finished_run):
    return read_metrics(finished_run.folder)


def run_stages(experiment, first=0):
    return [stage(experiment) for stage in STAGES[first:]]


# What the rows hold


def test_run_has_ok_rows_when_backends_are_here(rows):
    ok = {(row.backend, row.device, row.precision, row.scope) for row in rows if row.status is Status.OK}
    assert ok == {
        (backend, "cpu", precision, scope) for backend in HERE for precision in ("fp32", "int8") for scope in Scope
    }
    assert not any(row.reason for row in rows if row.status is Status.OK)


def test_run_has_unavailable_rows_with_a_reason_when_a_backend_is_not_here(rows):
    missing = [row for row in rows if row.backend == "tensorrt"]
    assert {(row.precision, row.scope) for row in missing} == {(p, s) for p in ("fp32", "int8") for s in Scope}
    assert {row.status for row in missing} == {Status.UNAVAILABLE}
    assert all("pip install" in row.reason and len(row.reason.splitlines()) == 1 for row in missing)
    assert all(row.latency_mean_ms is None and row.metric_value is None for row in missing)


def test_ok_rows_hold_every_figure_when_measured(rows):
    for row in rows:
        if row.status is Status.OK:
            missing = [name for name in FIGURES if getattr(row, name) is None]
            assert not missing, f"{row.key()}: {missing}"
            assert row.model == "tiny"
            assert row.task == "tiny_task"
            assert row.metric_name == "top1"
            assert row.input_shape == "1x3x16x16"
            assert row.weights == "trained"
            assert row.machine_id == pipeline.stages.this_machine().machine_id


def test_latency_figures_agree_with_each_other_when_measured(rows):
    for row in (row for row in rows if row.status is Status.OK):
        assert 0 < row.latency_p50_ms <= row.latency_p90_ms <= row.latency_p99_ms
        assert row.repeats >= 8
        assert row.throughput_per_s == pytest.approx(1000 / row.latency_mean_ms)
        assert row.latency_std_ms >= 0
        assert 20 < row.peak_rss_mb < 4000


def test_speedup_is_one_for_fp32_and_has_an_interval_for_int8_when_measured(rows):
    for row in (row for row in rows if row.status is Status.OK):
        if row.precision is Precision.FP32:
            assert row.speedup_vs_fp32 == 1
        else:
            assert row.speedup_low <= row.speedup_vs_fp32 <= row.speedup_high


def test_accuracy_figures_agree_with_each_other_when_measured(rows):
    for row in (row for row in rows if row.status is Status.OK):
        assert 50 < row.metric_value <= 100, "the tiny network learned its textures"
        assert row.metric_drop == pytest.approx(row.metric_fp32 - row.metric_value)
        if row.precision is Precision.INT8:
            assert row.drop_low <= row.metric_drop <= row.drop_high
            assert 10 < row.sqnr_db < 100
        else:
            assert row.metric_drop == 0


def test_model_figures_tell_fp32_and_int8_apart_when_reported(rows):
    by_precision = {row.precision: row for row in rows if row.backend == "onnxruntime"}
    float_row, int8_row = by_precision[Precision.FP32], by_precision[Precision.INT8]
    assert float_row.model_digest != int8_row.model_digest
    assert (float_row.method, float_row.variant) == ("none", "")
    assert (int8_row.method, int8_row.variant) == ("static", "hist")
    assert float_row.quantize_s is None
    assert int8_row.quantize_s > 0
    assert float_row.build_s > 0
    assert int8_row.build_s > 0
    assert float_row.int8_share == 0
    assert int8_row.int8_share >= 0.5


def test_parity_is_kept_when_fp32_was_compared_with_paddle(metrics):
    for backend in HERE:
        found = {m.name: m.value for m in metrics if m.backend == backend and m.precision is Precision.FP32}
        assert 0 <= found["parity_max_abs"] < 1e-3
        assert found["parity_cosine"] > 0.9999
    assert not [m for m in metrics if m.name.startswith("parity") and m.precision is Precision.INT8]


def test_control_is_kept_for_each_scope_when_latency_was_measured(metrics):
    for backend in HERE:
        for scope in Scope:
            found = {m.name: m.value for m in metrics if (m.backend, m.precision, m.scope) == (backend, "fp32", scope)}
            assert found["aa_control_low"] <= found["aa_control"] <= found["aa_control_high"]


def test_secondary_figures_are_kept_when_the_task_has_more_metrics(metrics):
    found = {m.name for m in metrics if m.scope is Scope.END_TO_END}
    assert {"wrong", "evaluation_samples", "preprocess_ms", "run_ms", "postprocess_ms", "steal", "other_load"} <= found
    samples = {m.value for m in metrics if m.name == "evaluation_samples"}
    assert samples == {32}
    assert all(m.value > 0 for m in metrics if m.name in ("preprocess_ms", "run_ms", "postprocess_ms"))


def test_raw_samples_are_kept_when_latency_was_measured(finished_run, rows):
    row = next(r for r in rows if r.backend == "onnxruntime" and r.precision is Precision.INT8 and r.scope == "runtime")
    (path,) = finished_run.folder.joinpath("raw").glob("onnxruntime-cpu-int8-*.json")
    blocks = json.loads(path.read_text())["runtime"]
    samples = [sample for block in blocks for sample in block]
    assert len(samples) == row.repeats
    assert np.mean(samples) == pytest.approx(row.latency_mean_ms)
    assert np.median(samples) == pytest.approx(row.latency_p50_ms)


def test_finished_run_has_no_problems_when_all_that_is_here_works(finished_run):
    experiment = finished_run.open()
    assert {stage: problems(experiment, stage) for stage in Stage} == {stage: [] for stage in Stage}


def test_finished_run_leaves_no_temporary_files_when_it_ends(finished_run):
    names = [path.name for path in finished_run.folder.rglob("*")]
    assert [name for name in names if "unfinished" in name] == []
    assert {name for name in names if name.startswith(".")} <= {".stage.lock", ".stage.holder", ".run.lock"}


# What is done again


def test_second_pass_only_asks_what_is_here_when_all_is_finished(copy_of_run, started_workers):
    before = copy_of_run.folder.joinpath("results.json").read_text()
    run_stages(copy_of_run.open())
    assert set(started_workers) == QUESTIONS
    assert copy_of_run.folder.joinpath("results.json").read_text() == before


def test_one_evaluation_is_done_again_when_its_record_is_gone(copy_of_run, started_workers):
    copy_of_run.forget("evaluate-onnxruntime-cpu-int8")
    pipeline.accuracy(copy_of_run.open())
    assert started_workers == ["accuracy-evaluate-onnxruntime-cpu-int8-t1-b1-static-hist"]


def test_record_counts_as_gone_when_it_is_half_written(copy_of_run, started_workers):
    (path,) = copy_of_run.jobs("evaluate-onnxruntime-cpu-int8")
    path.write_text(path.read_text()[:40])
    pipeline.accuracy(copy_of_run.open())
    assert started_workers == ["accuracy-evaluate-onnxruntime-cpu-int8-t1-b1-static-hist"]


def test_latency_is_measured_against_the_baseline_when_only_int8_is_missing(copy_of_run, started_workers):
    (baseline,) = copy_of_run.jobs("onnxruntime-cpu-fp32")
    kept = baseline.read_text()
    copy_of_run.forget("onnxruntime-cpu-int8")
    pipeline.latency(copy_of_run.open())
    group = ["onnxruntime-cpu-fp32-t1-b1-fp32", "onnxruntime-cpu-fp32-t1-b1-fp32-control"]
    assert started_workers == [f"latency-{name}" for name in [*group, "onnxruntime-cpu-int8-t1-b1-static-hist"]]
    assert baseline.read_text() == kept


def test_models_are_made_again_when_their_folder_was_removed(copy_of_run, started_workers):
    before = {record["name"]: record["value"]["digest"] for record in copy_of_run.jobs("import").values()}
    shutil.rmtree(copy_of_run.folder / "models")
    experiment = copy_of_run.open()
    pipeline.quantize(experiment)
    cells = pipeline.deploy(experiment)["cells"]
    done = set(started_workers) - QUESTIONS
    assert {name for name in done if "check" not in name} == {
        "quantize-import", "quantize-static-hist", "deploy-prepare-onnxruntime-cpu-fp32",
        "deploy-prepare-onnxruntime-cpu-static-hist",
    }  # fmt: skip
    # PaddleSlim orders independent operators as it happens, so the INT8 model may have another digest, and new checks.
    assert not [name for name in done if "check" in name and "int8" not in name]
    assert {record["name"]: record["value"]["digest"] for record in copy_of_run.jobs("import").values()} == before
    made = {path.name for path in (copy_of_run.folder / "models").iterdir()}
    assert made >= {record["prepared"] for record in cells.values() if record["status"] == "ok"}


def test_accuracy_is_evaluated_again_when_its_outputs_were_removed(copy_of_run, started_workers):
    shutil.rmtree(copy_of_run.folder / "outputs")
    experiment = copy_of_run.open()
    pipeline.deploy(experiment)
    assert set(started_workers) - QUESTIONS == {"deploy-reference"}
    cells = pipeline.accuracy(experiment)["cells"]
    assert {record["status"] for record in cells.values()} == {"ok"}
    assert len([name for name in started_workers if "evaluate" in name]) == 4


def test_only_that_row_is_measured_again_when_one_is_named(copy_of_run, started_workers):
    before = {record["name"]: record["finished"] for record in copy_of_run.jobs().values()}
    experiment = copy_of_run.open(only="onnxruntime/cpu/int8/static")
    pipeline.accuracy(experiment)
    assert started_workers == ["accuracy-evaluate-onnxruntime-cpu-int8-t1-b1-static-hist"]
    pipeline.latency(experiment)
    after = {record["name"]: record["finished"] for record in copy_of_run.jobs().values()}
    changed = {name for name in after if after[name] != before.get(name)}
    row = "onnxruntime-cpu-int8-t1-b1-static-hist"
    assert changed <= {row, f"evaluate-{row}"}
    assert not [name for name in started_workers if "paddle" in name]


def test_everything_is_measured_again_when_fresh_is_asked_for(copy_of_run, started_workers):
    pipeline.accuracy(copy_of_run.open(fresh=True))
    assert len([name for name in started_workers if "evaluate" in name]) == 4
    assert len([name for name in started_workers if "drop" in name]) <= 2


def test_figures_of_another_library_are_not_reused_when_its_version_changes(copy_of_run, started_workers, monkeypatch):
    monkeypatch.setattr(BACKENDS["onnxruntime"], "version", lambda: "onnxruntime 99.0")
    pipeline.accuracy(copy_of_run.open())
    evaluated = [name for name in started_workers if "evaluate" in name]
    assert [name.split("-")[2] for name in evaluated] == ["onnxruntime", "onnxruntime"]


def test_figures_of_another_machine_are_not_reused_when_the_folder_was_moved(copy_of_run, monkeypatch):
    experiment = copy_of_run.open()
    cell = experiment.cells()[0]
    here = stages_module.deployment_identity(experiment, cell, "digest")
    elsewhere = type("Machine", (), {"machine_id": "another"})()
    monkeypatch.setattr(stages_module, "this_machine", lambda: elsewhere)
    assert stages_module.deployment_identity(experiment, cell, "digest") != here


def test_job_is_tried_again_when_it_failed_before(copy_of_run, started_workers):
    (path,) = copy_of_run.jobs("evaluate-onnxruntime-cpu-int8")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "crashed", "value": None}))
    state = pipeline.accuracy(copy_of_run.open())
    assert len(started_workers) == 1
    assert {record["status"] for record in state["cells"].values()} == {"ok"}


# Stages in order, one at a time


@pytest.mark.parametrize(
    ("stage", "first"),
    [("deploy", "quantize"), ("accuracy", "deploy"), ("latency", "deploy"), ("report", "quantize")],
)
def test_stage_names_the_one_to_run_first_when_it_has_not_run(write_recipe, tmp_path, started_workers, stage, first):
    recipe = write_recipe()
    experiment = pipeline.open_experiment(recipe, tmp_path / "run")
    with pytest.raises(InputError, match=f"stage {first} has not run; run `workbench {first} {recipe}` first"):
        getattr(pipeline, stage)(experiment)
    assert started_workers == []


def test_report_names_the_stage_to_run_first_when_one_in_the_middle_is_missing(copy_of_run):
    (copy_of_run.folder / "stages" / "accuracy.json").unlink()
    with pytest.raises(InputError, match="stage accuracy has not run"):
        pipeline.report(copy_of_run.open())


def test_stage_names_the_one_to_repeat_when_the_recipe_changed(copy_of_run, write_recipe):
    recipe = write_recipe(quantize=[{"method": "static", "algo": "avg"}])
    assert recipe == copy_of_run.recipe
    with pytest.raises(
        InputError, match=f"the recipe changed since stage quantize; run `workbench quantize {recipe}` again"
    ):
        pipeline.deploy(copy_of_run.open())


def test_finished_stages_stay_good_when_only_the_measurement_changes(copy_of_run, write_recipe, started_workers):
    write_recipe(measure={"bootstrap": 30})
    pipeline.accuracy(copy_of_run.open())
    assert [name for name in started_workers if "drop" not in name] == []


def test_stage_refuses_the_folder_when_another_process_works_in_it(copy_of_run, started_workers):
    experiment = copy_of_run.open()
    with copy_of_run.open().run.lock("stage"), pytest.raises(BusyError, match=r"is in use by process \d+; wait for it"):
        pipeline.accuracy(experiment)
    assert started_workers == []


# What does not count, and what is a problem


def test_int8_rows_do_not_count_when_fp32_is_not_what_paddle_computes(copy_of_run):
    (folder,) = (copy_of_run.folder / "outputs").glob("reference-*")
    for path in folder.glob("*.npz"):
        with np.load(path) as arrays:
            shifted = {name: value + 0.25 for name, value in arrays.items()}
        np.savez(path, **shifted)
    copy_of_run.forget("check-onnxruntime-cpu-fp32")
    experiment = copy_of_run.open()
    run_stages(experiment, first=1)
    found = problems(experiment, Stage.DEPLOY)
    assert len(found) == 2
    assert "FP32 outputs differ from Paddle's: cosine 0." in found[0]
    assert "so this row would not count" in found[1]
    rows = {(row.backend, row.precision): row for row in read_records(copy_of_run.folder)}
    for precision in (Precision.FP32, Precision.INT8):
        row = rows["onnxruntime", precision]
        assert row.status is Status.FAILED
        assert row.latency_mean_ms is None
        assert row.metric_value is None
        assert rows["paddle_inference", precision].status is Status.OK


def test_cells_say_why_when_the_backend_cannot_run_them(copy_of_run, write_recipe):
    write_recipe(
        deploy=[
            {"backend": "onnxruntime", "precision": ["bf16"]},
            {"backend": "paddle_inference", "precision": "int8", "pinned": [False, True]},
            {"backend": "openvino", "device": "gpu", "precision": "int8"},
        ]
    )
    experiment = copy_of_run.open()
    cells = pipeline.deploy(experiment)["cells"]
    said = {key: (record["status"], record["reason"]) for key, record in cells.items()}
    assert said["onnxruntime-cpu-bf16-t1-b1-fp32"] == ("unsupported", "ONNX Runtime has no bf16 on cpu")
    pinned = said["paddle_inference-cpu-int8-t1-b1-pinned-static-hist"]
    assert pinned == ("unsupported", "pinned memory is for copies to a GPU")
    assert said["openvino-gpu-int8-t1-b1-static-hist"] == ("unsupported", "OpenVINO has no int8 on gpu")
    assert said["onnxruntime-cpu-fp32-t1-b1-fp32"] == ("ok", "")
    assert problems(experiment, Stage.DEPLOY) == []


def test_batch_of_two_is_measured_when_the_model_takes_any(copy_of_run, write_recipe, started_workers):
    write_recipe(deploy=[{"backend": "onnxruntime", "precision": "int8", "batch": 2, "threads": 2}])
    run_stages(copy_of_run.open(), first=1)
    rows = [row for row in read_records(copy_of_run.folder) if row.scope is Scope.RUNTIME]
    assert [(row.status, row.batch, row.threads, row.input_shape) for row in rows] == [("ok", 2, 2, "2x3x16x16")] * 2
    for row in rows:
        assert row.throughput_per_s == pytest.approx(2 * 1000 / row.latency_mean_ms)
    assert not [name for name in started_workers if "prepare" in name]


def test_run_has_problems_when_a_required_deployment_is_not_ok(copy_of_run, write_recipe):
    deploy = [
        {"backend": "onnxruntime", "precision": ["fp32"], "required": True},
        {"backend": "tensorrt", "device": "gpu", "precision": ["int8"], "required": True},
    ]
    write_recipe(deploy=deploy)
    experiment = copy_of_run.open()
    run_stages(experiment, first=1)
    assert [line.split(":")[0] for line in problems(experiment, Stage.DEPLOY)] == [
        "tensorrt-gpu-fp32-t1-b1-fp32", "tensorrt-gpu-int8-t1-b1-static-hist",
    ]  # fmt: skip
    said = problems(experiment, Stage.REPORT)
    assert said
    assert all("tensorrt" in line for line in said)


def test_report_has_problems_when_an_expectation_is_not_met(copy_of_run, write_recipe):
    expect = [
        {"where": {"precision": "fp32", "device": "cpu"}, "column": "metric_value", "minimum": 20.0},
        {"where": {"precision": "int8", "device": "cpu"}, "column": "metric_value", "minimum": 100.5},
    ]
    write_recipe(expect=expect)
    experiment = copy_of_run.open()
    state = pipeline.report(experiment)
    assert [verdict["status"] for verdict in state["verdicts"]] == ["passed", "failed"]
    (line,) = problems(experiment, Stage.REPORT)
    assert "is below 100.5" in line
    with pytest.raises(pipeline.VerdictFailed, match=r"is below 100\.5"):
        pipeline.conclude(experiment, "report")
    result = json.loads((copy_of_run.folder / "notebooks" / "report.result.json").read_text())
    assert result["verdict"] == "failed"
    assert result["reasons"] == [line]


def test_conclude_writes_a_passed_verdict_when_nothing_is_wrong(copy_of_run):
    result = pipeline.conclude(copy_of_run.open(), "latency")
    assert result["verdict"] == "passed"
    written = json.loads((copy_of_run.folder / "notebooks" / "latency.result.json").read_text())
    assert written == json.loads(json.dumps(result))
