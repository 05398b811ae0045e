"""How far a run is, from what is in its folder: whatever is there, and whatever is not."""

import json

import pytest

from workbench.background_run import BackgroundRun
from workbench.pipeline.progress import Bar, progress_file
from workbench.pipeline.run_progress import run_progress
from workbench.run_folder import RunFolder


@pytest.fixture
def started(tmp_path):
    """A run whose log holds these lines, in a folder that is empty but for it."""

    def build(log, folder=tmp_path / "run"):
        RunFolder.create(folder)
        run = BackgroundRun(folder, "tiny.yaml", 1, 0.0, "2026-01-01T00:00:00+00:00")
        run.log.write_text(log)
        return run

    return build


def test_progress_is_starting_when_nothing_was_said(started):
    progress = run_progress(started(""))
    assert (progress.text, progress.share, progress.job, progress.lines) == ("starting", 0.0, "", ())


def test_progress_is_the_last_line_when_a_suite_runs(started):
    assert run_progress(started("1/20 resnet50: done (12 s)\n")).text == "1/20 resnet50: done (12 s)"


def test_progress_names_the_stage_alone_when_its_jobs_are_not_known(started):
    progress = run_progress(started("00_machine ...\n01_quantize ...\n"))
    assert (progress.text, progress.total) == ("stage 2 of 6: quantize", 0)
    assert progress.share == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("stage", "name", "total"),
    [("quantize", "01_quantize", 2), ("accuracy", "03_accuracy", 4), ("latency", "04_latency", 4)],
)
def test_progress_counts_jobs_when_a_stage_is_done(copy_of_run, started, stage, name, total):
    run = started(f"{name} ...\n", copy_of_run.folder)
    progress = run_progress(run)
    assert (progress.stage, progress.done, progress.total) == (stage, total, total)


def test_progress_leaves_out_what_cannot_run_here_when_models_are_deployed(copy_of_run, started):
    copy_of_run.forget("check-onnxruntime")
    progress = run_progress(started("02_deploy ...\n", copy_of_run.folder))
    assert (progress.done, progress.total) == (2, 4)  # of the six, two are TensorRT's


def test_progress_is_told_when_a_job_file_is_half_written(copy_of_run, started):
    next(iter(copy_of_run.jobs("import"))).write_text('{"name": ')
    progress = run_progress(started("01_quantize ...\n", copy_of_run.folder))
    assert (progress.done, progress.total) == (1, 2)


def test_progress_counts_the_iterations_of_a_training_when_it_tells_them(copy_of_run, started):
    copy_of_run.forget("static-hist")
    run = started("01_quantize ...\n", copy_of_run.folder)
    log = run.folder / "logs" / "quantize-static-hist.log"
    log.with_suffix(".job.json").write_text("{}")
    with Bar("static-hist", log=log) as bar:
        bar(30, 120, "loss 0.3100")
        progress = run_progress(run)
        assert (progress.step.text, progress.done, progress.total) == ("loss 0.3100, 30 of 120", 1, 2)
        assert progress.share == pytest.approx((1 + 1.25 / 2) / 6)
        progress_file(log).write_text("{")
        assert run_progress(run).step is None
    assert not progress_file(log).exists()


def test_progress_shows_the_last_jobs_lines_when_it_has_some(started):
    run = started("01_quantize ...\n")
    (run.folder / "logs" / "quantize-static-v1.5.job.json").write_text(json.dumps({}))
    (run.folder / "logs" / "quantize-static-v1.5.log").write_text("\n 10%|\r 50%|\rdone\n\n")
    progress = run_progress(run)
    assert (progress.job, progress.job_lines) == ("quantize-static-v1.5", ("done",))
