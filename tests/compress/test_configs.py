"""Every key of every configuration is in its account, as used or with the reason why not, and recipes are what they say."""

import os
from pathlib import Path

import pytest
import yaml

from workbench.compress.choices import CompressMethod
from workbench.compress.read import read_config, read_pair
from workbench.compress.reading import Flags
from workbench.errors import InputError
from workbench.quant.registry import METHODS

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data")) / "configs"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no configurations at {DATA}; WORKBENCH_CHECK_DATA names another folder"
)
FLAGS = Flags(model=Path("exported"), task=Path("task.py"), teacher=Path("teacher"))
IMAGES = Flags(images=Path("images"), preprocess="classification")
FASTDEPLOY = """
Global:
  model_dir: ./net_infer/
  format: paddle
  model_filename: inference.pdmodel
  params_filename: inference.pdiparams
  qat_image_path: ./train
  ptq_image_path: ./val
  input_list: ['input']
  qat_preprocess: cls_image_preprocess
  ptq_preprocess: cls_image_preprocess
  qat_batch_size: 4
Distillation: {alpha: 1.0, loss: l2, node: [softmax_0.tmp_0]}
QuantAware:
  use_pact: true
  weight_bits: 8
  onnx_format: true
  quantize_op_types: [conv2d, depthwise_conv2d, pool2d]
TrainConfig:
  epochs: 2
  eval_iter: 500
  learning_rate: {type: CosineAnnealingDecay, learning_rate: 0.015, T_max: 8000}
  optimizer_builder: {optimizer: {type: Momentum}, weight_decay: 2.0e-05}
  target_metric: 0.7
PTQ: {calibration_method: avg, skip_tensor_list: None}
"""
ACT = """
Global: {model_dir: net, model_filename: inference.pdmodel, params_filename: inference.pdiparams, batch_size: 8, data_dir: ILSVRC2012}
Distillation: {alpha: 1.0, loss: soft_label}
TrainConfig: {train_iter: 10, learning_rate: 1e-3, optimizer_builder: {optimizer: {type: SGD}}}
"""


class _Open(yaml.SafeLoader):
    """Reads any tag as what it stands on: only the keys matter here."""


_Open.add_multi_constructor("!", lambda loader, tag, node: {"type": tag, **loader.construct_mapping(node, deep=True)})


def leaf_keys(value, prefix=""):
    """The paths of all scalars and lists of scalars, found without the code under test."""
    if isinstance(value, dict) and value:
        return {key for name, part in value.items() for key in leaf_keys(part, f"{prefix}{name}.")}
    if isinstance(value, list) and any(isinstance(part, dict) for part in value):
        return {key for number, part in enumerate(value) for key in leaf_keys(part, f"{prefix}{number}.")}
    return {prefix.removesuffix(".")}


def assert_every_key_is_told(reading, *files):
    for file in files:
        told = {entry.key: entry for entry in reading.entries if entry.source == file.name}
        assert set(told) == leaf_keys(yaml.load(file.read_text(), Loader=_Open))
    assert all(bool(entry.used_as) != bool(entry.reason) for entry in reading.entries)


def shipped(folder):
    return sorted((DATA / folder).glob("*.y*ml")) if DATA.is_dir() else []


def write(tmp_path, text, name="net_quant.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


def read(tmp_path, text, method=None, flags=None, **options):
    path = write(tmp_path, text)
    reading = read_config(path, method=method, flags=flags, **options)
    if not options:
        assert_every_key_is_told(reading, path)
    return reading


def read_slim(tmp_path, slim, model="architecture: YOLOv3\n", flags=FLAGS, **options):
    files = write(tmp_path, model, "model.yml"), write(tmp_path, slim, "slim.yml")
    reading = read_pair(*files, flags=flags, **options)
    assert_every_key_is_told(reading, *files)
    return reading


def entry(reading, key, source=None):
    return next(e for e in reading.entries if e.key == key and source in (None, e.source))


def made(reading):
    (entry,) = reading.recipe.quantize
    METHODS[entry.method].parse(entry.options)
    return entry.method, entry.options


# The configurations as they are shipped


@needs_data
@pytest.mark.parametrize("method", CompressMethod)
@pytest.mark.parametrize("file", shipped("fastdeploy"), ids=lambda file: file.stem)
def test_account_has_every_key_when_the_configuration_is_fastdeploys(file, method):
    reading = read_config(file, method=method)
    assert_every_key_is_told(reading, file)
    assert made(reading)[0] == {"PTQ": "static", "QAT": "distill"}[method]


@needs_data
@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("detection_configs_ppyoloe_l_qat_dis", "distill"),
        ("image_classification_configs_ResNet50_vd_qat_dis", "distill"),
        ("image_classification_configs_MobileNetV1_prune_dis", None),
        ("nlp_configs_ernie3.0_afqmc", None),
    ],
)
def test_account_has_every_key_when_the_configuration_is_acts(name, method):
    file = DATA / "act" / f"{name}.yaml"
    reading = read_config(file, flags=IMAGES)
    assert_every_key_is_told(reading, file)
    assert [made.method for made in reading.recipe.quantize] == ([method] if method else [])
    assert bool(reading.nothing) == (method is None)


@needs_data
@pytest.mark.parametrize("file", shipped("paddledetection_slim"), ids=lambda file: file.stem)
def test_account_has_every_key_when_the_configuration_is_paddledetections(file, tmp_path):
    model = write(tmp_path, "epoch: 3\nTrainReader: {batch_size: 4, sample_transforms: [{Decode: {}}]}\n", "model.yml")
    reading = read_pair(model, file, flags=FLAGS)
    found = yaml.load(file.read_text(), Loader=_Open)
    told = {entry.key for entry in reading.entries if entry.source == file.name}
    assert told == leaf_keys(found)
    method, options = made(reading)
    pact = "PACT" in file.read_text()
    assert method == {"QAT": "pact" if pact else "qat", "PTQ": "static", "Pruner": "prune", "PrunerQAT": "prune_qat",
                      "Distill": "distill_only", "DistillPrune": "distill_prune"}[found["slim"]]  # fmt: skip
    if "prune" in method:
        section = found.get("Pruner") or found["PrunerQAT"]
        assert options["prune"]["ratios"] == dict(zip(section["pruned_params"], section["pruned_ratios"], strict=True))


# FastDeploy


def test_ptq_is_static_quantization_of_ten_images_when_the_configuration_is_fastdeploys(tmp_path):
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.PTQ)
    assert made(reading) == ("static", {"algo": "avg", "hist_percent": 0.999, "batches": 10})
    assert reading.recipe.task.options == {
        "calibration_folder": str(tmp_path / "val"), "preprocess": "classification", "input_list": ["input"],
        "calibration_images": 10,
    }  # fmt: skip
    assert (reading.recipe.model.path, reading.stem) == (tmp_path / "net_infer" / "inference.pdmodel", "model")
    assert '"None" stands for no list' in entry(reading, "PTQ.skip_tensor_list").used_as
    assert entry(reading, "TrainConfig.epochs").reason == "belongs to --method QAT"


def test_qat_is_distillation_without_labels_when_the_configuration_is_fastdeploys(tmp_path):
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.QAT)
    method, options = made(reading)
    assert method == "distill"
    assert options["train"] == {
        "epochs": 2.0, "batch_size": 4, "schedule": "cosine", "learning_rate": 0.015, "cosine_iterations": 8000,
        "optimizer": "momentum", "weight_decay": 2e-5,
    }  # fmt: skip
    assert options["distill"] == {"loss": "l2", "nodes": ["softmax_0.tmp_0"], "alpha": 1.0}
    assert options["quantize"] == {"pact": True, "operators": ["conv2d", "depthwise_conv2d"]}
    assert "pool2d" in entry(reading, "QuantAware.quantize_op_types").used_as
    assert "no metric" in entry(reading, "TrainConfig.target_metric").reason
    assert (reading.recipe.task.options["calibration_folder"], reading.stem) == (str(tmp_path / "train"), "inference")


def test_qat_evaluates_when_a_task_with_labels_is_given(tmp_path):
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.QAT, Flags(task=tmp_path / "task.py"))
    train = made(reading)[1]["train"]
    assert (train["evaluate_iterations"], train["target_metric"]) == (500, pytest.approx(70))
    assert entry(reading, "Global.qat_image_path").reason == "--task is given"


def test_quantization_is_read_as_quantaware_when_it_is_named_so(tmp_path):
    reading = read(tmp_path, FASTDEPLOY.replace("QuantAware", "Quantization"), CompressMethod.QAT)
    assert made(reading)[1]["quantize"]["pact"] is True


def test_images_are_found_when_the_configuration_has_one_folder_for_both_methods(tmp_path):
    text = FASTDEPLOY.replace("qat_image_path: ./train\n  ptq_image_path: ./val", "image_path: ./both")
    for method in CompressMethod:
        options = read(tmp_path, text, method).recipe.task.options
        assert options["calibration_folder"] == str(tmp_path / "both")


def test_rates_become_milestones_when_the_images_can_be_counted(tmp_path):
    (tmp_path / "train").mkdir()
    for number in range(9):
        (tmp_path / "train" / f"{number}.jpg").touch()
    text = FASTDEPLOY.replace(
        "{type: CosineAnnealingDecay, learning_rate: 0.015, T_max: 8000}",
        "{type: PiecewiseDecay, boundaries: [1, 3], values: [0.1, 0.01, 0.001]}",
    )
    train = made(read(tmp_path, text, CompressMethod.QAT))[1]["train"]
    assert (train["schedule"], train["milestones"], train["gamma"]) == ("piecewise", [0.5, 1.5], 0.1)
    uneven = read(tmp_path, text.replace("0.001]", "0.002]"), CompressMethod.QAT)
    assert made(uneven)[1]["train"]["schedule"] == "constant"
    assert "the first rate stays" in entry(uneven, "TrainConfig.learning_rate.boundaries").reason


def test_input_names_are_the_onnx_files_own_when_x2paddle_prefixed_them(tmp_path):
    text = FASTDEPLOY.replace("./net_infer/", "./net.onnx").replace("format: paddle", "format: onnx")
    reading = read(tmp_path, text.replace("['input']", "['x2paddle_images']"), CompressMethod.QAT)
    assert reading.recipe.task.options["input_list"] == ["images"]
    assert (reading.recipe.model.path, reading.stem) == (tmp_path / "net.onnx", "inference")


def test_flags_take_the_place_of_paths_when_given(tmp_path):
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.PTQ, Flags(model=tmp_path / "own", images=tmp_path / "mine"))
    assert reading.recipe.model.path == tmp_path / "own"
    assert reading.recipe.task.options["calibration_folder"] == str(tmp_path / "mine")
    assert {entry(reading, f"Global.{key}").reason for key in ("model_dir", "model_filename", "ptq_image_path")} == {
        "--model is given", "--images is given",
    }  # fmt: skip
    assert reading.paths == ()


def test_file_names_hold_when_the_models_folder_is_given_by_a_flag(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "inference.pdmodel").touch()
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.PTQ, Flags(model=tmp_path / "own"))
    assert reading.recipe.model.path == tmp_path / "own" / "inference.pdmodel"


def test_overrides_win_when_given(tmp_path):
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.PTQ, overrides=["PTQ.calibration_method=KL"])
    assert made(reading)[1]["algo"] == "KL"
    assert entry(reading, "PTQ.calibration_method", "net_quant.yaml").reason == "-o says otherwise"


def test_path_is_found_in_the_current_folder_when_it_is_not_beside_the_configuration(tmp_path, monkeypatch):
    (tmp_path / "here" / "val").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    reading = read(tmp_path, FASTDEPLOY, CompressMethod.PTQ)
    assert reading.recipe.task.options["calibration_folder"] == str(tmp_path / "here" / "val")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("method: avg", "method: min_max"), "`PTQ.calibration_method` = 'min_max': not known here; choose one of abs_max"),
        (("format: paddle", "format: torch"), "`Global.format` = 'torch'"),
        (("ptq_preprocess: cls_image", "ptq_preprocess: my_image"), "`Global.ptq_preprocess` = 'my_image_preprocess'"),
        (("PTQ:", "Global:"), "key 'Global' is given twice"),
        (("skip_tensor_list: None", "when: 2024-13-45"), "cannot be read as YAML"),
        (("alpha: 1.0", "alpha: !!python/object/apply:os.getcwd []"), "cannot be read as YAML"),
        (("model_dir: ./net_infer/", "nothing: 1"), "name the model with --model"),
        (("ptq_image_path: ./val", "nothing: 1"), "with --images"),
        (("['input']", "['input', 'scale']"), ""),
    ],
)  # fmt: skip
def test_configuration_is_refused_in_one_line_when_it_cannot_be_used(tmp_path, change, said):
    path = write(tmp_path, FASTDEPLOY.replace(*change))
    if not said:
        assert read_config(path, method=CompressMethod.PTQ)  # the task checks its own options
        return
    with pytest.raises(InputError) as found:
        read_config(path, method=CompressMethod.PTQ)
    assert said in str(found.value)
    assert "\n" not in str(found.value)


def test_method_is_asked_for_when_a_fastdeploy_configuration_comes_without(tmp_path):
    with pytest.raises(InputError, match="--method PTQ or --method QAT"):
        read(tmp_path, FASTDEPLOY)


# ACT


def test_pruning_and_distillation_are_one_method_when_act_names_both(tmp_path):
    prune = "ChannelPrune: {pruned_ratio: 0.25, prune_params_name: [conv2d_1.w_0], criterion: l1_norm}\n"
    method, options = made(read(tmp_path, ACT + prune))
    assert (method, options["prune"]["ratios"]) == ("distill_prune", {"conv2d_1.w_0": 0.25})
    assert options["train"]["learning_rate"] == 0.001
    method, options = made(read(tmp_path, ACT + "ChannelPrune: {pruned_ratio: 0.25, prune_params_name: null}\n"))
    assert options["prune"] == {"flops": 0.4375}


def test_pruning_and_quantization_ask_for_labels_when_act_names_both(tmp_path):
    both = ACT + "ChannelPrune: {pruned_ratio: 0.25}\nQuantAware: {use_pact: false}\n"
    with pytest.raises(InputError, match="--task FILE"):
        read(tmp_path, both)
    assert made(read(tmp_path, both, flags=FLAGS))[0] == "prune_qat"


def test_teacher_of_the_flag_wins_when_the_configuration_names_one(tmp_path):
    text = ACT.replace("loss: soft_label", "teacher_model_dir: big, teacher_model_filename: a.pdmodel")
    reading = read(tmp_path, text, flags=Flags(images=tmp_path / "i", teacher=tmp_path / "own"))
    assert made(reading)[0] == "distill_only"
    assert made(reading)[1]["distill"]["teacher"] == str(tmp_path / "own")
    assert entry(reading, "Distillation.teacher_model_dir").reason == "--teacher is given"
    with pytest.raises(InputError, match=r"`Distillation\.teacher_model_dir` = 'big': no such file or folder"):
        read(tmp_path, text)


def test_sparsity_is_not_used_when_act_asks_for_it(tmp_path):
    reading = read(
        tmp_path, ACT + "UnstructurePrune: {prune_mode: ratio, ratio: 0.75, gmp_config: {pruning_steps: 9}}\n"
    )
    assert "neither size nor latency" in entry(reading, "UnstructurePrune.gmp_config.pruning_steps").reason
    assert "learns from itself" in reading.nothing


def test_quantpost_is_static_quantization_when_act_names_it(tmp_path):
    static = "QuantPost: {batch_size: 4, batch_nums: 3, algo: mse, skip_tensor_list: [a], onnx_format: false, recon_level: null}\n"
    reading = read(tmp_path, ACT.splitlines()[1] + "\n" + static)
    assert made(reading) == (
        "static",
        {"algo": "mse", "hist_percent": 0.999, "batch_size": 4, "batches": 3, "skip_tensors": ["a"]},
    )
    assert reading.recipe.task.options["calibration_images"] == 12
    assert "old format" in entry(reading, "QuantPost.onnx_format").reason


# PaddleDetection


def test_slim_file_and_overrides_win_when_merged(tmp_path):
    write(tmp_path, "epoch: 100\nTrainReader: {batch_size: 1, worker_num: 2}\n", "base.yml")
    model = "_BASE_: ['base.yml', 'absent.yml']\nepoch: 50\n"
    slim = """
slim: QAT
QAT: {quant_config: {activation_preprocess_type: PACT, weight_bits: 8, quantizable_layer_type: [Conv2D]}}
LearningRate:
  base_lr: 0.001
  schedulers:
  - !PiecewiseDecay {gamma: 0.1, milestones: [10, 20]}
  - !LinearWarmup {start_factor: 0., steps: 100}
OptimizerBuilder: {optimizer: {type: Momentum, momentum: 0.8}, regularizer: {type: L2, factor: 0.0005}}
"""
    files = write(tmp_path, model, "model.yml"), write(tmp_path, slim, "slim.yml")
    reading = read_pair(*files, overrides=["epoch=7"], flags=FLAGS)
    method, options = made(reading)
    assert method == "pact"
    assert options["train"] == {
        "epochs": 7.0, "batch_size": 1, "learning_rate": 0.001, "schedule": "piecewise", "milestones": [10, 20],
        "gamma": 0.1, "warmup_iterations": 100, "optimizer": "momentum", "momentum": 0.8, "weight_decay": 0.0005,
    }  # fmt: skip
    assert entry(reading, "epoch", "base.yml").reason == "model.yml says otherwise"
    assert entry(reading, "epoch", "model.yml").reason == "-o says otherwise"
    assert {e.value: e.used_as or e.reason for e in reading.entries if e.key == "_BASE_"} == {
        "base.yml": "read before this file",
        "absent.yml": f"not read: no file {tmp_path / 'absent.yml'}",
    }


def test_batches_under_ptq_count_when_paddledetection_would_ignore_them(tmp_path):
    slim = "slim: PTQ\nPTQ: {ptq_config: {activation_quantizer: KLQuantizer, hist_percent: 0.99}, quant_batch_num: 3, fuse: true}\n"
    flags = Flags(model=Path("m"), images=tmp_path, preprocess="yolo")
    reading = read_slim(tmp_path, slim, flags=flags)
    assert made(reading) == ("static", {"algo": "KL", "hist_percent": 0.99, "batches": 3})
    assert "top level only" in entry(reading, "PTQ.quant_batch_num").used_as
    assert reading.stem == "model"


def test_training_settings_are_the_students_when_the_slim_file_is_the_teachers(tmp_path):
    slim = "slim: DistillPrune\ndistill_loss: Loss\nLoss: {weight: 3}\nepoch: 500\npruner: Pruner\nPruner: {criterion: fpgm, pruned_params: [a, b], pruned_ratios: [0.5]}\n"
    reading = read_slim(tmp_path, slim, model="epoch: 5\n")
    method, options = made(reading)
    assert (method, options["train"], options["prune"]["ratios"]) == (
        "distill_prune",
        {"epochs": 5.0},
        {"a": 0.5, "b": 0.5},
    )
    assert "teacher" in entry(reading, "epoch", "slim.yml").reason


@pytest.mark.parametrize(
    ("slim", "flags", "said"),
    [
        ("slim: OFA\n", FLAGS, "`slim` = 'OFA': not known here; choose one of QAT, PTQ"),
        ("slim: QAT\n", Flags(task=Path("t.py")), "with --model"),
        ("slim: QAT\n", Flags(model=Path("m"), images=Path("i"), preprocess="yolo"), "trains from labels"),
        ("slim: PTQ\n", Flags(model=Path("m"), images=Path("i")), "--preprocess (classification, yolo"),
        ("slim: Distill\n", Flags(model=Path("m"), task=Path("t.py")), "with --teacher"),
        ("slim: Pruner\nPruner: {pruned_params: [a, b, c], pruned_ratios: [0.1, 0.2]}\n", FLAGS, "2 ratios for 3 names"),
        ("slim: Pruner\nPruner: {pruned_params: [a], pruned_ratios: [1.5]}\n", FLAGS, "must lie between 0 and 1"),
        ("slim: Pruner\nPruner: {pruned_params: [a]}\n", FLAGS, "`Pruner.pruned_ratios`, which is not given: 0 ratios"),
        ("slim: PTQ\nPTQ: {quant_batch_num: many}\n", FLAGS, "`PTQ.quant_batch_num` = 'many': not a number"),
        ("slim: PTQ\n", Flags(model=Path("m"), task=Path("t"), images=Path("i")), "leave --images"),
        ("_BASE_: slim.yml\nslim: QAT\n", FLAGS, "leads back to itself"),
    ],
)  # fmt: skip
def test_pair_is_refused_in_one_line_when_it_cannot_be_used(tmp_path, slim, flags, said):
    with pytest.raises(InputError) as found:
        read_slim(tmp_path, slim, flags=flags)
    assert said in str(found.value)
    assert "\n" not in str(found.value)
