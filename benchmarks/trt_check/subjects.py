"""The models that are checked: the samples, one of them trained, networks of random weights, NanoDet-m, and what runs hold."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.cpu.subjects import DATA, REPOSITORY
from workbench import pipeline
from workbench.backends.base import Settings
from workbench.backends.registry import BACKENDS
from workbench.errors import InputError, WorkbenchError
from workbench.files import write_text
from workbench.models.model import Model
from workbench.records import Device, Precision, Status

PRECISIONS = (Precision.INT8, Precision.INT8_FP16)
DEPLOY = [{"backend": "tensorrt", "device": "gpu", "precision": [precision.value for precision in PRECISIONS]}]
NANODET = {"file": str(REPOSITORY / "examples" / "nanodet" / "task.py"), "options": {"data": str(DATA / "coco")}}

# Some steps are enough: what training changes in the graph it changes from the first one on.
TRAINED_TASK = {
    "name": "digits_classification",
    "options": {"calibration_images": 32, "search_images": 64, "training_images": 128},
}
STEPS = {"epochs": 1, "batch_size": 16, "learning_rate": 0.0001}
TRAINED = [{"method": method, "train": STEPS} for method in ("qat", "pact", "distill")] + [
    {"method": "prune_qat", "prune": {"flops": 0.3}, "train": STEPS}
]


def lowering(model: Model, precision: Precision) -> str:
    """The worker job that makes of a Model what TensorRT takes."""
    return BACKENDS["tensorrt"].prepare_function(model, Settings(device=Device.GPU, precision=precision))


@dataclass(frozen=True)
class Subject:
    """A model to quantize: what a recipe says of `model` and `task`, or the shipped recipe of that name."""

    name: str
    model: dict[str, Any] | None = None
    task: dict[str, Any] | None = None
    quantize: Sequence[dict[str, Any]] = ({"method": "static"},)
    needs: Path | None = None

    def quantized(self, folder: Path) -> list[Model]:
        """Its quantized Models, made in the run folder where they are not there yet. Raises WorkbenchError."""
        if self.needs and not self.needs.exists():
            raise InputError(
                f"{self.needs.name} is not here: WORKBENCH_CHECK_DATA names the folder that holds models/ and coco/"
            )
        experiment = pipeline.open_experiment(self.recipe(folder), folder)
        state = pipeline.quantize(experiment)
        for key, made in state["models"].items():
            if made["status"] != Status.OK:
                raise WorkbenchError(f"{key}: {made['status']}: {made['reason']}")
        return quantized_models(folder)

    def recipe(self, folder: Path) -> str | Path:
        """The shipped recipe's name, or the file that is written into `folder`."""
        if self.model is None:
            return self.name
        content = {
            "schema_version": 1,
            "name": self.name,
            "model": self.model,
            **({"task": self.task} if self.task else {}),
            "quantize": list(self.quantize),
            "deploy": DEPLOY,
        }
        write_text(folder / "given.yaml", yaml.safe_dump(content, sort_keys=False))
        return folder / "given.yaml"


def quantized_models(run: Path) -> list[Model]:
    """The Models of a finished run that can be lowered: with ranges, or quantized by others. Raises InputError where there is no run."""
    stage = run / "stages" / "quantize.json"
    if not stage.is_file():
        raise InputError(f"run folder {run}: no model was quantized there; run `workbench quantize` first")
    found = json.loads(stage.read_text(encoding="utf-8"))["models"].values()
    models = [Model.open(run / "models" / entry["digest"]) for entry in found if entry["status"] == Status.OK]
    return [model for model in models if model.manifest.scales.activations or model.manifest.method == "published"]


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("demo"),
        Subject("digits_detection"),
        Subject("digits_segmentation"),
        Subject("digits_text"),
        Subject("trained", model={"sample": "digits_mobilenet_v1_x0_25"}, task=TRAINED_TASK, quantize=TRAINED),
        Subject("mobilenet_v1", model={"architecture": "mobilenet_v1"}),
        Subject("resnet50", model={"architecture": "resnet50"}),
        Subject(
            "nanodet_m", model={"path": str(DATA / "models" / "nanodet_m.onnx")}, task=NANODET, needs=DATA / "coco"
        ),
    )
}
