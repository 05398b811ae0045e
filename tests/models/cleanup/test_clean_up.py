"""The clean-up as a whole: it is exact, proves itself, and leaves alone what it cannot clean."""

import os
from pathlib import Path

import numpy as np
import pytest

from workbench.models.model import Model

DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", Path(__file__).parents[4] / "shared" / "data"))
NANODET = DATA / "models" / "nanodet_m.onnx"
IMPORT = "workbench.models.importers:import_job"
TOLERANCE = 1e-5
VISION = {
    "mobilenet_v1": {"fold_batch_norm": 27},
    "resnet50": {"fold_batch_norm": 53},
    "shufflenet_v2_x1_0": {"fold_batch_norm": 56, "unshuffle": 16},
    "mobilenet_v3_small": {"remove_identities": 1, "fold_bias": 18, "fold_batch_norm": 34},
}
SMALL_VISION = ["mobilenet_v1", "shufflenet_v2_x1_0", "mobilenet_v3_small"]
RANDOM = [f"any_{seed}" for seed in range(16)]


def test_outputs_are_equal_when_any_network_is_cleaned(cleaned):
    assert {name: found["difference"] for name, found in cleaned.items() if found["difference"] > TOLERANCE} == {}
    assert all(found["same_interface"] for found in cleaned.values())


@pytest.mark.parametrize("name", RANDOM)
def test_no_pattern_is_left_when_a_random_network_is_cleaned(cleaned, name):
    found = cleaned[name]
    assert "refused" not in found
    assert found["largest_difference"] < TOLERANCE
    assert found["after"].get("assign", 0) == 0
    assert sum(found["after"].values()) < sum(found["before"].values())


def test_random_networks_hold_every_pattern_when_taken_together(cleaned):
    applied = {rewrite for name in RANDOM for rewrite in cleaned[name]["applied"]}
    assert applied == {
        "remove_identities", "fold_bias", "fold_constants", "fold_batch_norm", "write_swish", "unshuffle",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "said"), [("branches", "several blocks"), ("quantized", "already quantized")])
def test_network_is_left_alone_when_it_is_of_another_kind(cleaned, name, said):
    assert said in cleaned[name]["refused"]
    assert cleaned[name]["same_files"]


def test_files_stay_as_they_are_when_nothing_is_to_be_done(cleaned):
    assert cleaned["no_biases"]["applied"] == {}
    assert cleaned["no_biases"]["same_files"]


def test_network_is_kept_when_a_rewrite_is_wrong_or_raises(run_native, tmp_path):
    found = run_native("cleanup_nets:clean_wrongly", folder=tmp_path).value
    assert found["double_a_weight"]["refused"].startswith("outputs differed by")
    assert found["fail"]["refused"] == "ValueError: a made-up error"
    assert all(each["same_files"] for each in found.values())


def test_writes_get_names_of_their_own_when_the_program_works_in_place(cleaned):
    assert cleaned["in_place"]["applied"] == {"remove_identities": 1, "fold_bias": 2}
    assert cleaned["in_place"]["after"]["scale"] == 1


@pytest.mark.parametrize("names", [SMALL_VISION, pytest.param(["resnet50"], marks=pytest.mark.slow)])
def test_known_networks_are_cleaned_when_they_come_from_paddle(run_native, tmp_path, names):
    found = run_native("cleanup_nets:clean_vision", names=names, folder=tmp_path).value
    assert {name: each["applied"] for name, each in found.items()} == {name: VISION[name] for name in names}
    assert all(each["difference"] < TOLERANCE and each["same_interface"] for each in found.values())
    assert all("batch_norm" not in each["after"] for each in found.values())


@pytest.mark.skipif(not NANODET.is_file(), reason=f"no check data at {DATA}; WORKBENCH_CHECK_DATA names another folder")
def test_nanodet_is_cleaned_when_it_comes_through_x2paddle(run_native, tmp_path):
    image = tmp_path / "image.npz"
    np.savez(image, **{"i": np.random.default_rng(0).normal(size=(1, 3, 416, 416)).astype(np.float32)})
    models = {}
    for clean in (False, True):
        outcome = run_native(IMPORT, source={"path": NANODET, "clean": clean}, models=tmp_path / "models")
        models[clean] = Model.open(tmp_path / "models" / outcome.value["digest"])
    facts = models[True].manifest.facts["clean_up"]
    assert facts["applied"] == {"fold_bias": 73, "unshuffle": 16}
    assert models[True].manifest.inputs == models[False].manifest.inputs
    assert models[True].manifest.outputs == models[False].manifest.outputs
    outputs = []
    (name,) = (spec.name for spec in models[True].manifest.inputs)
    np.savez(image, **{name: np.load(image)["i"]})
    for clean, model in models.items():
        folder = tmp_path / str(clean)
        folder.mkdir()
        ran = run_native(
            "run_session", backend="paddle_inference", model=model.folder, settings={}, folder=folder,
            inputs={"outputs": image},
        ).value["runs"]["outputs"]  # fmt: skip
        with np.load(ran["value"]) as found:
            outputs.append(dict(found))
    for key, before in outputs[0].items():
        assert np.abs(before - outputs[1][key]).max() <= TOLERANCE * np.abs(before).max()
