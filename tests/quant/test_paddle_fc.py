"""The weights of matrix products in Paddle Inference's INT8: predicted, and as they really come out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.models.model import Model
from workbench.models.scales import Scales
from workbench.quant.paddle_fc import paddle_scales, survives, weight_in_paddle

ASSETS = Path(__file__).parents[1] / "assets"


def noise(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def absmax(weight: np.ndarray) -> np.ndarray:
    return np.abs(weight).max(axis=0)


def test_scales_are_one_and_the_same_when_the_weight_is_square():
    weight = noise(6, 6)
    assert paddle_scales(absmax(weight), 6).tolist() == [float(np.abs(weight).max())] * 6
    assert np.array_equal(paddle_scales(absmax(weight[:4]), 4), absmax(weight[:4]))


def test_weight_is_cut_off_at_the_largest_of_a_part_when_paddle_rounds_it():
    weight = noise(12, 3)
    seen = weight_in_paddle(weight, absmax(weight))
    for column in range(3):
        part = np.abs(weight.ravel()[12 * column : 12 * (column + 1)]).max()
        assert np.abs(seen[:, column]).max() == pytest.approx(min(part, absmax(weight)[column]), rel=0.02)


def test_weight_survives_when_every_part_has_values_as_large():
    even = noise(512, 512).clip(-2.0, 2.0)
    assert survives(even, absmax(even))
    steep = noise(16, 2)
    steep[8:] *= 0.01
    assert not survives(steep, absmax(steep))


def test_scales_keep_more_tensors_in_float_when_told_so():
    scales = Scales(kept_in_float={"all": {"a": "because"}, "x": {"b": "too"}})
    kept = scales.keeping("x", {"c": "misread"})
    assert kept.in_float("x") == {"a", "b", "c"}
    assert kept.in_float("y") == {"a"}
    assert scales.keeping("y", {}).kept_in_float == scales.kept_in_float


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory, run_native: Any) -> dict[str, Any]:
    """By network of matrix products: how far Paddle Inference's INT8 is from what its program says, and what stays in float."""
    folder = tmp_path_factory.mktemp("products")
    script = [sys.executable, str(ASSETS / "product_jobs.py"), str(folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    made = subprocess.run(script, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    outcome = run_native("product_jobs:quantize_and_run", folder=folder, models=folder / "made")
    assert outcome.status == "ok", outcome.reason
    found = json.loads(json.dumps(outcome.value))
    for name, digest in outcome.value.items():
        model = Model.open(folder / "made" / digest["digest"])
        found[name]["kept"] = sorted(model.manifest.scales.kept_in_float.get("paddle_inference", {}))
    return found


@pytest.mark.parametrize("name", ["square", "steep", "even", "last"])
def test_paddle_inference_computes_what_the_program_says_when_products_are_in_int8(outputs, name):
    assert outputs[name]["noise"] <= 0.05


def test_products_stay_in_float_only_when_their_weight_would_be_cut_off(outputs):
    kept = {name: len(found["kept"]) for name, found in outputs.items()}
    assert kept == {"square": 0, "steep": 1, "even": 0, "last": 1}
