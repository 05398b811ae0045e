"""`workbench compress` from the command line to the files it leaves, on a tiny network and generated photographs."""

import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest
import yaml

from workbench.machine import this_machine
from workbench.models.importers import find_paddle_files

CONFIG = {
    "Global": {
        "model_dir": "./photo_infer", "format": "paddle", "model_filename": "inference.pdmodel",
        "params_filename": "inference.pdiparams", "qat_image_path": "./train", "ptq_image_path": "./val",
        "input_list": ["image"], "qat_preprocess": "cls_image_preprocess", "ptq_preprocess": "cls_image_preprocess",
        "qat_batch_size": 2,
    },
    "Distillation": {"alpha": 1.0, "loss": "l2"},
    "TrainConfig": {"epochs": 1},
    "PTQ": {"calibration_method": "avg", "skip_tensor_list": "None"},
}  # fmt: skip


def digests(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def given(tmp_path_factory, tiny_models):
    """A folder with a configuration, the model it names, its side file, and photographs in two sub-folders."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copytree(tiny_models / "photo", folder / "photo_infer")
    (folder / "photo_infer" / "inference_cls.yaml").write_text("Preprocess: {size: 224}\n")
    random = np.random.default_rng(0)
    for number in range(12):
        picture = cv2.resize(random.integers(0, 255, (6, 8, 3), np.uint8), (320, 260 + number))
        (folder / "val" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / "val" / str(number % 2) / f"{number}.jpg"), picture)
    (folder / "photo_quant.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    return folder


@pytest.fixture(scope="module")
def finished(given, tmp_path_factory):
    """The model that one-click PTQ wrote, and the run folder; the input was not touched."""
    from typer.testing import CliRunner

    from workbench.cli import app

    folder, before = tmp_path_factory.mktemp("made"), digests(given)
    arguments = [
        "compress",
        "--config_path",
        given / "photo_quant.yaml",
        "--method",
        "PTQ",
        "--save_dir",
        folder / "out",
    ]
    ended = CliRunner().invoke(app, [*map(str, arguments), "--devices", "cpu", "--out", str(folder / "run")])
    assert ended.exit_code == 0, ended.output
    assert digests(given) == before
    return folder, ended.output


def test_ptq_writes_a_quantized_model_and_what_travels_with_it_when_all_is_there(given, finished):
    folder, _ = finished
    out = folder / "out"
    assert sorted(p.name for p in out.iterdir()) == ["inference_cls.yaml", "model.pdiparams", "model.pdmodel"]
    assert sorted(p.name for p in folder.iterdir()) == ["out", "run"]
    assert (out / "inference_cls.yaml").read_bytes() == (given / "photo_infer" / "inference_cls.yaml").read_bytes()
    files = find_paddle_files(out)
    assert b"quantize_linear" in files.model.read_bytes()
    assert files.params.stat().st_size < (given / "photo_infer" / "inference.pdiparams").stat().st_size / 2


def test_ptq_tells_what_becomes_of_each_key_when_run(finished):
    _, said = finished
    assert "photo_quant.yaml: PTQ.calibration_method = avg -> algo\n" in said
    assert "photo_quant.yaml: TrainConfig.epochs = 1 -> not used: belongs to --method QAT\n" in said


def test_models_are_told_apart_by_their_noise_alone_when_the_images_have_no_labels(finished, tmp_path, command):
    folder, _ = finished
    shutil.copytree(folder / "run", tmp_path / "run")
    recipe = tmp_path / "run" / "recipe.yaml"
    deployed_once = yaml.safe_load(recipe.read_text()) | {
        "deploy": [{"backend": "paddle_inference", "precision": "int8"}]
    }
    recipe.write_text(yaml.safe_dump(deployed_once))
    for stage in ("deploy", "accuracy"):
        assert command(stage, recipe, "--out", tmp_path / "run") == (0, [])
    cells = json.loads((tmp_path / "run" / "stages" / "accuracy.json").read_text())["cells"]
    (int8,) = (cell for key, cell in cells.items() if "int8" in key)
    assert (int8["metrics"], "drop" in int8, int8["samples"]) == ({}, False, 2)
    assert int8["sqnr_db"] > 10


def test_deploy_asks_for_images_when_calibration_took_them_all(given, finished, tmp_path, command):
    folder, _ = finished
    shutil.copytree(folder / "run", tmp_path / "run")
    few = tmp_path / "few"
    few.mkdir()
    for file in sorted((given / "val" / "0").iterdir())[:2]:
        shutil.copy(file, few)
    assert command(*arguments(given, tmp_path, images=few))[0] == 0
    code, (line,) = command("deploy", tmp_path / "run" / "recipe.yaml", "--out", tmp_path / "run")
    assert code == 2
    assert "give it evaluation data" in line


def test_file_in_the_target_folder_stays_when_it_is_not_the_models(given, finished, tmp_path, command):
    folder, _ = finished
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "model.pdmodel").write_text("old")
    shutil.copytree(folder / "run", tmp_path / "run")
    code, _ = command(*arguments(given, tmp_path))
    assert code == 0
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert set(digests(folder / "out").values()) <= set(digests(tmp_path / "out").values())


def arguments(given, folder, *, method="PTQ", save_dir=None, **flags):
    found = ["compress", "--config_path", given / "photo_quant.yaml", "--save_dir", save_dir or folder / "out"]
    found += ["--method", method, "--out", folder / "run"]
    return [*found, *(part for name, value in flags.items() for part in (f"--{name}", value))]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"images": "absent"}, "no such folder"),
        ({"model": "absent.onnx"}, "absent.onnx: no such file"),
        ({"method": "ptq"}, "'ptq' is not one of 'PTQ', 'QAT'"),
        ({"devices": "xpu"}, "'xpu' is not one of 'cpu', 'gpu'"),
        ({"preprocess": "mine"}, "--preprocess 'mine': not known; choose one of classification, yolo"),
        ({"slim_config": "slim.yml"}, "give --config_path FILE"),
        ({"opt": "PTQ.calibration_method"}, "not key=value"),
        ({"opt": "Global.model_dir=absent"}, "-o: `Global.model_dir` = 'absent': no such file or folder"),
        ({"opt": "Global.ptq_image_path=absent"}, "give another with --images"),
        ({"input": "photo"}, "input 'image' is missing"),
    ],
)  # fmt: skip
def test_compress_says_one_line_and_writes_nothing_when_its_input_is_bad(given, tmp_path, command, flags, said):
    code, lines = command(*arguments(given, tmp_path, **flags))
    assert code == 2
    assert len(lines) == 1
    assert said in lines[0]
    assert not (tmp_path / "out").exists()


def test_compress_refuses_the_folder_of_the_input_model_when_told_to_write_there(given, tmp_path, command):
    before = digests(given)
    code, (line,) = command(*arguments(given, tmp_path, save_dir=given / "photo_infer"))
    assert code == 2
    assert "the input model lies there" in line
    assert digests(given) == before


@pytest.mark.skipif(bool(this_machine().gpus), reason="this machine has a GPU")
def test_compress_says_so_when_a_gpu_is_asked_for_and_there_is_none(given, tmp_path, command):
    code, (line,) = command(*arguments(given, tmp_path, devices="gpu"))
    assert code == 2
    assert "no GPU" in line
    assert not list(tmp_path.iterdir())


def test_pair_is_quantized_when_paddledetections_command_line_is_used(given, tmp_path, command):
    (tmp_path / "model.yml").write_text("architecture: YOLOv3\n")
    (tmp_path / "slim.yml").write_text("slim: PTQ\nPTQ: {ptq_config: {activation_quantizer: HistQuantizer}}\n")
    files = ("-c", tmp_path / "model.yml", "--slim_config", tmp_path / "slim.yml", "--model", given / "photo_infer")
    data = ("--images", given / "val", "--preprocess", "classification", "--input", "image")
    folders = ("--save_dir", tmp_path / "out", "--out", tmp_path / "run")
    code, lines = command("compress", *files, *data, *folders, "-o", "PTQ.quant_batch_num=2", "epoch=3")
    assert (code, lines) == (0, [])
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert recipe["quantize"] == [{"method": "static", "algo": "hist", "batches": 2}]
    assert (tmp_path / "out" / "model.pdmodel").is_file()
