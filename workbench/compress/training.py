"""The sections of ACT that say how to train, distil, quantize and prune, as the blocks of our training methods' options."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from workbench.compress.account import Account
from workbench.errors import InputError
from workbench.quant.program import Operator
from workbench.quant.training.options import Criterion, Loss, Optimizer, Schedule

TRAIN, DISTILL, PRUNE = "TrainConfig", "Distillation", "ChannelPrune"
OPTIMIZERS = {"SGD": Optimizer.SGD, "Momentum": Optimizer.MOMENTUM, "Adam": Optimizer.ADAM, "AdamW": Optimizer.ADAMW}
CRITERIA = {"l1_norm": Criterion.L1_NORM, "fpgm": Criterion.FPGM, "geometry_median": Criterion.FPGM}
ACT_EVAL_ITER = 1000  # PaddleSlim's default
NO_METRIC = "images without labels have no metric; with --task FILE there is one"
ONE_WIDTH = "8 bits, the only width that the backends compute in"
TEACHER_KEYS = ("teacher_model_dir", "teacher_model_filename", "teacher_params_filename")
Block = dict[str, Any]


def train_block(account: Account, *, batch_key: str, has_metric: bool, batches_per_epoch: int | None) -> Block:
    """`train` from section TrainConfig; `batches_per_epoch` turns iterations into epochs, where it is known."""
    block = {
        **_length(account),
        "batch_size": account.integer(batch_key, "train.batch_size"),
        **_learning_rate(account, batches_per_epoch),
        **optimizer_block(account, f"{TRAIN}.optimizer_builder"),
        **_evaluation(account, has_metric=has_metric),
    }
    account.skip(f"{TRAIN}.logging_iter", "a bar shows the progress")
    account.skip(f"{TRAIN}.sparse_model", "belongs to unstructured sparsity, which no backend here makes use of")
    for key in ("amp_config", "recompute_config", "sharding_config"):
        account.skip(f"{TRAIN}.{key}", "training is in FP32, on one device")
    return given(block)


def _length(account: Account) -> Block:
    if (iterations := account.integer(f"{TRAIN}.train_iter", "train.iterations")) is not None:
        account.skip(f"{TRAIN}.epochs", "`train_iter` is given too")
        return {"iterations": iterations}
    return {"epochs": account.number(f"{TRAIN}.epochs", "train.epochs")}


def _learning_rate(account: Account, batches_per_epoch: int | None) -> Block:
    key = f"{TRAIN}.learning_rate"
    if not account.has(f"{key}.type"):
        rate = account.number(key, "train.learning_rate, constant")
        return {} if rate is None else {"learning_rate": rate, "schedule": Schedule.CONSTANT}
    kinds = {"CosineAnnealingDecay": Schedule.COSINE, "PiecewiseDecay": Schedule.PIECEWISE}
    if account.choice(f"{key}.type", kinds, "train.schedule") is Schedule.COSINE:
        return {
            "schedule": Schedule.COSINE,
            "learning_rate": account.number(f"{key}.learning_rate", "train.learning_rate"),
            "cosine_iterations": account.integer(f"{key}.T_max", "train.cosine_iterations"),
        }
    return _piecewise(account, key, batches_per_epoch)


def _piecewise(account: Account, key: str, batches_per_epoch: int | None) -> Block:
    """Paddle's PiecewiseDecay lists rates and the iterations between them; ours has a factor and the epochs between."""
    rates = account.numbers(f"{key}.values", "train.learning_rate and train.gamma")
    steps = account.numbers(f"{key}.boundaries", "train.milestones, in epochs")
    factors = {round(after / before, 6) for before, after in pairwise(rates) if before}
    if len(factors) == 1 and len(rates) == len(steps) + 1 and batches_per_epoch:
        return {
            "schedule": Schedule.PIECEWISE,
            "learning_rate": rates[0],
            "milestones": [step / batches_per_epoch for step in steps],
            "gamma": factors.pop(),
        }
    why = (
        "how many iterations an epoch has is known only of a folder of images that is there"
        if len(factors) == 1 and len(rates) == len(steps) + 1
        else "`train.gamma` is one factor at each milestone, and these rates are not"
    )
    account.skip(f"{key}.boundaries", f"{why}; the first rate stays")
    account.use(f"{key}.values", "train.learning_rate: the first of them, constant")
    return {"schedule": Schedule.CONSTANT} | ({"learning_rate": rates[0]} if rates else {})


def optimizer_block(account: Account, section: str) -> Block:
    """Optimizer, momentum and weight decay from a section `optimizer_builder` or `OptimizerBuilder`."""
    regularizer = f"{section}.regularizer"
    decay = account.number(f"{section}.weight_decay", "train.weight_decay")
    inner = account.number(f"{section}.optimizer.weight_decay", "train.weight_decay")
    if account.has(f"{regularizer}.type") and account.peek(f"{regularizer}.type") not in ("L2", "L2Decay"):
        account.skip(regularizer, "the only penalty is L2")
    elif account.has(regularizer):
        account.use(f"{regularizer}.type", "train.weight_decay, which is L2")
        factor = account.number(f"{regularizer}.factor", "train.weight_decay")
        decay = factor if decay is None else decay
    account.skip(f"{section}.grad_clip", "gradients are not clipped")
    account.skip(f"{section}.clip_grad_by_norm", "gradients are not clipped")
    return given(
        {
            "optimizer": account.choice(f"{section}.optimizer.type", OPTIMIZERS, "train.optimizer"),
            "momentum": account.number(f"{section}.optimizer.momentum", "train.momentum"),
            "weight_decay": inner if decay is None else decay,
        }
    )


def _evaluation(account: Account, *, has_metric: bool) -> Block:
    believed = "the FP32 model is measured, not believed"
    account.skip(f"{TRAIN}.origin_metric", believed if has_metric else NO_METRIC)
    if not has_metric:
        account.skip(f"{TRAIN}.eval_iter", NO_METRIC)
        account.skip(f"{TRAIN}.target_metric", NO_METRIC)
        return {}
    every = account.integer(f"{TRAIN}.eval_iter", "train.evaluate_iterations")
    target = account.number(f"{TRAIN}.target_metric", "train.target_metric, in percent")
    if target is None:
        return given({"evaluate_iterations": every})
    return {"evaluate_iterations": every or ACT_EVAL_ITER, "target_metric": target * 100 if target <= 1 else target}


def distill_block(account: Account, flag: Path | None) -> Block:
    """`distill` from section Distillation; `flag` is the teacher that the command line names."""
    if flag is not None:
        for key in TEACHER_KEYS:
            account.skip(f"{DISTILL}.{key}", "--teacher is given")
        return _distance(account) | {"teacher": str(flag)}
    teacher = account.path(f"{DISTILL}.teacher_model_dir", "distill.teacher", flag="--teacher")
    name = None
    if teacher is not None:
        name = account.use(f"{DISTILL}.teacher_model_filename", "distill.teacher")
        account.skip(f"{DISTILL}.teacher_params_filename", "the weights lie beside the model, under the same stem")
        teacher.check()
    else:
        for key in TEACHER_KEYS:
            account.skip(f"{DISTILL}.{key}", "no folder is given: the FP32 model is the teacher")
    path = None if teacher is None else str(teacher.path / str(name) if name else teacher.path)
    return _distance(account) | given({"teacher": path})


def _distance(account: Account) -> Block:
    alpha = account.numbers(f"{DISTILL}.alpha", "distill.alpha")
    return given(
        {
            "loss": account.choice(f"{DISTILL}.loss", {str(loss): loss for loss in Loss}, "distill.loss"),
            "nodes": account.names(f"{DISTILL}.node", "distill.nodes"),
            "alpha": alpha[0] if alpha else None,
        }
    )


def quantize_block(account: Account, section: str) -> Block:
    """`quantize` from a section of ACT's QuantAware kind."""
    quantizer_facts(account, section)
    account.skip(f"{section}.not_quant_pattern", "an exported model has no scopes; name tensors in `skip_tensors`")
    account.skip(f"{section}.for_tensorrt", "each backend gets its own placement, whatever was trained")
    account.only(
        f"{section}.onnx_format", True, used_as="the format that is always written",
        otherwise="the old format runs on no backend but Paddle's own",
    )  # fmt: skip
    account.only(
        f"{section}.is_full_quantize", False, used_as="operators without weights are left to each backend's placement",
        otherwise="operators without weights are left to each backend's placement",
    )  # fmt: skip
    return given(
        {
            "pact": account.use(f"{section}.use_pact", "quantize.pact"),
            "operators": operators(account, f"{section}.quantize_op_types", "quantize.operators"),
            "moving_rate": account.number(f"{section}.moving_rate", "quantize.moving_rate"),
        }
    )


def quantizer_facts(account: Account, section: str) -> None:
    """Note the keys that say what kind of rounding it is: there is one here."""
    for key in ("weight_bits", "activation_bits"):
        account.only(f"{section}.{key}", 8, used_as=ONE_WIDTH, otherwise=ONE_WIDTH)
    account.only(f"{section}.dtype", "int8", used_as=ONE_WIDTH, otherwise=ONE_WIDTH)
    one = "weights have one scale per output channel"
    account.only(f"{section}.weight_quantize_type", "channel_wise_abs_max", used_as=one, otherwise=one)
    ranges = "ranges of activations follow a moving average of their largest value"
    account.only(f"{section}.activation_quantize_type", "moving_average_abs_max", used_as=ranges, otherwise=ranges)
    account.skip(f"{section}.window_size", "belongs to activation_quantize_type range_abs_max")


def operators(account: Account, key: str, used_as: str) -> list[Operator] | None:
    """The operators with weights that a list names; those without are not ours to choose."""
    listed = account.names(key, used_as)
    known = [name for name in listed if name in set(Operator)]
    others = ", ".join(name for name in listed if name not in known)
    if others and known:
        account.use(key, f"{used_as}, without {others}: each backend's placement decides on those")
    elif others:
        account.skip(key, "none of these has weights to quantize; each backend's placement decides on them")
    return [Operator(name) for name in known] or None


def prune_block(account: Account) -> Block:
    """`prune` from section ChannelPrune: one ratio for all filters, or one for each that is named."""
    key = f"{PRUNE}.pruned_ratio"
    names = account.names(f"{PRUNE}.prune_params_name", "names in prune.ratios")
    ratios = account.numbers(key, "prune.ratios")
    criterion = account.choice(f"{PRUNE}.criterion", CRITERIA, "prune.criterion")
    if names:
        return given({"criterion": criterion, "ratios": paired(account, key, names, ratios)})
    account.use(f"{PRUNE}.prune_params_name", "all convolutions")
    account.use(key, "prune.flops = 1 - (1 - ratio)^2: a convolution loses filters, and channels of its input")
    return given({"criterion": criterion, "flops": round(1 - (1 - ratios[0]) ** 2, 6) if ratios else None})


def paired(account: Account, key: str, names: list[str], ratios: list[float]) -> dict[str, float]:
    """Ratios by name; one ratio is for all names. Raises InputError when the lists are of different lengths."""
    if len(ratios) not in (1, len(names)):
        raise InputError(f"{account.where(key)}: {len(ratios)} ratios for {len(names)} names; give one for each")
    return dict(zip(names, ratios * len(names) if len(ratios) == 1 else ratios, strict=True))


def given(block: Block) -> Block:
    """A block without what the configuration does not say."""
    return {key: value for key, value in block.items() if value is not None and value != []}
