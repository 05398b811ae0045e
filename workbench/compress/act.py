"""PaddleSlim's ACT (auto compression): the sections that are there say what to do, and Global where model and data are."""

from pathlib import Path
from typing import Any

from workbench.compress.account import Account
from workbench.compress.choices import CompressMethod
from workbench.compress.global_section import model_of
from workbench.compress.layers import Layer
from workbench.compress.reading import Data, Flags, Reading, compose, images_of
from workbench.compress.training import (
    DISTILL,
    PRUNE,
    TRAIN,
    distill_block,
    operators,
    prune_block,
    quantize_block,
    train_block,
)
from workbench.quant.ranges import Algorithm
from workbench.tasks.image_folder import Preprocess

QUANTIZE, STATIC = "QuantAware", "QuantPost"
HIST_PERCENT = 0.999  # QuantPost's default
NOT_BUILT = {
    "UnstructurePrune": "unstructured sparsity changes neither size nor latency on these backends",
    "ASPPrune": "2:4 sparsity changes neither size nor latency on these backends",
    "TransformerPrune": "only filters of convolutions are pruned here",
    "MultiTeacherDistillation": "there is one teacher here",
    "HyperParameterOptimization": "a recipe's `accuracy:` searches range algorithms and tensors to keep in float",
    "Prune": "no section that ACT has: PaddleSlim ignores it too; filters are pruned by ChannelPrune",
}
ARCHITECTURES = {"PPYOLOE": Preprocess.PPYOLOE, "YOLOv5": Preprocess.YOLO, "YOLOv6": Preprocess.YOLO, "YOLOv7": Preprocess.YOLO}  # fmt: skip
GLOBAL_REASONS = {
    "reader_config": "belongs to ACT's example programs; images are read as task.options.preprocess says",
    "include_nms": "the model is run as it is, with or without NMS in it",
    "Evaluation": "compress makes the model; `workbench accuracy` judges it",
    "task_name": "belongs to ACT's example for text; give your data with --task FILE",
    "dataset": "belongs to ACT's example for text; give your data with --task FILE",
    "max_seq_length": "belongs to ACT's example for text; give your data with --task FILE",
}


def read_act(layers: list[Layer], where: str, method: CompressMethod | None, flags: Flags) -> Reading:
    """The Reading of an ACT configuration; `method` overrules what its sections say. Raises InputError."""
    account = Account(layers)
    strategies = {name for name in (QUANTIZE, DISTILL, PRUNE, STATIC) if account.has(name)}
    static = method is CompressMethod.PTQ or (method is None and strategies == {STATIC})
    source = model_of(account, flags, trained=not static)
    options: dict[str, Any] = {}
    name = nothing = ""
    if static:
        name, options = "static", _static(account)
    data = _data(account, flags, options)
    if not static:
        name, options, nothing = _trained(account, strategies, data, flags)
    for section, reason in NOT_BUILT.items():
        account.skip(section, reason)
    return compose(
        account, name=Path(where).stem, where=where, source=source, data=data, flags=flags,
        otherwise="no key that ACT has", method=name, options=options, nothing=nothing,
    )  # fmt: skip


def _data(account: Account, flags: Flags, static: dict[str, Any]) -> Data:
    for key, reason in GLOBAL_REASONS.items():
        account.skip(f"Global.{key}", reason)
    preprocess = Preprocess.CLASSIFICATION if account.has("Global.data_dir") else None
    if account.peek("Global.arch") in ARCHITECTURES:
        preprocess = ARCHITECTURES[account.use("Global.arch", "task.options.preprocess")]
    else:
        account.skip("Global.arch", "not known here; --preprocess says how images become inputs")
    batches = static.get("batches")
    used = {"calibration_images": static.get("batch_size", 1) * batches if batches else None} if static else {}
    return images_of(
        account, "Global.data_dir", flags, preprocess=preprocess, inputs=(), options=used, trained=not static
    )


def _static(account: Account) -> dict[str, Any]:
    for section in (DISTILL, QUANTIZE, PRUNE, TRAIN):
        account.skip(section, "belongs to training, not to --method PTQ")
    account.skip("Global.batch_size", f"calibration takes {STATIC}.batch_size")
    algorithms = {str(algorithm): algorithm for algorithm in Algorithm}
    algo = account.choice(f"{STATIC}.algo", algorithms, "algo")
    found = {
        "algo": str(algo) if algo else None,
        "hist_percent": account.number(f"{STATIC}.hist_percent", "hist_percent") or HIST_PERCENT,
        "batch_size": account.integer(f"{STATIC}.batch_size", "batch_size"),
        "batches": account.integer(f"{STATIC}.batch_nums", "batches"),
        "operators": operators(account, f"{STATIC}.quantize_op_types", "operators"),
        "skip_tensors": account.names(f"{STATIC}.skip_tensor_list", "skip_tensors") or None,
    }
    account.only(
        f"{STATIC}.onnx_format", True, used_as="the format that is always written",
        otherwise="the old format runs on no backend but Paddle's own",
    )  # fmt: skip
    account.skip(
        f"{STATIC}.bias_correction", "PaddleSlim 2.6 accepts it and does nothing in the format that is written"
    )
    account.skip(STATIC, "belongs to reconstruction of layers, which is not built here")
    return {key: value for key, value in found.items() if value is not None}


def _trained(account: Account, strategies: set[str], data: Data, flags: Flags) -> tuple[str, dict[str, Any], str]:
    """Method, options, or why there is nothing to do, of the sections that train."""
    account.skip(STATIC, "belongs to --method PTQ")
    if nothing := _nothing_to_train(account, strategies, flags):
        for section in (DISTILL, TRAIN):
            account.skip(section, nothing)
        account.skip("Global.batch_size", nothing)
        return "", {}, nothing
    batch_size = account.integer("Global.batch_size", "train.batch_size")
    train = train_block(
        account, batch_key="Global.batch_size", has_metric=data.has_metric,
        batches_per_epoch=data.batches_per_epoch(batch_size),
    )  # fmt: skip
    options: dict[str, Any] = {"train": train, "distill": distill_block(account, flags.teacher)}
    if QUANTIZE in strategies:
        options["quantize"] = quantize_block(account, QUANTIZE)
    if PRUNE in strategies:
        options["prune"] = prune_block(account)
    method = {
        frozenset({QUANTIZE}): "distill",
        frozenset({PRUNE}): "distill_prune",
        frozenset({QUANTIZE, PRUNE}): "prune_qat",
        frozenset(): "distill_only",
    }[frozenset(strategies & {QUANTIZE, PRUNE})]
    return method, options, ""


def _nothing_to_train(account: Account, strategies: set[str], flags: Flags) -> str:
    if not strategies & {QUANTIZE, DISTILL, PRUNE}:
        return f"no section says what to train ({DISTILL} with {QUANTIZE} or {PRUNE}); --method PTQ quantizes without training"
    if strategies & {QUANTIZE, PRUNE} or flags.teacher or account.has(f"{DISTILL}.teacher_model_dir"):
        return ""
    return "nothing is left to train: a float model that learns from itself stays as it is"
