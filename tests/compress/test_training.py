"""One-click training from the command line to the files it leaves: tiny networks, few photographs, few iterations.

All compressions run in this one process, one after another.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from workbench.models.model import Model
from workbench.pipeline.plan import FLOAT_MODEL

REPOSITORY = Path(__file__).parents[2]
TRAINED_TASK = REPOSITORY / "tests" / "assets" / "trained_task.py"
CHECK_DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data"))
SHARED = CHECK_DATA / "configs" / "fastdeploy" / "mobilenetv1_ssld_quant.yaml"
needs_shared = pytest.mark.skipif(
    not SHARED.is_file(), reason=f"no configuration {SHARED}; WORKBENCH_CHECK_DATA names another folder"
)
QUANT_CONFIG = {
    "activation_preprocess_type": "PACT", "weight_quantize_type": "channel_wise_abs_max",
    "activation_quantize_type": "moving_average_abs_max", "weight_bits": 8, "activation_bits": 8, "dtype": "int8",
    "window_size": 10000, "moving_rate": 0.9, "quantizable_layer_type": ["Conv2D", "Linear"],
}  # fmt: skip
PRUNED = {"conv2d_0.w_0": 0.25, "conv2d_2.w_0": 0.5}
PRUNER = {"criterion": "l1_norm", "pruned_params": list(PRUNED), "pruned_ratios": list(PRUNED.values())}
CONFIGS = {
    "yolov5s_quant.yaml": {
        "Global": {
            "model_dir": "./detector.onnx", "format": "onnx", "model_filename": "model.pdmodel",
            "params_filename": "model.pdiparams", "qat_image_path": "./photos", "ptq_image_path": "./photos",
            "input_list": ["x2paddle_images"], "qat_preprocess": "yolo_image_preprocess",
            "ptq_preprocess": "yolo_image_preprocess", "qat_batch_size": 1,
        },
        "Distillation": {"alpha": 1.0, "loss": "soft_label"},
        "QuantAware": {
            "onnx_format": True, "use_pact": True, "activation_quantize_type": "moving_average_abs_max",
            "quantize_op_types": ["conv2d", "depthwise_conv2d"],
        },
        "PTQ": {"calibration_method": "avg", "skip_tensor_list": "None"},
        "TrainConfig": {
            "train_iter": 2, "learning_rate": 1e-5, "target_metric": 0.365,
            "optimizer_builder": {"optimizer": {"type": "SGD"}, "weight_decay": 4e-5},
        },
    },
    "unet_quant.yaml": {
        "Global": {
            "model_dir": "./segmenter", "format": "paddle", "model_filename": "model.pdmodel",
            "params_filename": "model.pdiparams", "qat_image_path": "./photos", "ptq_image_path": "./photos",
            "input_list": ["x"], "qat_preprocess": "ppseg_cityscapes_qat_preprocess",
            "ptq_preprocess": "ppseg_cityscapes_ptq_preprocess", "qat_batch_size": 2,
        },
        "Distillation": {"alpha": 1.0, "loss": "l2", "node": ["conv2d_2.tmp_1"]},
        "QuantAware": {"onnx_format": True, "quantize_op_types": ["conv2d", "depthwise_conv2d"]},
        "TrainConfig": {
            "epochs": 1, "eval_iter": 180, "learning_rate": 5e-4,
            "optimizer_builder": {"optimizer": {"type": "SGD"}, "weight_decay": 4e-5},
        },
        "PTQ": {"calibration_method": "avg", "skip_tensor_list": "None"},
    },
    "yolov3.yml": {
        "architecture": "YOLOv3", "epoch": 1, "TrainReader": {"batch_size": 8}, "LearningRate": {"base_lr": 0.001},
    },
    "qat.yml": {"slim": "QAT", "QAT": {"quant_config": QUANT_CONFIG, "print_model": True}},
    "prune.yml": {"slim": "Pruner", "Pruner": PRUNER | {"print_params": False}},
    "prune_qat.yml": {"slim": "PrunerQAT", "PrunerQAT": PRUNER | {"quant_config": QUANT_CONFIG}},
    "distill_prune.yml": {
        "slim": "DistillPrune", "distill_loss": "DistillYOLOv3Loss", "DistillYOLOv3Loss": {"weight": 1000},
        "pruner": "Pruner", "Pruner": PRUNER,
    },
}  # fmt: skip
SLIM = ("qat", "prune", "prune_qat", "distill_prune")
STEMS = {"detection": "model", "segmentation": "model"} | dict.fromkeys(SLIM, "tiny")
METHODS = {
    "detection": "distill", "segmentation": "distill", "qat": "pact", "prune": "prune", "prune_qat": "prune_qat",
    "distill_prune": "distill_prune",
}  # fmt: skip
FLOAT = ("prune", "distill_prune")


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


def leaf_keys(value, prefix=""):
    if isinstance(value, dict) and value:
        return {key for name, part in value.items() for key in leaf_keys(part, f"{prefix}{name}.")}
    return {prefix.removesuffix(".")}


@pytest.fixture(scope="module")
def given(tmp_path_factory, tiny_models):
    """A folder with the configurations, the models that they name, a side file, and photographs."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copy(tiny_models / "onnx" / "detector.onnx", folder)
    for name in ("segmenter", "tiny", "photo"):
        shutil.copytree(tiny_models / name, folder / name)
    (folder / "segmenter" / "deploy.yaml").write_text("Deploy: {model: model.pdmodel, params: model.pdiparams}\n")
    random = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for number in range(4):
        picture = cv2.resize(random.integers(0, 255, (6, 8, 3), np.uint8), (160, 120 + number))
        assert cv2.imwrite(str(folder / "photos" / f"{number}.jpg"), picture)
    for name, data in CONFIGS.items():
        (folder / name).write_text(yaml.safe_dump(data, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def compress(given, tmp_path_factory):
    """Run one case by the command line in this process; returns what it said, its files, and the Model behind them.

    The input files, the current folder, and what else lies beside the result stay as they were.
    """
    from typer.testing import CliRunner

    from workbench.cli import app

    here, outputs = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("outputs")
    runs = tmp_path_factory.mktemp("runs")

    def run(name, *arguments, run="own"):
        before = digests(given)
        shown = ["compress", *arguments, "--devices", "cpu", "--save_dir", outputs / name, "--out", runs / run]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(here)
            patch.setenv("PYTHONPATH", str(REPOSITORY))  # else workers that start elsewhere take the installed package
            ended = CliRunner().invoke(app, [*map(str, shown)])
        assert ended.exit_code == 0, ended.output
        assert digests(given) == before
        assert not list(here.iterdir())
        models = json.loads((runs / run / "stages" / "quantize.json").read_text())["models"]
        (made,) = (model for key, model in models.items() if key != FLOAT_MODEL)
        return ended.output, outputs / name, Model.open(runs / run / "models" / made["digest"], verify=True)

    return run


@pytest.fixture(scope="module")
def finished(given, compress):
    """What became of each case, by name; those of PaddleDetection share a run folder, so the model is imported once."""
    found = {
        "detection": compress("detection", "--config_path", given / "yolov5s_quant.yaml", "--method", "QAT", run="d"),
        "segmentation": compress(
            "segmentation", "--config_path", given / "unet_quant.yaml", "--method", "QAT", run="s"
        ),
    }
    for name in SLIM:
        pair = ("-c", given / "yolov3.yml", "--slim_config", given / f"{name}.yml")
        found[name] = compress(name, *pair, "--model", given / "tiny", "--task", TRAINED_TASK, run="slim")
    return found


@pytest.mark.parametrize("name", METHODS)
def test_files_are_those_of_the_trained_model_when_done(finished, given, name):
    _, out, model = finished[name]
    side = {"deploy.yaml"} if name == "segmentation" else set()
    assert {file.name for file in out.iterdir()} == {f"{STEMS[name]}.pdmodel", f"{STEMS[name]}.pdiparams"} | side
    for ending in (".pdmodel", ".pdiparams"):
        assert (out / f"{STEMS[name]}{ending}").read_bytes() == (model.folder / f"model{ending}").read_bytes()
    assert all((out / file).read_bytes() == (given / "segmenter" / file).read_bytes() for file in side)
    assert {file.name for file in out.parent.iterdir()} >= set(METHODS)
    assert (model.manifest.method, model.manifest.precision) == (METHODS[name], "fp32" if name in FLOAT else "int8")


@pytest.mark.parametrize("name", METHODS)
def test_account_names_every_key_when_the_configuration_trains(finished, name):
    said = finished[name][0]
    files = {"detection": ["yolov5s_quant.yaml"], "segmentation": ["unet_quant.yaml"]}.get(name, ["yolov3.yml", f"{name}.yml"])  # fmt: skip
    for file in files:
        for key in leaf_keys(CONFIGS[file]):
            assert said.count(f"{file}: {key} = ") == 1, (file, key)


def test_models_compute_as_they_are_meant_to_when_opened_by_paddle_inference(finished, run_native):
    cases = {
        name: {"model": model.folder, "precision": model.manifest.precision, "side": 64}
        for name, (_, _, model) in finished.items()
    }
    outcome = run_native("run_on_noise", cases=cases)
    assert outcome.status == "ok", outcome.reason
    for name, found in outcome.value.items():
        assert found["finite"], name
        assert found["int8_share"] == (0 if name in FLOAT else 1), name


def test_filters_are_gone_when_the_configuration_names_them(finished, given):
    before = (given / "tiny" / "tiny.pdiparams").stat().st_size
    for name in (*FLOAT, "prune_qat"):
        _, out, model = finished[name]
        assert model.manifest.facts["pruned_ratios"] == PRUNED
        assert (out / "tiny.pdiparams").stat().st_size < before


def own_lines(said):
    """What the command itself said: coverage may add a warning of a data file that another process cut off."""
    return [line for line in said.splitlines() if line.startswith("compress: ")]


def test_training_is_what_the_configuration_says_when_done(finished):
    trained = {name: model.manifest.facts["training"] for name, (_, _, model) in finished.items()}
    assert {name: facts["iterations"] for name, facts in trained.items()} == dict.fromkeys(METHODS, 2)
    assert all(np.isfinite(facts["last_loss"]) for facts in trained.values())
    said = own_lines(finished["prune_qat"][0])[-2:]
    assert said[0].startswith("compress: prune_qat, int8, ")
    assert "2 iterations, loss " in said[0]
    assert "fewer FLOPs" in said[0]
    assert "go on with: workbench deploy " in said[1]
    assert "no image is left to compare outputs on" in own_lines(finished["segmentation"][0])[-1]
    assert finished["detection"][2].manifest.options["quantize"]["pact"] is True
    assert finished["segmentation"][2].manifest.options["distill"]["nodes"] == ["conv2d_2.tmp_1"]


@needs_shared
def test_configuration_is_trained_when_it_is_as_fastdeploy_ships_it(given, compress):
    paths = ("--model", given / "photo", "--images", given / "photos", "--input", "image")
    shrunk = ("-o", "TrainConfig.train_iter=2", "-o", "Global.qat_batch_size=2")
    said, out, model = compress("shipped", "--config_path", SHARED, "--method", "QAT", *paths, *shrunk, run="shipped")
    assert sorted(file.name for file in out.iterdir()) == ["inference.pdiparams", "inference.pdmodel"]
    assert model.manifest.options["distill"]["nodes"] == ["softmax_0.tmp_0"]
    for key in leaf_keys(yaml.safe_load(SHARED.read_text())):
        assert f"{SHARED.name}: {key} = " in said


def slim_arguments(given, folder, name, *more):
    pair = ("-c", given / "yolov3.yml", "--slim_config", given / f"{name}.yml", "--model", given / "tiny")
    return ("compress", *pair, "--save_dir", folder / "out", "--out", folder / "run", *more)


@pytest.mark.parametrize("name", sorted(set(SLIM) - {"distill_prune"}))
def test_labels_are_asked_for_when_there_is_only_a_folder_of_images(given, tmp_path, command, name):
    data = ("--images", given / "photos", "--preprocess", "classification")
    code, (line,) = command(*slim_arguments(given, tmp_path, name, *data))
    assert code == 2
    assert "trains from labels" in line
    assert "--task FILE" in line
    assert not list(tmp_path.iterdir())


def test_training_fails_in_one_line_when_it_diverges(given, finished, tmp_path, command):
    shutil.copytree(finished["qat"][2].folder.parents[1], tmp_path / "run")
    arguments = slim_arguments(given, tmp_path, "qat", "--task", TRAINED_TASK, "-o", "LearningRate.base_lr=1e30")
    code, (line,) = command(*arguments)
    assert code == 1
    assert "lower train.learning_rate, now 1e+30" in line
    assert not (tmp_path / "out").exists()


def test_training_is_refused_in_one_line_when_the_teacher_lacks_a_tensor(given, finished, tmp_path, command):
    shutil.copytree(finished["segmentation"][2].folder.parents[1], tmp_path / "run")
    folders = ("--save_dir", tmp_path / "out", "--out", tmp_path / "run")
    node = ("-o", "Distillation.node=[no_such_tensor]")
    code, (line,) = command("compress", "--config_path", given / "unet_quant.yaml", "--method", "QAT", *folders, *node)
    assert code == 2
    assert "distill.nodes: the network has no tensor 'no_such_tensor'; the nearest that it has: " in line
    assert not (tmp_path / "out").exists()


def test_images_are_asked_for_when_the_training_folder_has_none(given, tmp_path, command):
    (tmp_path / "empty").mkdir()
    folders = ("--save_dir", tmp_path / "out", "--out", tmp_path / "run", "--images", tmp_path / "empty")
    code, (line,) = command("compress", "--config_path", given / "unet_quant.yaml", "--method", "QAT", *folders)
    assert code == 2
    assert "no image in it" in line
