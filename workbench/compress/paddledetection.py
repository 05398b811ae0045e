"""PaddleDetection's composition: a model configuration, a slim configuration on top, and key=value overrides last.

How its tools merge them: ppdet/slim/__init__.py, PaddleDetection 666f597. For Distill and DistillPrune the slim file is the
*teacher's* configuration, so what it says of training does not count.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.compress.account import Account
from workbench.compress.layers import BASE, Layer
from workbench.compress.reading import Data, Flags, Reading, compose, images_of, source_of
from workbench.compress.training import CRITERIA, given, optimizer_block, paired, quantizer_facts
from workbench.errors import InputError
from workbench.quant.program import Operator
from workbench.quant.ranges import Algorithm
from workbench.quant.training.options import Schedule

OBSERVERS = {"HistQuantizer": Algorithm.HIST, "KLQuantizer": Algorithm.KL, "AbsmaxQuantizer": Algorithm.ABS_MAX}
LAYERS = {
    "Conv2D": (Operator.CONV2D, Operator.DEPTHWISE_CONV2D),
    "Linear": (Operator.MUL, Operator.MATMUL, Operator.MATMUL_V2),
    "Conv2DTranspose": (Operator.CONV2D_TRANSPOSE,),
}
BATCHES = 10  # PaddleDetection's quant_batch_num
OTHERWISE = "describes how PaddleDetection builds, trains or reads; here the exported model and the task say that"
WEIGHTS = "weights for training a Layer; the exported model is given with --model"
TEACHER = "belongs to the teacher; its exported model is given with --teacher"
PRINTS = "only prints; the report shows what was made"
LOSS = "a loss inside PaddleDetection's network; an exported model's outputs are compared by distill.loss"
PER_EPOCH = "how many iterations an epoch has is known only of a folder of images that is there"
Options = dict[str, Any]


def read_paddledetection(model: Sequence[Layer], slim: Sequence[Layer], overrides: Layer, flags: Flags) -> Reading:
    """The Reading of a pair of configurations; raises InputError for what cannot be used."""
    kind = next((str(layer.data["slim"]) for layer in reversed(slim) if "slim" in layer.data), "")
    where = slim[-1].source
    if kind not in MAKERS:
        raise InputError(f"{where}: `slim` = {kind!r}: not known here; choose one of {', '.join(MAKERS)}")
    if flags.model is None:
        raise InputError(
            f"{where}: a configuration names no exported model; give the folder that export_model.py wrote with --model"
        )
    if kind == "Distill" and flags.teacher is None:
        raise InputError(f"{where}: `slim` = 'Distill' needs a teacher; give its exported model with --teacher")
    of_teacher = list(slim) if kind in ("Distill", "DistillPrune") else []
    account = Account([*model, *(_slim_part(s) if of_teacher else s for s in slim), overrides])
    account.use("slim", "the method")
    data = _data(account, kind, flags)
    method, options = MAKERS[kind](account, data, flags)
    for key in ("weights", "pretrain_weights"):
        account.skip(key, WEIGHTS)
    name = f"{Path(model[-1].source).stem}-{Path(where).stem}"
    reading = compose(
        account, name=name, where=where, source=source_of(flags.model), data=data, flags=flags, otherwise=OTHERWISE,
        method=method, options=options,
    )  # fmt: skip
    teacher = Account([_teacher_part(layer) for layer in of_teacher])
    return replace(reading, entries=(*reading.entries, *teacher.entries(TEACHER)))


def _slim_part(layer: Layer) -> Layer:
    keys = {BASE, "slim", "slim_method", "distill_loss", "pruner", "Pruner", layer.data.get("distill_loss")}
    return replace(layer, data={key: value for key, value in layer.data.items() if key in keys})


def _teacher_part(layer: Layer) -> Layer:
    mine = _slim_part(layer).data
    return replace(layer, data={key: value for key, value in layer.data.items() if key not in mine})


def _data(account: Account, kind: str, flags: Flags) -> Data:
    """A folder of images is what the data set of the configuration names, where it names one."""
    trained = kind != "PTQ"
    dataset = "TrainDataset" if trained else "EvalDataset"
    batches, batch_size = (0, None) if trained else _calibration(account)
    options = {"calibration_images": batches * (batch_size or 1)} if batches else {}
    return images_of(
        account, f"{dataset}.dataset_dir", flags, preprocess=None, inputs=(), options=options, trained=trained
    )


def _ptq(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    config = "PTQ.ptq_config"
    algo = account.choice(f"{config}.activation_quantizer", OBSERVERS, "algo")
    percent = account.number(f"{config}.hist_percent", "hist_percent")
    account.skip(f"{config}.upsample_bins", "histograms keep 2048 bins at all times")
    one = "weights have one scale per output channel"
    account.only(f"{config}.weight_quantizer", "PerChannelAbsmaxQuantizer", used_as=one, otherwise=one)
    for key in ("fuse", "fuse_list"):
        account.skip(f"PTQ.{key}", "convolutions and batch norms are always folded, as `model.clean` says")
    account.skip("PTQ.print_model", PRINTS)
    batches, batch_size = _calibration(account)
    algo_name = None if algo is None else str(algo)
    return "static", given({"algo": algo_name, "hist_percent": percent, "batch_size": batch_size, "batches": batches})


def _calibration(account: Account) -> tuple[int, int | None]:
    """Batches, and samples in each where a reader says so."""
    batch_size = account.integer("EvalReader.batch_size", "batch_size")
    batches = account.integer("PTQ.quant_batch_num", "batches (PaddleDetection reads it from the top level only)")
    if batches is None:
        return account.integer("quant_batch_num", "batches") or BATCHES, batch_size
    account.skip("quant_batch_num", "PTQ.quant_batch_num is given")
    return batches, batch_size


def _qat(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    quantize = _quantize(account, "QAT.quant_config")
    account.skip("QAT.print_model", PRINTS)
    return "pact" if quantize.get("pact") else "qat", {"train": _train(account, data), "quantize": quantize}


def _pruner(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    return "prune", {"train": _train(account, data), "prune": _prune(account, "Pruner")}


def _pruner_qat(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    prune, quantize = _prune(account, "PrunerQAT"), _quantize(account, "PrunerQAT.quant_config")
    account.skip("PrunerQAT.print_qat_model", PRINTS)
    return "prune_qat", {"train": _train(account, data), "prune": prune, "quantize": quantize}


def _distill(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    return "distill_only", {"train": _train(account, data), "distill": _teach(account, flags)}


def _distill_prune(account: Account, data: Data, flags: Flags) -> tuple[str, Options]:
    prune, train = _prune(account, "Pruner"), _train(account, data)
    account.use("pruner", "the section that says what to prune")
    return "distill_prune", {"train": train, "prune": prune, "distill": _teach(account, flags)}


MAKERS: dict[str, Callable[[Account, Data, Flags], tuple[str, Options]]] = {
    "QAT": _qat, "PTQ": _ptq, "Pruner": _pruner, "PrunerQAT": _pruner_qat, "Distill": _distill, "DistillPrune": _distill_prune,
}  # fmt: skip


def _teach(account: Account, flags: Flags) -> Options:
    for key in ("distill_loss", "slim_method", str(account.peek("distill_loss"))):
        account.skip(key, LOSS)
    return {"teacher": str(flags.teacher)} if flags.teacher else {}


def _prune(account: Account, section: str) -> Options:
    names = account.names(f"{section}.pruned_params", "names in prune.ratios")
    ratios = account.numbers(f"{section}.pruned_ratios", "prune.ratios")
    for key in ("print_params", "print_prune_params"):
        account.skip(f"{section}.{key}", PRINTS)
    paired_ratios = paired(account, f"{section}.pruned_ratios", names, ratios) if names else {}
    return given({"criterion": account.choice(f"{section}.criterion", CRITERIA, "prune.criterion")}) | (
        {"ratios": paired_ratios} if paired_ratios else {}
    )


def _quantize(account: Account, section: str) -> Options:
    quantizer_facts(account, section)
    pact = account.choice(f"{section}.activation_preprocess_type", {"PACT": True}, "method pact")
    account.skip(f"{section}.weight_preprocess_type", "weights are rounded as they are")
    layers = account.names(f"{section}.quantizable_layer_type", "quantize.operators")
    if unknown := [layer for layer in layers if layer not in LAYERS]:
        raise InputError(f"{account.where(f'{section}.quantizable_layer_type')}: {unknown[0]} is not quantized here")
    chosen = [operator for layer in layers for operator in LAYERS[layer]]
    moving_rate = account.number(f"{section}.moving_rate", "quantize.moving_rate")
    return given({"pact": pact, "operators": chosen, "moving_rate": moving_rate})


def _train(account: Account, data: Data) -> Options:
    account.skip("snapshot_epoch", "checkpoints are written every train.checkpoint_iterations")
    batch_size = account.integer("TrainReader.batch_size", "train.batch_size")
    block = {
        "epochs": account.number("epoch", "train.epochs"),
        "batch_size": batch_size,
        "learning_rate": account.number("LearningRate.base_lr", "train.learning_rate"),
        **optimizer_block(account, "OptimizerBuilder"),
    }
    schedulers = account.children("LearningRate.schedulers")
    if block["learning_rate"] is not None:
        block["schedule"] = Schedule.CONSTANT
    for scheduler in schedulers:
        block |= _scheduler(account, scheduler, data.batches_per_epoch(batch_size))
    return given(block)


def _scheduler(account: Account, key: str, batches_per_epoch: int | None) -> Options:
    """One of LearningRate.schedulers: PaddleDetection counts decay in epochs and warm-up in iterations."""
    kind = account.peek(f"{key}.type") or account.peek(f"{key}.name")
    for name in ("type", "name"):
        account.use(f"{key}.{name}", "train.schedule")
    if kind == "PiecewiseDecay":
        milestones = account.numbers(f"{key}.milestones", "train.milestones")
        gamma = account.numbers(f"{key}.gamma", "train.gamma")
        return {"schedule": Schedule.PIECEWISE, "milestones": milestones} | ({"gamma": gamma[0]} if gamma else {})
    if kind == "CosineDecay":
        epochs = account.integer(f"{key}.max_epochs", "train.cosine_iterations")
        if not (epochs and batches_per_epoch):
            account.skip(f"{key}.max_epochs", f"{PER_EPOCH}; the cosine ends with the training")
            return {"schedule": Schedule.COSINE}
        return {"schedule": Schedule.COSINE, "cosine_iterations": epochs * batches_per_epoch}
    if kind == "LinearWarmup":
        return _warmup(account, key, batches_per_epoch)
    for leaf in account.children(key):
        account.skip(leaf, "this schedule is not built here")
    return {}


def _warmup(account: Account, key: str, batches_per_epoch: int | None) -> Options:
    for name in ("type", "name"):
        account.use(f"{key}.{name}", "train.warmup_iterations")
    from_zero = "the rate grows from 0"
    account.only(f"{key}.start_factor", 0.0, used_as=from_zero, otherwise=from_zero)
    steps = account.integer(f"{key}.steps", "train.warmup_iterations")
    epochs = account.number(f"{key}.epochs", "train.warmup_iterations")
    if epochs is not None and batches_per_epoch:
        return {"warmup_iterations": int(epochs * batches_per_epoch)}
    account.skip(f"{key}.epochs", PER_EPOCH)
    return given({"warmup_iterations": steps})
