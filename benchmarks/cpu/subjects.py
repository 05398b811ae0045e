"""The networks that are compared, and the recipe under which ours goes through the workbench's own pipeline."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from workbench.backends.registry import BACKENDS
from workbench.records import Device, Precision

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("WORKBENCH_CHECK_DATA", REPOSITORY.parent / "shared" / "data"))
BACKEND_NAMES = ("onnxruntime", "openvino", "paddle_inference")
MEASURE = {
    "scopes": ["runtime"], "warmup": 20, "repeats": 500, "rounds": 10, "block_runs": 50, "block_seconds": 0.3,
    "bootstrap": 20, "timeout_s": 600,
}  # fmt: skip


class Reference(StrEnum):
    """What a row is compared with."""

    OWN_FP32 = "own FP32"
    AS_GIVEN = "FP32 as given"
    QUANTIZE_STATIC = "quantize_static"
    NNCF = "NNCF"


@dataclass(frozen=True)
class Comparison:
    """Rows of one precision on one backend: the fastest of the references is held against the target."""

    backend: str
    precision: Precision
    references: tuple[Reference, ...]
    target: float | None = None


@dataclass(frozen=True)
class Subject:
    """A network: `network` is its name in `paddle.vision.models` and its weights are random, or it is the trained NanoDet-m.

    `targets` holds the largest ratio of ours to the reference by backend and precision.
    """

    name: str
    network: str = ""
    metric_name: str = "SQNR dB"
    sqnr_outputs: tuple[str, ...] = ()

    @property
    def weights(self) -> str:
        """Whether the weights mean anything: `random` or `trained`."""
        return "random" if self.network else "trained"

    def missing(self) -> str:
        """What this machine lacks for it; empty when nothing."""
        if self.network or self.given_onnx.is_file():
            return ""
        return "no NanoDet-m here: WORKBENCH_CHECK_DATA names the folder that holds models/nanodet_m.onnx and coco/"

    @property
    def given_onnx(self) -> Path:
        """The trained model's file."""
        return DATA / "models" / "nanodet_m.onnx"

    def task(self, *, smoke: bool) -> dict[str, Any]:
        """The recipe's `task`."""
        images = {"calibration_images": 4, "evaluation_images": 4} if smoke else {}
        if not self.network:
            file = REPOSITORY / "examples" / "nanodet" / "task.py"
            return {"file": str(file), "options": {"data": str(DATA / "coco")} | images}
        data = {"data": str(DATA / "coco")} if (DATA / "coco").is_dir() else {}
        size = {"size": 64} if smoke else {}
        return {"file": str(Path(__file__).with_name("crops.py")), "options": data | images | size}

    def recipe(self, model: Path, backends: tuple[str, ...], *, smoke: bool) -> dict[str, Any]:
        """The recipe that quantizes `model` and deploys it in every precision that the backends have on CPU."""
        return {
            "schema_version": 1,
            "name": self.name,
            "model": {"path": str(model), "name": self.name},
            "task": self.task(smoke=smoke),
            "quantize": [{"method": "static"}],
            "deploy": [{"backend": name, "device": "cpu", "precision": _precisions(name)} for name in backends],
            "measure": MEASURE | {"sqnr_outputs": list(self.sqnr_outputs)},
        }

    def comparisons(self) -> list[Comparison]:
        """All that is compared, and how good ours has to be (issue: 1.05 of the best other INT8)."""
        return _comparisons(given=not self.network)


def _precisions(backend: str) -> list[str]:
    has = BACKENDS[backend].precisions[Device.CPU]
    return [str(precision) for precision in (Precision.FP32, Precision.BF16, Precision.INT8) if precision in has]


def _comparisons(*, given: bool) -> list[Comparison]:
    fp32, bf16, int8 = Precision.FP32, Precision.BF16, Precision.INT8
    static, nncf, own, as_given = Reference.QUANTIZE_STATIC, Reference.NNCF, Reference.OWN_FP32, Reference.AS_GIVEN
    found = [
        Comparison("onnxruntime", int8, (static,), 1.05),
        Comparison("openvino", int8, (nncf, static), 1.05),
        Comparison("openvino", bf16, (own,)),
        Comparison("paddle_inference", bf16, (own,)),
    ]
    if not given:
        return [*found, Comparison("paddle_inference", int8, (own,))]
    return [
        Comparison("onnxruntime", fp32, (as_given,)),
        Comparison("openvino", fp32, (as_given,)),
        Comparison("paddle_inference", fp32, (as_given,), 0.65),
        *found,
        Comparison("paddle_inference", int8, (as_given,), 0.60),
    ]


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("mobilenet_v1", network="mobilenet_v1"),
        Subject("resnet50", network="resnet50"),
        Subject("nanodet_m", metric_name="mAP", sqnr_outputs=("792", "814", "836")),
    )
}
