"""The NanoDet example through all stages: a user's own ONNX model, data, pre- and post-processing and metric."""

import os
from pathlib import Path

import pytest
import yaml

from workbench import pipeline
from workbench.records import Precision, Record, Status, read_records

REPOSITORY = Path(__file__).parents[2]
RECIPE = REPOSITORY / "examples" / "nanodet" / "recipe.yaml"
DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data"))
QUICK = {
    "warmup": 2,
    "repeats": 4,
    "rounds": 2,
    "block_runs": 2,
    "block_seconds": 0,
    "discard_runs": 1,
    "bootstrap": 20,
}

# What FP32 reaches on all images, test_nanodet_task.py sees in every change, on one runtime.
ALL = pytest.param(64, marks=pytest.mark.slow)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no check data at {DATA}; WORKBENCH_CHECK_DATA names another folder"
)


@pytest.fixture(scope="module", params=[8, ALL])
def rows(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Rows of a run with so many evaluation images, little calibration and little timing."""
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe["model"]["path"] = str(DATA / "models" / "nanodet_m.onnx")
    recipe["task"] = {
        "file": str(RECIPE.parent / "task.py"),
        "options": {"data": str(DATA / "coco"), "calibration_images": 4, "evaluation_images": request.param},
    }
    recipe["quantize"] = [{"method": "static", "algo": "avg"}]
    recipe["measure"] = QUICK
    for deployment in recipe["deploy"]:  # not every CPU has BF16
        deployment["precision"] = ["fp32", "int8"]
    file = tmp_path_factory.mktemp("nanodet") / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    experiment = pipeline.open_experiment(file, file.parent / "run")
    for stage in (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report):
        stage(experiment)
    return read_records(experiment.run.path)


def test_run_gives_only_ok_rows_when_the_model_is_the_users_own(rows: list[Record]) -> None:
    assert {(row.backend, row.precision) for row in rows} == {
        (backend, precision)
        for backend in ("paddle_inference", "onnxruntime", "openvino")
        for precision in (Precision.FP32, Precision.INT8)
    }
    assert {row.status for row in rows} == {Status.OK}, [row.reason for row in rows]


@pytest.mark.parametrize("rows", [ALL], indirect=True)
def test_run_reaches_the_published_map_when_precision_is_fp32(rows: list[Record]) -> None:
    for row in rows:
        if row.precision is Precision.FP32:
            assert row.metric_value == pytest.approx(28.94, abs=0.3), row.backend


def test_run_tells_the_drop_with_its_interval_when_precision_is_int8(rows: list[Record]) -> None:
    for row in rows:
        if row.precision is Precision.INT8:
            assert row.drop_low is not None
            assert row.drop_high is not None
            assert row.drop_low <= row.drop_high
            assert row.metric_drop == pytest.approx(row.metric_fp32 - row.metric_value)
            assert row.sqnr_db is not None
