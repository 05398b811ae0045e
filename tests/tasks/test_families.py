"""Classification, segmentation and text through all five stages, on tiny networks whose right answers are known."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from workbench import pipeline
from workbench.machine import this_machine
from workbench.models.model import Model
from workbench.pipeline import open_experiment
from workbench.records import Metric, Record, Scope, Status, read_metrics, read_records

SCRIPT = Path(__file__).parents[1] / "assets" / "family_models.py"
MEASURE = {
    "warmup": 1, "repeats": 4, "rounds": 2, "block_runs": 2, "block_seconds": 0.0, "discard_runs": 1, "bootstrap": 20, "sqnr_images": 4,
}  # fmt: skip
ORT = {"backend": "onnxruntime", "precision": "int8"}
STATIC = {"method": "static", "algo": "abs_max"}
QAT = {"method": "qat", "train": {"iterations": 2, "batch_size": 4, "learning_rate": 0.0001}}
COLOURS = 3
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "awful", "bad", "dull", "poor", "fine", "good", "great", "lovely"]
NORMALISE = {"type": "Normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
DEPLOY_FILES = {
    "segmentation": ("deploy.yaml", {"Deploy": {"transforms": [NORMALISE]}}),
    "classification": ("inference_cls.yaml", {"PreProcess": {"transform_ops": [
        {"ResizeImage": {"size": 16}}, {"NormalizeImage": {"mean": [0.5] * 3, "std": [0.5] * 3}}, {"ToCHWImage": None}]}}),
}  # fmt: skip


def picture(classes: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A noisy BGR picture in which the strongest colour (0 red, 1 green, 2 blue) is each pixel's class."""
    found = np.full((*classes.shape, 3), 60.0)
    np.put_along_axis(found, (2 - classes)[:, :, np.newaxis].astype(np.int64), 160.0, axis=2)
    return (found + random.normal(0, 20, found.shape)).clip(0, 255).astype(np.uint8)


def write_segmentation(folder: Path, count: int) -> dict[str, Any]:
    """Pictures of 24 x 40 pixels in blocks of 8, with masks whose first row does not count; options of the task."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for seed in range(count):
        random = np.random.default_rng(seed)
        classes = np.kron(random.integers(0, COLOURS, (3, 5)), np.ones((8, 8))).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{seed}.png"), picture(classes, random))
        classes[0] = 255
        cv2.imwrite(str(folder / "masks" / f"{seed}.png"), classes)
    (folder / "labels.txt").write_text("red\ngreen\nblue\n")
    return {"images": "images", "masks": "masks", "labels": "labels.txt"}


def write_classification(folder: Path, count: int) -> dict[str, Any]:
    """Pictures of one colour in a folder for each; options of the task."""
    for seed in range(count):
        random, colour = np.random.default_rng(seed), seed % COLOURS
        path = folder / "photos" / ("a_red", "b_green", "c_blue")[colour] / f"{seed}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(np.full((20, 30), colour), random))
    return {"images": "photos"}


def write_text(folder: Path, count: int) -> dict[str, Any]:
    """Pairs of sentences of good and bad words; options of the task."""
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    lines = []
    for number in range(count):
        random, label = np.random.default_rng(number), number % 2
        words = [*random.choice(WORDS[4 + 4 * label : 8 + 4 * label], 3), str(random.choice(WORDS[4:]))]
        first, second = " ".join(words[:2]), " ".join([*words[2:], f"unknown{number}"])
        lines.append(json.dumps({"text_a": first, "text_b": second, "label": label}))
    (folder / "pairs.jsonl").write_text("\n".join(lines))
    return {"vocabulary": "vocab.txt", "data": "pairs.jsonl", "pair": "text_b", "max_length": 8}


WRITERS = {"segmentation": write_segmentation, "classification": write_classification, "text": write_text}

Run = Callable[..., tuple[Path, list[Record], list[Metric]]]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the networks of family_models.py."""
    folder = tmp_path_factory.mktemp("networks")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    made = subprocess.run(
        [sys.executable, SCRIPT, folder], capture_output=True, text=True, timeout=120, env=environment, check=False
    )
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


@pytest.fixture
def run(networks: Path, tmp_path: Path) -> Run:
    """Run a family's recipe on one of the networks, which its deploy file lies beside; gives run folder, rows and figures."""

    def run(family: str, network: str, *, deploy: list[Any], quantize: dict[str, Any] = STATIC, **options: Any) -> Any:
        folder = tmp_path / "data"
        given = WRITERS[family](folder, 30) | {"calibration_samples": 8} | options
        shutil.copytree(networks / network, folder / "network")
        if family in DEPLOY_FILES:
            name, content = DEPLOY_FILES[family]
            (folder / "network" / name).write_text(yaml.safe_dump(content))
        recipe = {
            "name": family, "model": {"path": "network"}, "task": {"name": family, "options": given}, "quantize": [quantize],
            "deploy": deploy, "measure": MEASURE,
        }  # fmt: skip
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        experiment = open_experiment(folder / "recipe.yaml", tmp_path / "run")
        for stage in ("quantize", "deploy", "accuracy", "latency", "report"):
            getattr(pipeline, stage)(experiment)
        return tmp_path / "run", read_records(tmp_path / "run"), read_metrics(tmp_path / "run")

    return run


def check(rows: list[Record], metric: str) -> None:
    """Every row is measured, right, and as right in INT8."""
    assert [(row.backend, row.precision, row.reason) for row in rows if row.status is not Status.OK] == []
    assert {row.metric_name for row in rows} == {metric}
    assert all((row.metric_value or 0) > 95 and (row.metric_drop or 0) <= 1.5 for row in rows)


def test_segmentation_runs_when_it_sees_images_through_windows_and_the_graph_ends_in_argmax(run: Run) -> None:
    folder, rows, metrics = run("segmentation", "argmax", deploy=[ORT], window=[16, 24], stride=[8, 16])
    check(rows, "miou")
    assert {row.input_shape for row in rows} == {"1x3x?x?"}
    names = {metric.name for metric in metrics if metric.scope is Scope.END_TO_END}
    assert names >= {"iou_red", "iou_blue", "pixel_accuracy", "preprocess_ms", "run_ms", "postprocess_ms"}
    assert (folder / "plots" / "parts.png").is_file()
    made = [Model.open(path.parent) for path in (folder / "models").glob("*/manifest.json")]
    assert len(made) >= 3
    assert all("deploy.yaml" in model.manifest.files for model in made)


def test_segmentation_learns_from_masks_when_it_is_trained_with_rounding(run: Run) -> None:
    _, rows, _ = run("segmentation", "scores", deploy=[ORT], quantize=QAT, training_samples=8, window=[16, 24])
    check(rows, "miou")


def test_classification_learns_from_labels_when_the_graph_ends_in_a_softmax(run: Run) -> None:
    folder, rows, metrics = run("classification", "classes", deploy=[ORT], quantize=QAT, training_samples=8)
    check(rows, "top1")
    assert {metric.value for metric in metrics if metric.name == "top5"} == {100.0}
    state = json.loads((folder / "stages" / "quantize.json").read_text())
    assert state["models"]["qat"]["training"]["last_loss"] < 1.0


def test_text_runs_on_one_and_all_threads_when_the_recipe_sweeps_them(run: Run) -> None:
    paddle = {"backend": "paddle_inference", "precision": "int8"}
    _, rows, _ = run("text", "text", deploy=[ORT | {"threads": [1, "all"]}, paddle])
    check(rows, "accuracy")
    assert {row.threads for row in rows if row.backend == "onnxruntime"} == {1, this_machine().cores}
    assert {row.input_shape for row in rows} == {"1x8 1x8"}
