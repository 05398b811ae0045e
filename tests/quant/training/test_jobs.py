"""Training of a tiny network by every method: what comes out, what is refused, and that the float model stays as it was."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from workbench.experiment import TaskSource
from workbench.models.model import Model
from workbench.tasks.loader import task_spec

FIRST_CONV = "conv2d_0.w_0"
TRAIN = {"iterations": 12, "batch_size": 8, "learning_rate": 0.01, "optimizer": "momentum"}
METHODS = ("qat", "pact", "distill", "distill_only", "prune", "distill_prune", "prune_qat")
WIDE_FILTERS = {"conv2d_3.w_0": 64, "conv2d_5.w_0": 128}
WITHOUT_GPU = pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
INTEGER = {"qat", "pact", "distill", "prune_qat"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="module")
def trainable(tmp_path_factory, tiny_models, run_native):
    """The tiny network as methods that train take it: with its batch normalizations."""
    models = tmp_path_factory.mktemp("trainable")
    source = {"path": tiny_models / "tiny"}
    outcome = run_native("workbench.models.importers:import_job", source=source, models=models, keep_batch_norms=True)
    assert outcome.status == "ok", outcome.reason
    return Model.open(models / outcome.value["digest"], verify=True)


@pytest.fixture(scope="module")
def finished(imported, trainable, tiny_task_file, folder, run_native, tmp_path_factory, tiny_models):
    """What became of each case, by name."""

    def case(method, *, model=trainable, train=(), task=(), fault=None, **options):
        given = {"calibration_images": 8, "search_images": 16, "training_images": 32} | dict(task)
        spec = task_spec(TaskSource(file=tiny_task_file, options=given), tmp_path_factory.mktemp("task"))
        if fault:
            Path(spec["folder"], "fault.json").write_text(json.dumps({"part": "training"} | fault))
        return {
            "method": method,
            "model": str(model.folder),
            "task": spec,
            "options": {"train": TRAIN | dict(train), **options},
        }

    teacher = {"teacher": str(tiny_models / "tiny")}
    cases = {method: case(method) for method in METHODS if method != "distill_only"}
    cases |= {
        "distill_only": case("distill_only", distill=teacher),
        "again": case("qat"),
        "still": case("prune", prune={"ratios": {"conv2d_2.w_0": 0.01}}, train={"learning_rate": 1e-30}),
        "other_seed": case("qat", train={"seed": 1}),
        "taught": case("qat", distill={"loss": "soft_label", "temperature": 2.0}),
        "clipped": case("distill", quantize={"pact": True}),
        "nodes": case("distill", distill={"nodes": ["relu_0.tmp_0"]}),
        "unlabelled": case("distill", task={"training_images": 0}),
        "skip": case("qat", quantize={"skip_tensors": [FIRST_CONV]}),
        "early": case("qat", train={"evaluate_iterations": 3, "target_metric": 1.0}),
        "sensitive": case("prune", prune={"flops": 0.4, "sensitivity": True}),
        "wide": case("prune", model=imported["wide"], prune={"flops": 0.4}, train={"iterations": 1}),
        "fpgm": case("prune", prune={"criterion": "fpgm", "flops": 0.4}),
        "ratios": case("prune", prune={"ratios": {"conv2d_2.w_0": 0.5}}),
        "stopped": case("qat", train={"checkpoint_iterations": 5}, fault={"kind": "raise", "after": 8 + 7 * 8}),
        "wild": case("qat", train={"learning_rate": 1e30, "schedule": "constant"}),
        "no_gpu": case("qat", train={"device": "gpu"}),
        "no_labels": case("qat", task={"labelled": False}),
        "no_training": case("qat", task={"training_images": 0}),
        "no_search": case("qat", train={"evaluate_iterations": 3}, task={"search_images": 0}),
        "no_calibration": case("qat", task={"calibration_images": 0}),
        "no_node": case("distill", distill={"nodes": ["no_such_tensor"]}),
        "no_tensor": case("qat", quantize={"skip_tensors": ["no_such_tensor"]}),
        "no_weight": case("prune", prune={"ratios": {"linear_0.w_0": 0.5}}),
        "no_teacher": case("distill", distill={"teacher": "no/such/model"}),
        "deeper": case("distill_only", distill={"teacher": str(tiny_models / "deep")}),
        "two_outputs": case("distill", distill={"teacher": str(tiny_models / "two_heads")}),
        "other_inputs": case("distill", distill={"teacher": str(tiny_models / "segmenter")}),
        "plain": case("prune", model=imported["plain"], task={"labelled": True}),
        "regions": case("prune", model=imported["regions"]),
        "residual": case("distill", model=imported["residual"]),
        "residual_qat": case("qat", model=imported["residual"], distill={}),
    }
    before = contents(trainable)
    outcome = run_native("train_many", cases=cases, models=folder)
    assert outcome.status == "ok", outcome.reason
    assert contents(trainable) == before
    return outcome.value


def contents(model):
    return {path.name: path.read_bytes() for path in model.folder.iterdir()}


def made(finished, folder, name):
    assert not finished[name]["reason"], finished[name]["reason"]
    return Model.open(folder / finished[name]["value"], verify=True)


def told(folder, name):
    return json.loads((folder / f"{name}.json").read_text())["training"]


@pytest.mark.parametrize("method", METHODS)
def test_trained_model_is_of_its_method_when_done(finished, folder, trainable, method):
    model = made(finished, folder, method)
    assert model.manifest.method == method
    assert model.manifest.parent == trainable.digest
    assert model.manifest.precision == ("int8" if method in INTEGER else "fp32")
    assert told(folder, method)["iterations"] == len(told(folder, method)["losses"]) == 12
    assert not (folder / f"{method}.npz").exists()


@pytest.mark.parametrize("method", sorted(INTEGER))
def test_int8_model_has_learned_ranges_and_a_twin_when_trained_to_round(finished, folder, method):
    model = made(finished, folder, method)
    sources = {name: found.source for name, found in model.manifest.scales.activations.items()}
    assert sources["image"] == "trained"
    assert "recalibrated" not in sources.values()
    assert model.float_twin.manifest.method == method
    assert model.float_twin.digest != model.manifest.parent
    assert len(model.manifest.scales.weights) == 4


def test_batch_norms_are_folded_when_they_have_trained(finished, folder, trainable, imported):
    rewrites = trainable.manifest.facts["clean_up"]["applied"]
    for method in ("qat", "distill_only"):
        model = made(finished, folder, method)
        facts = model.float_twin.manifest.facts if method in INTEGER else model.manifest.facts
        assert facts["clean_up"]["applied"] == rewrites | {"fold_batch_norm": 2}
        assert facts["params_m"] == imported["tiny"].manifest.facts["params_m"] < trainable.manifest.facts["params_m"]


def test_batch_norms_follow_the_batches_when_weights_stand_still(finished, folder, imported, run_native, tmp_path):
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, image=np.random.default_rng(5).uniform(-1, 1, (8, 3, 16, 16)).astype(np.float32))
    model = made(finished, folder, "still")
    assert (
        model.manifest.facts["params_m"] == imported["tiny"].manifest.facts["params_m"]
    )  # no filter is that small a share
    models = {"before": imported["tiny"].folder, "after": model.folder}
    outputs = run_native("run_paddle", models=models, inputs=inputs).value
    difference = np.abs(np.array(outputs["before"][0]) - np.array(outputs["after"][0])).max()
    assert 1e-4 < difference < 0.5


def test_calibration_leaves_out_what_batch_norms_keep_for_gradients_when_not_folded(
    trainable, tiny_task_file, run_native, tmp_path
):
    spec = task_spec(TaskSource(file=tiny_task_file, options={"calibration_images": 4}), tmp_path)
    case = {"model": str(trainable.folder), "task": spec, "options": {"algo": "abs_max"}}
    outcome = run_native("quantize_many", cases={"unfolded": case}, models=tmp_path)
    model = Model.open(tmp_path / outcome.value["unfolded"]["value"])
    ranges = model.manifest.scales.activations
    assert all(0 < found.absmax < 100 for found in ranges.values())
    assert len([name for name in ranges if name.startswith("batch_norm")]) == 2


def test_training_is_the_same_when_done_again_and_another_with_another_seed(finished, folder):
    first, again, other = (told(folder, name)["last_loss"] for name in ("qat", "again", "other_seed"))
    assert first == again
    assert first != other


def test_loss_falls_when_trained_from_labels(finished, folder):
    for method in ("qat", "pact", "prune", "prune_qat"):
        found = told(folder, method)
        assert found["last_loss"] < found["first_loss"], method


def test_teacher_changes_what_is_learned_when_there_is_one_too(finished, folder):
    assert told(folder, "taught")["first_loss"] > told(folder, "qat")["first_loss"]


def test_teacher_of_another_shape_teaches_when_its_tensors_have_other_names(finished, folder):
    assert made(finished, folder, "deeper").manifest.method == "distill_only"
    assert told(folder, "deeper")["last_loss"] < told(folder, "deeper")["first_loss"]


def test_student_learns_where_to_clip_when_a_teacher_reads_the_same_inputs(finished, folder):
    assert made(finished, folder, "clipped").manifest.options["quantize"]["pact"] is True
    assert told(folder, "clipped")["last_loss"] != told(folder, "distill")["last_loss"]


def test_training_writes_into_no_tensor_of_the_network_when_that_has_a_sum(finished, folder):
    for name, method in (("residual", "distill"), ("residual_qat", "qat")):
        assert made(finished, folder, name).manifest.method == method
    # A student that is its teacher but for the rounding.
    assert told(folder, "residual")["first_loss"] < 0.01


def test_pruned_model_has_fewer_flops_and_its_ratios_when_done(finished, folder, imported):
    before = imported["tiny"].manifest.facts
    for name, goal in (("prune", 0.3), ("sensitive", 0.4), ("fpgm", 0.4)):
        facts = made(finished, folder, name).manifest.facts
        assert facts["pruned_flops"] == pytest.approx(goal, abs=0.06), name  # filters of a tiny network are few
        assert facts["params_m"] < before["params_m"]
        assert made(finished, folder, name).size_mb < imported["tiny"].size_mb
    assert made(finished, folder, "ratios").manifest.facts["pruned_ratios"] == {"conv2d_2.w_0": 0.5}


def test_filters_left_are_a_multiple_of_eight_when_the_goal_allows(finished, folder):
    facts = made(finished, folder, "wide").manifest.facts
    assert facts["pruned_flops"] == pytest.approx(0.4, abs=0.02)
    assert facts["pruned_ratios"].keys() <= WIDE_FILTERS.keys()
    left = [width * (1 - facts["pruned_ratios"].get(name, 0.0)) for name, width in WIDE_FILTERS.items()]
    assert all(round(number, 1) % 8 == 0 for number in left)
    assert sum(left) < sum(WIDE_FILTERS.values())


def test_layer_stays_in_float_when_its_tensor_is_skipped(finished, folder):
    scales = made(finished, folder, "skip").manifest.scales
    assert FIRST_CONV not in scales.weights
    assert scales.kept_in_float == {"all": {FIRST_CONV: "skip_tensors of the recipe"}}


def test_training_ends_early_when_the_target_is_met(finished, folder):
    found = told(folder, "early")
    assert found["iterations"] == 3
    assert found["metric"] >= 1.0


def test_calibration_samples_teach_when_there_are_no_others(finished, folder):
    assert made(finished, folder, "unlabelled").manifest.method == "distill"
    assert made(finished, folder, "nodes").manifest.method == "distill"


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("wild", "FloatingPointError", "lower train.learning_rate, now 1e+30"),
        pytest.param("no_gpu", "InputError", "train.device = gpu: Paddle sees no GPU", marks=WITHOUT_GPU),
        ("no_labels", "InputError", "it has no `labels` and `loss`"),
        ("no_training", "InputError", "its training set is empty"),
        ("no_search", "InputError", "the task's search set is empty"),
        ("no_calibration", "InputError", "its calibration set is empty"),
        ("no_node", "InputError", "distill.nodes: the network has no tensor 'no_such_tensor'"),
        ("no_tensor", "InputError", "skip_tensors: the network has no tensor 'no_such_tensor'"),
        ("no_weight", "InputError", "prune.ratios: 'linear_0.w_0' is no weight of a convolution"),
        ("no_teacher", "InputError", "no such file or folder"),
        ("two_outputs", "InputError", "teacher: it has 2 outputs, the model has 1"),
        ("other_inputs", "InputError", "teacher: its inputs are x, the model's are image"),
        ("plain", "UnsupportedError", "no convolution of it can lose filters"),
        ("regions", "UnsupportedError", "pruning a network of the R-CNN family is not sound: roi_align"),
    ],
)
def test_training_is_refused_in_one_line_when_the_input_is_wrong(finished, name, error, said):
    assert finished[name]["error"] == error
    assert said in finished[name]["reason"]
    assert "\n" not in finished[name]["reason"]


def test_training_takes_up_where_it_stopped_when_killed(
    finished, folder, trainable, tiny_task_file, run_native, tmp_path
):
    spec = task_spec(
        TaskSource(file=tiny_task_file, options={"calibration_images": 8, "search_images": 16, "training_images": 32}), tmp_path
    )  # fmt: skip
    fault = tmp_path / "fault.json"
    fault.write_text(json.dumps({"part": "training", "kind": "kill", "after": 8 + 7 * 8}))
    arguments = {
        "model": trainable.folder, "task": spec, "options": {"train": TRAIN | {"checkpoint_iterations": 5}},
        "method": "qat", "variant": "killed", "kept": tmp_path / "kept.npz", "models": tmp_path / "models",
    }  # fmt: skip
    killed = run_native("workbench.quant.training.jobs:train_job", **arguments)
    assert killed.status == "crashed"
    assert (tmp_path / "kept.npz").is_file()
    fault.unlink()
    finally_done = run_native("workbench.quant.training.jobs:train_job", **arguments)
    assert finally_done.status == "ok", finally_done.reason
    assert finally_done.value["training"]["resumed_from"] == 5
    assert finally_done.value["training"]["losses"] == pytest.approx(told(folder, "qat")["losses"], rel=1e-5)


def test_int8_model_computes_what_the_twin_does_when_run_by_paddle(finished, folder, run_native, tmp_path):
    inputs = tmp_path / "inputs.npz"
    np.savez(inputs, image=np.random.default_rng(5).uniform(-1, 1, (8, 3, 16, 16)).astype(np.float32))
    models = {method: made(finished, folder, method) for method in sorted(INTEGER)}
    folders = {name: model.folder for name, model in models.items()}
    folders |= {f"{name}/twin": model.float_twin.folder for name, model in models.items()}
    outcome = run_native("run_paddle", models=folders, inputs=inputs)
    assert outcome.status == "ok", outcome.reason
    for name in models:
        twin, rounded = (np.array(outcome.value[key][0]) for key in (f"{name}/twin", name))
        noise = ((twin - rounded) ** 2).sum()
        assert 0 < noise < 0.01 * (twin**2).sum(), name
