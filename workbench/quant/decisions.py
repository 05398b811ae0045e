"""The decision table behind `recommend`: cases, the facts that the answers rest on, and one row for each set of cases."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple


class Data(StrEnum):
    """The samples at hand for making a model, beyond those that its accuracy is measured on."""

    NONE = "none"
    UNLABELLED = "unlabelled"
    LABELLED = "labelled"


class Time(StrEnum):
    """How long making the model may take."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"


class Target(StrEnum):
    """Where the model is to run: an x86 CPU without or with INT8 dot products (VNNI), an ARM CPU, an NVIDIA GPU."""

    X86 = "x86"
    X86_VNNI = "x86_vnni"
    ARM = "arm"
    NVIDIA_GPU = "nvidia_gpu"


class Goal(StrEnum):
    """What counts first."""

    SIZE = "size"
    SPEED = "speed"
    ACCURACY = "accuracy"


class Case(NamedTuple):
    """One combination of choices."""

    data: Data
    time: Time
    target: Target
    goal: Goal


class Fact(NamedTuple):
    """A claim and where it comes from."""

    text: str
    source: str


@dataclass(frozen=True)
class Advice:
    """What a row answers: method (`none`: the model as it is), its options, and why.

    `by_target` holds the fact that counts on each target. `integer` tells whether INT8 is worth deploying.
    """

    method: str
    facts: tuple[Fact, ...]
    by_target: Mapping[Target, Fact]
    next_step: str
    options: Mapping[str, Any] = field(default_factory=dict)
    integer: bool = True


@dataclass(frozen=True)
class Row:
    """Cases with one answer: all combinations of these choices."""

    data: tuple[Data, ...]
    time: tuple[Time, ...]
    target: tuple[Target, ...]
    goal: tuple[Goal, ...]
    advice: Advice

    def holds(self, case: Case) -> bool:
        """Whether a case is of this row."""
        return (
            case.data in self.data and case.time in self.time and case.target in self.target and case.goal in self.goal
        )


OWN = "measured on a Xeon with VNNI and AMX, one thread"
NO_VNNI = Fact(
    "INT8 runs 3 to 3.7 times as fast as FP32 on a CPU with VNNI, but only about 1.5 times without, on one thread",
    "PaddleSlim, demo/mkldnn_quant/README_en.md",
)
SATURATION = Fact(
    "without avx512_vnni INT8 sums can saturate, and the accuracy on ONNX Runtime collapses",
    "Paddle2ONNX, docs/zh/quantize.md, FAQ 2",
)
VNNI = Fact("INT8 took ResNet50 from 64.0 to 11.6 ms and MobileNetV1 from 12.0 to 3.0 ms on Paddle Inference", OWN)
BF16 = Fact(
    "BF16 needs no data and kept NanoDet-m's mAP (26.47 of 26.49) in less time than INT8 takes (16.8 against 17.8 ms on "
    "Paddle Inference, 6.1 against 9.5 on OpenVINO), where the CPU has AMX; on one without BF16 instructions stay with FP32",
    OWN,
)
LITE_INT8 = Fact(
    "Paddle Lite runs models of static quantization and of training with INT8 kernels; it advises 100 to 500 images for "
    "calibration and more than 5000 for training",
    "Paddle Lite, user_guides/quant",
)
LITE_FP16 = Fact(
    "Paddle Lite computes in FP16 where the CPU does (ARMv8.2), which needs no data", "Paddle Lite, opt --enable_fp16"
)
TENSORRT_INT8 = Fact(
    "on a T4, TensorRT's INT8 took ResNet50_vd from 3.55 to 0.99 ms at 79.12 -> 79.06 % top-1",
    "FastDeploy, docs/en/quantize.md",
)
TENSORRT_FP16 = Fact(
    "FP16 needs no data, and grouped or depthwise convolutions can be slower in INT8 than in FP16",
    "NVIDIA/TensorRT issues 4529 and 1409",
)
WEIGHTS_ONLY = Fact(
    "weights of 8 bits make the file a quarter as large at a small loss and need no data, but are widened to float before "
    "they are used: size only, speed nowhere",
    "Paddle Lite, user_guides/quant",
)
CALIBRATION = Fact("calibration took 4.5 s for 32 images of NanoDet-m, and no training", OWN)
SIZES = Fact(
    "the parameters of a small MobileNetV1 took 888 KB; 520 KB after pruning a quarter of the channels, 286 KB quantized, 181 KB both",
    "run with PaddleSlim 2.6.0",
)
FEWER_FLOPS = Fact(
    "pruned filters are work that no arithmetic has to do: a quarter of the channels took the parameters of a small MobileNetV1 "
    "from 888 to 520 KB, in float",
    "run with PaddleSlim 2.6.0",
)
TEACHER = Fact(
    "learning from the FP32 model's outputs kept 50.6 of PP-YOLOE-l's 50.9 mAP, without labels; plain training with rounding 48.8",
    "PaddleDetection, configs/slim/README_en.md; PaddleSlim, example/auto_compression/detection",
)
TRAINING = Fact(
    "YOLOv6s keeps 30.3 of 42.4 mAP after calibration, 39.7 with five layers in float too, 41.3 after training with rounding",
    "PaddleSlim, example/post_training_quantization/pytorch_yolo_series",
)
CLIPPING = Fact(
    "FastDeploy's own settings for classification train with learned clipping (PACT), 5000 batches for MobileNetV1",
    "FastDeploy, tools/common_tools/auto_compression/configs",
)

FLOAT_ON = {Target.X86: NO_VNNI, Target.X86_VNNI: BF16, Target.ARM: LITE_FP16, Target.NVIDIA_GPU: TENSORRT_FP16}
INT8_ON = {Target.X86: NO_VNNI, Target.X86_VNNI: VNNI, Target.ARM: LITE_INT8, Target.NVIDIA_GPU: TENSORRT_INT8}
TRAIN = {"train": {"iterations": 5000}}
THIRD = {"prune": {"flops": 0.3}}

AS_IS = Advice(
    "none",
    (),
    FLOAT_ON,
    "Next to nothing is lost. For a better float model, `distill_only` with a larger `teacher`.",
    integer=False,
)
AS_IS_X86 = Advice(
    "none",
    (NO_VNNI, SATURATION),
    {},
    "Nothing is lost. For speed, `prune` takes away work that FP32 does too.",
    integer=False,
)
DYNAMIC = Advice(
    "dynamic",
    (WEIGHTS_ONLY,),
    {},
    "Weights of 16 bits: half the size, nearly without loss (Paddle Lite).",
    integer=False,
)
STATIC = Advice(
    "static",
    (CALIBRATION,),
    INT8_ON,
    "Add `accuracy: {max_drop: 1.0}`: the worst tensors stay in float (5.2 -> 0.5 points lost by NanoDet-m on Paddle Inference, "
    "with two of them). Then `distill`.",
)
STATIC_X86 = replace(STATIC, facts=(CALIBRATION, SATURATION))
DISTILL = Advice(
    "distill",
    (TEACHER,),
    INT8_ON,
    "More iterations, `distill: {loss: soft_label}`, or `skip_tensors` of notebook 06; with labels, `qat`.",
    TRAIN,
)
QAT = Advice(
    "qat",
    (TRAINING, TEACHER),
    INT8_ON,
    "With more time, `pact`; with more images, more iterations.",
    TRAIN | {"distill": {}},
)
PACT = Advice(
    "pact",
    (CLIPPING,),
    INT8_ON,
    "Leave the worst tensors in float: `skip_tensors` of notebook 06.",
    TRAIN | {"distill": {}},
)
PRUNE = Advice(
    "prune",
    (FEWER_FLOPS,),
    FLOAT_ON,
    "A smaller `prune: {flops: ...}`, or `prune: {sensitivity: true}`.",
    TRAIN | THIRD,
    integer=False,
)
DISTILL_PRUNE = Advice(
    "distill_prune",
    (FEWER_FLOPS,),
    FLOAT_ON,
    "A smaller `prune: {flops: ...}`, more iterations; with labels, `prune`.",
    TRAIN | THIRD,
    integer=False,
)
PRUNE_QAT = Advice(
    "prune_qat",
    (SIZES,),
    INT8_ON,
    "A smaller `prune: {flops: ...}`, `prune: {sensitivity: true}`; then `qat`, which prunes nothing.",
    TRAIN | THIRD,
)

NONE, UNLABELLED, LABELLED = ((data,) for data in Data)
SOME = UNLABELLED + LABELLED
MINUTES, HOURS, DAYS = ((time,) for time in Time)
LONG, ANY_TIME = HOURS + DAYS, tuple(Time)
X86, X86_VNNI, ARM, GPU = ((target,) for target in Target)
WITH_INT8, ANY_TARGET = X86_VNNI + ARM + GPU, tuple(Target)
SIZE, SPEED, ACCURACY = ((goal,) for goal in Goal)
ANY_GOAL = tuple(Goal)

TABLE = (
    #   data at hand   time       target       first
    Row(NONE,          ANY_TIME,  ANY_TARGET,  SIZE,              DYNAMIC),
    Row(NONE,          ANY_TIME,  X86,         SPEED + ACCURACY,  AS_IS_X86),
    Row(NONE,          ANY_TIME,  WITH_INT8,   SPEED + ACCURACY,  AS_IS),
    Row(SOME,          MINUTES,   WITH_INT8,   SPEED,             STATIC),
    Row(SOME,          MINUTES,   X86,         SPEED,             STATIC_X86),
    Row(SOME,          MINUTES,   WITH_INT8,   SIZE,              STATIC),
    Row(SOME,          MINUTES,   WITH_INT8,   ACCURACY,          AS_IS),
    Row(SOME,          MINUTES,   X86,         SIZE,              DYNAMIC),
    Row(SOME,          ANY_TIME,  X86,         ACCURACY,          AS_IS_X86),
    Row(UNLABELLED,    LONG,      WITH_INT8,   ANY_GOAL,          DISTILL),
    Row(UNLABELLED,    LONG,      X86,         SIZE,              DYNAMIC),
    Row(UNLABELLED,    LONG,      X86,         SPEED,             DISTILL_PRUNE),
    Row(LABELLED,      LONG,      ANY_TARGET,  SIZE,              PRUNE_QAT),
    Row(LABELLED,      LONG,      WITH_INT8,   SPEED,             PRUNE_QAT),
    Row(LABELLED,      LONG,      X86,         SPEED,             PRUNE),
    Row(LABELLED,      HOURS,     WITH_INT8,   ACCURACY,          QAT),
    Row(LABELLED,      DAYS,      WITH_INT8,   ACCURACY,          PACT),
)  # fmt: skip
