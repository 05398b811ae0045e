"""The CIFAR-10 example: training on a made-up file of the same layout, the task's splits, the recipe, a short run."""

import importlib.util
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from workbench import pipeline
from workbench.errors import InputError
from workbench.experiment import read_recipe
from workbench.quant.registry import METHODS
from workbench.records import Record, Status, read_records

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples" / "cifar10_methods"
RECIPE = EXAMPLE / "recipe.yaml"
DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data")) / "cifar10_subset.npz"
TRAIN_IMAGES, TEST_IMAGES, SEARCH_IMAGES = 200, 40, 40
SMALL = ["--width", "4", "--epochs", "4", "--search-images", str(SEARCH_IMAGES)]


def load_task() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cifar10_task", EXAMPLE / "task.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks for its own module
    spec.loader.exec_module(module)
    return module


TASK = load_task()


def make_task(data: Path, **options: Any) -> Any:
    return TASK.Photography(TASK.PhotographOptions(data=data, search_images=SEARCH_IMAGES, **options), Path())


def train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE / "train.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten colours with noise, in the real file's layout."""
    random = np.random.default_rng(0)
    colours = random.integers(60, 196, (10, 1, 1, 3))

    def photographs(count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        classes = np.arange(count) % 10
        noise = random.integers(-60, 60, (count, 32, 32, 3))
        return (colours[classes] + noise).astype(np.uint8), classes

    x_train, y_train = photographs(TRAIN_IMAGES)
    x_test, y_test = photographs(TEST_IMAGES)
    path = tmp_path_factory.mktemp("cifar10") / "made_up.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, classes=np.array(list("abcdefghij")))
    return path


@pytest.fixture(scope="module")
def trained(data: Path) -> Path:
    """The folder of a model that saw a few batches."""
    out = data.parent / "model"
    done = train("--data", data, "--out", out, *SMALL)
    assert done.returncode == 0, done.stderr
    assert "of the test images" in done.stdout.splitlines()[-1]
    return out


def test_train_leaves_a_model_and_no_checkpoint_when_it_ends(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} >= {"model.pdmodel", "model.pdiparams"}
    assert not list(trained.glob("*checkpoint*"))


def test_train_ends_in_the_same_weights_when_it_was_killed(data: Path, trained: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE / "train.py"), "--data", str(data), "--out", str(tmp_path), *SMALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "epoch 1 of" in line)
        process.kill()
    again = train("--data", data, "--out", tmp_path, *SMALL)
    assert again.returncode == 0, again.stderr
    assert "epoch 1 of" not in again.stdout
    assert (tmp_path / "model.pdiparams").read_bytes() == (trained / "model.pdiparams").read_bytes()


def test_train_says_so_in_one_line_when_there_is_no_data(tmp_path: Path) -> None:
    done = train("--data", tmp_path / "none.npz", "--out", tmp_path / "model")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"train.py: data: no file {tmp_path / 'none.npz'}; name the npz file with the photographs"
    ]
    assert not (tmp_path / "model").exists()


def test_splits_share_no_image_when_the_training_set_also_calibrates(data: Path) -> None:
    task = make_task(data, calibration_images=8)
    sets = {name: {sample.digest for sample in getattr(task, name)()} for name in ("training", "search", "evaluation")}
    assert [len(found) for found in sets.values()] == [TRAIN_IMAGES - SEARCH_IMAGES, SEARCH_IMAGES, TEST_IMAGES]
    assert all(not sets[one] & sets[other] for one, other in combinations(sets, 2))
    assert {sample.digest for sample in task.calibration()} <= sets["training"]
    assert len(task.calibration()) == 8


def test_augment_shifts_and_flips_by_chance_alone_when_asked(data: Path) -> None:
    task = make_task(data)
    image = task.training()[0].decode()
    seen = [task.augment(image, np.random.default_rng(seed)) for seed in (1, 1, 2, 3)]
    assert {found.shape for found in seen} == {(32, 32, 3)}
    assert np.array_equal(seen[0], seen[1])
    assert len({found.tobytes() for found in seen}) == 3


def test_metric_counts_first_and_first_five_when_some_are_wrong(data: Path) -> None:
    predictions = [[3, 1, 2, 0, 4], [1, 3, 2, 0, 4], [1, 2, 4, 5, 6], [3, 1, 2, 0, 4]]
    assert make_task(data).metric(predictions, [3, 3, 3, 3]) == {"top1": 50.0, "top5": 75.0}


def test_task_names_what_is_wrong_when_the_file_has_another_layout(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", x_train=np.zeros((5, 28, 28), np.uint8), y_train=np.zeros(5, int))
    with pytest.raises(
        InputError, match=r"x_train in .*grey.npz is uint8 \[5, 28, 28\]; needed: uint8 \[5, 32, 32, 3\]"
    ):
        make_task(tmp_path / "grey.npz").training()
    (tmp_path / "text.npz").write_text("no npz")
    with pytest.raises(InputError, match=r"cannot read x_test and y_test from .*text.npz"):
        make_task(tmp_path / "text.npz").evaluation()


def test_task_says_so_when_the_search_set_would_take_all_images(data: Path) -> None:
    task = TASK.Photography(TASK.PhotographOptions(data=data, search_images=TRAIN_IMAGES), Path())
    with pytest.raises(InputError, match="search_images: 200 leave none of the 200 training images"):
        task.training()


def test_recipe_names_every_method_when_it_is_read() -> None:
    recipe = read_recipe(RECIPE)
    assert {entry.method for entry in recipe.quantize} == set(METHODS) - {"published"}  # which makes nothing
    for entry in recipe.quantize:
        METHODS[entry.method].parse(entry.options)
    TASK.PhotographOptions(**recipe.task.options)


def run_shortly(folder: Path, *, model: Path, data: Path, options: dict[str, Any]) -> list[Record]:
    """Rows of a smoke run of some of the methods, on one backend."""
    recipe = yaml.safe_load(RECIPE.read_text())
    recipe["model"]["path"] = str(model)
    recipe["task"] = {"file": str(EXAMPLE / "task.py"), "options": {"data": str(data)} | options}
    recipe["quantize"] = [
        entry for entry in recipe["quantize"] if entry["method"] in ("static", "distill", "prune_qat")
    ]
    recipe["deploy"] = [{"backend": "onnxruntime", "precision": ["fp32", "int8"]}]
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    experiment = pipeline.open_experiment(file, folder / "run", smoke=True)
    for stage in (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report):
        stage(experiment)
    return read_records(experiment.run.path)


@pytest.mark.skipif(not DATA.is_file(), reason=f"no {DATA}; WORKBENCH_CHECK_DATA names another folder")
def test_run_gives_only_ok_rows_when_the_data_are_real(trained: Path, tmp_path: Path) -> None:
    rows = run_shortly(tmp_path, model=trained, data=DATA, options={"calibration_images": 4})
    assert {row.status for row in rows} == {Status.OK}, [row.reason for row in rows]
    assert {row.method for row in rows} == {"none", "static", "distill", "prune_qat"}
