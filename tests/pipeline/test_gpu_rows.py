"""From a recipe to rows on a fake GPU (assets/fake_gpu): what the GPU or the plan refuses is a status and one line in its row."""

import json
from importlib.util import find_spec

import pytest
import yaml

from workbench import pipeline
from workbench.records import Status, read_metrics, read_records

pytestmark = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
# Enough for a few images of 3 kB, not for 64.
MEMORY = {"free": 100_000}
OTHER_GPU = {"compute_cap": "8.9"}
SHAPES = {"image": [[1, 3, 16, 16], [1, 3, 16, 16], [2, 3, 16, 16]]}


def on_gpu(*precisions, **deployment):
    return {"backend": "tensorrt", "device": "gpu", "precision": list(precisions)} | deployment


@pytest.fixture(scope="module")
def run(finished_run, fake_gpu, tmp_path_factory):
    """The stages after quantizing once more, with other deployments, on a GPU in whose place there is another one after the first."""
    moved = finished_run.moved_to(tmp_path_factory.mktemp("gpu-rows") / "run")
    recipe = yaml.safe_load(moved.recipe.read_text())
    recipe["deploy"] = [
        on_gpu("fp32", "int8", pinned=True),
        on_gpu("fp32", batch=4, shapes=SHAPES),
        on_gpu("fp32", batch=64),
    ]
    recipe["measure"] |= {"scopes": ["runtime"]}
    file = moved.folder.parent / "gpu.yaml"
    file.write_text(yaml.safe_dump(recipe))
    with pytest.MonkeyPatch.context() as patch:
        folder = fake_gpu(patch, **MEMORY)
        experiment = pipeline.open_experiment(file, moved.folder)
        pipeline.deploy(experiment)
        (folder / "gpu.json").write_text(json.dumps(MEMORY | OTHER_GPU))
        for stage in (pipeline.accuracy, pipeline.latency, pipeline.report):
            stage(experiment)
    return moved


@pytest.fixture
def rows(run):
    return {(row.precision, row.pinned, row.batch): row for row in read_records(run.folder)}


def test_every_row_has_a_status_and_one_line_when_some_could_not_run(rows):
    assert {key: row.status for key, row in rows.items()} == {
        ("fp32", False, 1): Status.OK, ("int8", True, 1): Status.OK,
        ("fp32", False, 4): Status.UNSUPPORTED, ("fp32", False, 64): Status.FAILED,
    }  # fmt: skip
    assert all("\n" not in row.reason for row in rows.values())


def test_row_is_measured_when_a_plan_of_another_gpu_was_found_and_built_again(run, rows):
    for row in (rows["fp32", False, 1], rows["int8", True, 1]):
        assert row.latency_p50_ms
        assert row.metric_value is not None
        assert row.build_s
    parts = {"host_to_device_ms", "inference_ms", "device_to_host_ms"}
    assert {metric.name for metric in read_metrics(run.folder)} >= parts
    logs = "".join(path.read_text() for path in (run.folder / "logs").glob("*.log"))
    assert "the kept plan is built again" in logs
    assert "expecting compute 8.9 got compute 8.6, please rebuild." in logs


def test_row_is_unsupported_with_the_bounds_when_a_batch_is_outside_the_profile(rows):
    assert "batch 4 is not from 1 to 2, the profile's bounds" in rows["fp32", False, 4].reason


def test_row_is_failed_with_what_is_free_when_memory_runs_out(rows):
    row = rows["fp32", False, 64]
    assert "out of GPU memory: 0.2 MB more asked for, 0.0 of 16.0 GB free; lower the batch" in row.reason
    assert row.latency_mean_ms is None
