"""FastDeploy's one-click compression: sections Global, Distillation, QuantAware (or Quantization), PTQ and TrainConfig.

Defaults are those of its tool, fd_auto_compress (FastDeploy develop, March 2024).
"""

from pathlib import Path
from typing import Any

from workbench.compress.account import Account
from workbench.compress.choices import CompressMethod
from workbench.compress.global_section import model_of
from workbench.compress.layers import Layer
from workbench.compress.reading import Data, Flags, Reading, compose, images_of
from workbench.compress.training import DISTILL, TRAIN, distill_block, quantize_block, train_block
from workbench.errors import InputError
from workbench.quant.ranges import Algorithm
from workbench.tasks.image_folder import Preprocess

IMAGES = 10  # the tool passes batch_nums=10 and a loader of batch 1
HIST_PERCENT = 0.999
QUANTIZE = ("QuantAware", "Quantization")
PREPROCESS = {
    "yolo_image_preprocess": Preprocess.YOLO,
    "cls_image_preprocess": Preprocess.CLASSIFICATION,
    "ppyoloe_withNMS_image_preprocess": Preprocess.PPYOLOE,
    "ppyoloe_plus_withNMS_image_preprocess": Preprocess.PPYOLOE_PLUS,
    "ppseg_cityscapes_ptq_preprocess": Preprocess.SEGMENTATION,
    "ppseg_cityscapes_qat_preprocess": Preprocess.SEGMENTATION_TRAIN,
}
X2PADDLE = "x2paddle_"
OWN_KEYS = ("format", "input_list", "ptq_image_path", "qat_image_path", "ptq_preprocess", "qat_preprocess")


def is_fastdeploy(account: Account) -> bool:
    """Whether a configuration is FastDeploy's: ACT's has none of these keys."""
    return account.has("PTQ") or any(account.has(f"Global.{key}") for key in OWN_KEYS)


def read_fastdeploy(layers: list[Layer], where: str, method: CompressMethod | None, flags: Flags) -> Reading:
    """The Reading of a FastDeploy configuration; raises InputError for what cannot be used."""
    account = Account(layers)
    if method is None:
        raise InputError(f"{where}: say how to compress with --method PTQ or --method QAT")
    source = model_of(account, flags, trained=method is CompressMethod.QAT)
    data = _data(account, method, flags, onnx=str(source.recipe["path"]).endswith(".onnx"))
    make = _ptq if method is CompressMethod.PTQ else _qat
    name, options = make(account, data, flags)
    return compose(
        account, name=f"{Path(where).stem}-{method.lower()}", where=where, source=source, data=data, flags=flags,
        otherwise="no key that FastDeploy's tool has", method=name, options=options,
    )  # fmt: skip


def _data(account: Account, method: CompressMethod, flags: Flags, *, onnx: bool) -> Data:
    mine, other = ("ptq", "qat") if method is CompressMethod.PTQ else ("qat", "ptq")
    for key in (f"{other}_image_path", f"{other}_preprocess", *(["qat_batch_size"] if mine == "ptq" else [])):
        account.skip(f"Global.{key}", f"belongs to --method {other.upper()}")
    folder, preprocess = f"Global.{mine}_image_path", f"Global.{mine}_preprocess"
    if not account.has(folder):
        folder = "Global.image_path"
    inputs = account.names("Global.input_list", "task.options.input_list")
    if onnx:
        inputs = [name.removeprefix(X2PADDLE) for name in inputs]
        account.use("Global.input_list", f"task.options.input_list, without {X2PADDLE}: inputs keep their ONNX names")
    if flags.inputs:
        account.skip("Global.input_list", "--input is given")
    chosen = account.choice(preprocess, PREPROCESS, "task.options.preprocess")
    for flag, value in (("--preprocess", flags.preprocess), ("--task", flags.task)):
        if value is not None:
            account.skip(preprocess, f"{flag} is given")
    if flags.task is not None:
        account.skip("Global.input_list", "--task is given")
    trained = method is CompressMethod.QAT
    options = {} if trained else {"calibration_images": IMAGES}
    return images_of(account, folder, flags, preprocess=chosen, inputs=inputs, options=options, trained=trained)


def _ptq(account: Account, data: Data, flags: Flags) -> tuple[str, dict[str, Any]]:
    for section in (DISTILL, *QUANTIZE, TRAIN):
        account.skip(section, "belongs to --method QAT")
    options: dict[str, Any] = {"hist_percent": HIST_PERCENT, "batches": IMAGES}
    algorithms = {str(algorithm): algorithm for algorithm in Algorithm}
    algo = account.choice("PTQ.calibration_method", algorithms, "algo")
    skipped = account.names("PTQ.skip_tensor_list", "skip_tensors")
    if account.peek("PTQ.skip_tensor_list") == "None":
        account.use("PTQ.skip_tensor_list", 'skip_tensors, none: the text "None" stands for no list')
    account.skip("PTQ", "no key that FastDeploy's tool has")
    return "static", options | ({"algo": str(algo)} if algo else {}) | ({"skip_tensors": skipped} if skipped else {})


def _qat(account: Account, data: Data, flags: Flags) -> tuple[str, dict[str, Any]]:
    account.skip("PTQ", "belongs to --method PTQ")
    batch_size = "Global.qat_batch_size"
    train = train_block(
        account, batch_key=batch_size, has_metric=data.has_metric,
        batches_per_epoch=data.batches_per_epoch(account.integer(batch_size, "train.batch_size")),
    )  # fmt: skip
    section = next((name for name in QUANTIZE if account.has(name)), QUANTIZE[0])
    return "distill", {
        "train": train,
        "distill": distill_block(account, flags.teacher),
        "quantize": quantize_block(account, section),
    }
