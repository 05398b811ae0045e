"""The training scripts of the small samples: what they learn from, and a few steps of each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from workbench.models import sample
from workbench.models.train_digits_detection import assign
from workbench.tasks.digits_scenes import Scene

REPOSITORY = Path(sample.__file__).resolve().parents[2]
STEPS = """
import importlib, json, sys
from workbench.compatibility import import_paddle

paddle = import_paddle()
script = importlib.import_module(f"workbench.models.train_{sys.argv[1]}")
script.CYCLES, script.BATCH = ((1, 1e-3), (1, 1e-3)), 2
paddle.seed(0)
network = script.train(0)
from workbench.models.train_command import judge
from workbench.models.train_digits import save_weights
from workbench.tasks.loader import load_task

few = {"evaluation_samples": 2}
task = load_task({"source": {"name": sys.argv[1], "file": None, "options": few}, "folder": ""})
save_weights(network, sys.argv[2])
sample_class = importlib.import_module("workbench.models.sample")
sample_class.load_weights(network, sys.argv[2])
print(json.dumps(judge(network, task, task.evaluation())))
"""
BOXES = np.array([[0, 0, 32, 32], [8, 8, 24, 24], [40, 40, 48, 44]], np.float32)


def scene() -> Scene:
    image = np.zeros((64, 64, 3), np.uint8)
    return Scene(image, BOXES, np.array([3, 7, 1]), image[:, :, 0])


def test_points_take_the_smallest_digit_when_two_lie_over_each_other():
    points = np.array([[16, 16], [16, 9], [30, 30], [60, 60]], np.float32)
    found = assign(scene(), points)
    assert found.digits.tolist() == [7, 3, -1, -1]
    assert found.boxes[:2].tolist() == BOXES[[1, 0]].tolist()


def test_a_small_digit_has_a_point_when_points_are_far_apart():
    # Eight pixels wide and four high: its middle half would have none.
    assert assign(scene(), np.array([[47, 43]], np.float32)).digits.tolist() == [1]


@pytest.mark.parametrize("name", ["digits_detection", "digits_segmentation", "digits_text"])
def test_script_trains_and_judges_when_it_takes_two_steps(name, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", STEPS, name, tmp_path / "weights.npz"],
        check=True, env=environment, timeout=200, capture_output=True, text=True,
    )  # fmt: skip
    figures = json.loads(said.stdout.splitlines()[-1])
    assert all(0 <= value <= 100 for value in figures.values())
    with (
        np.load(tmp_path / "weights.npz", allow_pickle=False) as made,
        np.load(sample.data_folder() / f"{name}.npz", allow_pickle=False) as shipped,
    ):
        assert {n: made[n].shape for n in made.files} == {n: shipped[n].shape for n in shipped.files}
