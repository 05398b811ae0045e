"""The accuracy-aware search of stage `quantize` on the tiny network, and the ranking of its tensors."""

import json
import shutil

import pytest

from workbench import pipeline
from workbench.errors import InputError
from workbench.models.model import Model
from workbench.models.scales import Scheme
from workbench.pipeline.opening import open_experiment
from workbench.pipeline.report import problems
from workbench.pipeline.stages import Stage

DEPLOY = [
    {"backend": "onnxruntime", "precision": ["fp32", "int8"]},
    {"backend": "tensorrt", "device": "gpu", "precision": ["fp32", "int8"]},
]
EASY = {"max_drop": 100.0}
# No set in float reaches so little noise.
IMPOSSIBLE = {"max_drop": 0.0, "min_sqnr_db": 190.0, "max_evaluations": 3, "images": 8, "sensitivity_images": 1}


def entry(accuracy, variant):
    return {"method": "static", "algo": "avg", "variant": variant, "accuracy": accuracy}


@pytest.fixture(scope="module")
def tiny_recipe(tmp_path_factory, tiny_paddle, tiny_task_file):
    """A function that writes a recipe with other accuracy targets and gives its experiment, with what another one has made."""

    def make(*entries, search_images=12, models_of=None):
        folder = tmp_path_factory.mktemp("search")
        if models_of is not None:
            shutil.copytree(models_of.run.path, folder / "run")
        data = {
            "schema_version": 1,
            "name": "tiny",
            "model": {"path": str(tiny_paddle)},
            "task": {"file": str(tiny_task_file), "options": {"search_images": search_images}},
            "quantize": list(entries),
            "deploy": DEPLOY,
            "measure": {"warmup": 1, "block_runs": 2, "block_seconds": 0.0, "rounds": 2, "timeout_s": 120},
        }
        (folder / "tiny.yaml").write_text(json.dumps(data))
        return open_experiment(folder / "tiny.yaml", folder / "run")

    return make


@pytest.fixture(scope="module")
def searched(tiny_recipe):
    """An experiment with one target that the recipe's own meets, and one that nothing does; its state, and the trials."""
    experiment = tiny_recipe(entry(EASY, "easy"), entry(IMPOSSIBLE, "impossible"))
    state = pipeline.quantize(experiment)
    found = {
        key.removeprefix("static-"): json.loads((experiment.run.path / model["search"]).read_text())
        for key, model in state["models"].items()
        if "search" in model
    }
    return experiment, state, found


def test_search_tries_nothing_else_when_the_recipes_own_is_within_the_target(searched):
    _, _, found = searched
    (one,) = found["easy"]["backends"].values()
    assert one["reached"]
    assert [trial["candidate"] for trial in one["trials"]] == [{"algorithm": "avg", "in_float": []}]
    assert one["samples"] == 12
    assert one["in_float"] == {}
    assert one["price"] is None


def test_search_tells_the_best_found_when_the_target_cannot_be_met(searched):
    experiment, state, found = searched
    one = found["impossible"]["backends"]["onnxruntime"]
    assert not one["reached"]
    assert one["ended"] == "the budget of 3 evaluations is used up"
    assert [trial["why"] for trial in one["trials"]] == ["the recipe's own", "more in float", "another algorithm"]
    assert len({json.dumps(trial["candidate"]) for trial in one["trials"]}) == 3
    assert one["samples"] == 8
    assert one["ranked"]["part"] == "search"
    assert state["models"]["static-impossible"]["status"] == "ok"
    assert problems(experiment, Stage.QUANTIZE) == []


def test_chosen_model_carries_what_stays_in_float_with_why_when_the_search_ends(searched):
    experiment, state, found = searched
    for name in ("easy", "impossible"):
        model = Model.open(experiment.run.models / state["models"][f"static-{name}"]["digest"])
        expected = {backend: one["in_float"] for backend, one in found[name]["backends"].items()}
        assert model.manifest.scales.kept_in_float == expected
        assert all("dB alone" in why for kept in expected.values() for why in kept.values())


def test_search_tells_where_it_was_not_done_when_a_backend_is_not_here(searched):
    _, _, found = searched
    assert found["easy"]["not_searched"].keys() == {"tensorrt"}
    assert found["easy"]["not_searched"]["tensorrt"]


def test_search_leaves_no_rejected_models_when_it_ends(searched):
    experiment, state, _ = searched
    kept = {path.name for path in experiment.run.models.iterdir()}
    assert {model["digest"] for model in state["models"].values()} <= kept
    assert len(kept) <= 2 * len(state["models"]) + 1


def test_search_is_not_done_again_when_nothing_changed(searched, started_workers):
    experiment, state, _ = searched
    again = pipeline.quantize(experiment)
    assert again["models"] == state["models"]
    assert not [name for name in started_workers if "search" in name or "sensitivity" in name]


def test_sensitivity_ranks_every_tensor_when_a_model_is_named(searched):
    experiment, _, _ = searched
    found = pipeline.sensitivity(experiment, "static-easy", scheme=Scheme.ASYMMETRIC, samples=3)
    assert [row["sqnr_db"] for row in found["rows"]] == sorted(row["sqnr_db"] for row in found["rows"])
    assert {row["kind"] for row in found["rows"]} == {"activation", "weight"}
    assert found["without_range"] == []
    assert len(found["layers"]) == 4
    assert found["sqnr_db"] <= min(row["sqnr_db"] for row in found["rows"]) + 1.0
    kept = experiment.run.path / "sensitivity" / "static-easy-asymmetric.json"
    assert json.loads(kept.read_text())["order"] == found["order"]


def test_sensitivity_lists_the_models_when_the_name_is_unknown(searched):
    with pytest.raises(InputError, match=r"no quantized model 'none' in this run; models are: static-easy, static-imp"):
        pipeline.sensitivity(searched[0], "none")


@pytest.mark.parametrize(
    ("accuracy", "images", "message"),
    [
        ({}, 0, r"the task has no samples to search on; give it a method `search\(\)`"),
        ({"backends": ["openvino"]}, 4, r"backends: 'openvino' is not deployed in INT8; deployed are: onnxruntime, tensorrt"),
        ({"metric": "mAP"}, 4, r"metric: no metric 'mAP'; the task's metrics are: top1, wrong"),
    ],
)  # fmt: skip
def test_accuracy_is_refused_when_it_cannot_be_looked_for(tiny_recipe, searched, accuracy, images, message):
    refused = tiny_recipe(entry(accuracy, "refused"), search_images=images, models_of=searched[0])
    with pytest.raises(InputError, match=message):
        pipeline.quantize(refused)
