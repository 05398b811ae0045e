"""Training in two processes: the same steps as in one, the same answers when something is wrong, and no process left behind."""

import json

import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.models.model import Model
from workbench.tasks.loader import task_spec

TRAIN = {"iterations": 8, "batch_size": 8, "learning_rate": 0.01, "optimizer": "momentum"}
JOB = "workbench.quant.training.jobs:train_job"


@pytest.fixture(scope="module")
def trainable(tmp_path_factory, tiny_models, run_native):
    """The tiny network with its batch normalizations; the one of `imported` has them folded."""
    models, source = tmp_path_factory.mktemp("trainable"), {"path": tiny_models / "tiny"}
    outcome = run_native("workbench.models.importers:import_job", source=source, models=models, keep_batch_norms=True)
    return Model.open(models / outcome.value["digest"], verify=True)


@pytest.fixture
def train(trainable, tiny_task_file, run_native, tmp_path):
    def run(method, *, model=trainable, fault=None, train=(), task=(), folder=tmp_path, **options):
        given = {"calibration_images": 8, "search_images": 16, "training_images": 32} | dict(task)
        spec = task_spec(TaskSource(file=tiny_task_file, options=given), folder)
        written = folder / "fault.json"
        written.write_text(json.dumps({"part": "training"} | fault)) if fault else written.unlink(missing_ok=True)
        return run_native(
            JOB, model=model.folder, task=spec, options={"train": TRAIN | dict(train), **options}, method=method,
            variant="", kept=folder / "kept.npz", models=folder / "models",
        )  # fmt: skip

    return run


def losses(outcome):
    assert outcome.status == "ok", outcome.reason
    return outcome.value["training"]["losses"]


def test_two_processes_take_the_steps_of_one_when_nothing_depends_on_the_batch(train, imported):
    folded = {"model": imported["tiny"], "prune": {"ratios": {"conv2d_2.w_0": 0.5}}}
    alone = losses(train("prune", **folded))
    together = losses(train("prune", **folded, train={"processes": 2}))
    assert len(set(alone)) == len(alone)
    assert together == pytest.approx(alone, rel=1e-4)


def test_two_processes_make_an_int8_model_when_they_learn_to_round(train, tmp_path):
    outcome = train("pact", train={"processes": 2})
    assert len(losses(outcome)) == TRAIN["iterations"]
    model = Model.open(tmp_path / "models" / outcome.value["digest"], verify=True)
    assert model.manifest.precision == "int8"
    assert {found.source for found in model.manifest.scales.activations.values()} >= {"trained"}


def test_two_processes_go_on_where_they_stopped_when_one_was_killed(train, tmp_path):
    options = {"processes": 2, "checkpoint_iterations": 3}
    whole = losses(train("qat", train=options, folder=(made := tmp_path / "whole", made.mkdir())[0]))
    stopped = train("qat", train=options, fault={"kind": "kill", "after": 5 * 4})
    assert stopped.status == "failed"
    assert "training in 2 processes" in stopped.reason
    resumed = train("qat", train=options)
    assert losses(resumed) == pytest.approx(whole, rel=1e-4)
    assert resumed.value["training"]["resumed_from"] == 3


def test_two_processes_fail_in_one_line_when_training_diverges(train):
    outcome = train("qat", train={"processes": 2, "learning_rate": 1e30, "schedule": "constant"})
    assert outcome.status == "failed"
    assert "the loss is no number" in outcome.reason
    assert "\n" not in outcome.reason


def test_two_processes_refuse_what_one_refuses_when_the_input_is_wrong(train):
    with pytest.raises(InputError, match="search set is empty"):
        train("qat", train={"processes": 2, "evaluate_iterations": 3}, task={"search_images": 0})
