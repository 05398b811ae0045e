"""What NanoDet-m loses when it is lowered for TensorRT: class scores and mAP on photographs, by ONNX Runtime on CPU.

ONNX Runtime runs the lowered graph operator by operator, as it stands, which is what TensorRT has to come near to.
"""

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.cpu.subjects import DATA
from benchmarks.trt_check.rows import aligned
from benchmarks.trt_check.subjects import NANODET, PRECISIONS, lowering
from workbench import pipeline
from workbench.errors import InputError, WorkbenchError
from workbench.files import write_text
from workbench.launch import run_job
from workbench.models.model import Model
from workbench.pipeline.plan import FLOAT_MODEL
from workbench.records import Precision, Status

logger = logging.getLogger("trt-check")
CLASS_SCORES = ["792", "814", "836"]
STEM_POOL = "pool2d_0.tmp_0"  # large outliers: most of the error of all activations
BEST = "stem_pool_in_float"
QUANTIZE = [
    {"method": "static", "algo": "avg"},
    {"method": "static", "algo": "avg", "skip_tensors": [STEM_POOL], "variant": BEST},
]
LEAST_SQNR_DB = 18.0  # of the class scores, with the stem's pool in float
HALF_WITHIN_DB = 1.0  # INT8 with FP16 against INT8
RESAMPLES = 200
COLUMNS = ("model", "method", "variant", "precision", "images", "sqnr_db", "metric", "drop", "drop_low", "drop_high")


def write_accuracy(folder: Path, rows: Sequence[dict[str, Any]]) -> str:
    """Write `accuracy.csv`; returns the same as a table to print."""
    lines = [list(COLUMNS), *([_cell(row[name]) for name in COLUMNS] for row in rows)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(folder / "accuracy.csv", text.getvalue())
    return aligned(lines)


def shortfalls(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each thing that the model with its stem's pool in float loses beyond what it should."""
    found = {row["precision"]: row["sqnr_db"] for row in rows if row["variant"] == BEST}
    int8, half = found[Precision.INT8], found[Precision.INT8_FP16]
    said = []
    if int8 < LEAST_SQNR_DB:
        said.append(f"{BEST}: {int8:.1f} dB of the class scores in INT8, and {LEAST_SQNR_DB:g} are wanted")
    if abs(int8 - half) > HALF_WITHIN_DB:
        said.append(
            f"{BEST}: {half:.1f} dB in INT8 with FP16 against {int8:.1f} in INT8, further off than {HALF_WITHIN_DB:g} dB"
        )
    return said


def measure(folder: Path, images: int) -> list[dict[str, Any]]:
    """A row for FP32, and for each quantized model in both precisions; raises WorkbenchError when one cannot be had."""
    if not (DATA / "coco").is_dir():
        raise InputError("no coco here: WORKBENCH_CHECK_DATA names the folder that holds models/ and coco/")
    recipe = {
        "schema_version": 1,
        "name": "nanodet_m",
        "model": {"path": str(DATA / "models" / "nanodet_m.onnx"), "name": "nanodet_m"},
        "task": NANODET,
        "quantize": QUANTIZE,
        "deploy": [{"backend": "onnxruntime", "precision": ["fp32", "int8"]}],
    }
    write_text(folder / "given.yaml", yaml.safe_dump(recipe, sort_keys=False))
    experiment = pipeline.open_experiment(folder / "given.yaml", folder)
    models = pipeline.quantize(experiment)["models"]
    evaluation = _Evaluation(experiment, images)
    baseline = evaluation.row(models.pop(FLOAT_MODEL)["digest"], Precision.FP32)
    return [baseline] + [
        evaluation.row(made["digest"], precision) for made in models.values() for precision in PRECISIONS
    ]


class _Evaluation:
    def __init__(self, experiment: pipeline.Experiment, images: int) -> None:
        self._experiment = experiment
        self._images = images
        self._folder = experiment.run.path / "trt"
        (self._folder / "fp32").mkdir(parents=True, exist_ok=True)

    def row(self, digest: str, precision: Precision) -> dict[str, Any]:
        """Lower one model and evaluate it; the FP32 model comes first, for the others are compared with it."""
        source = Model.open(self._experiment.run.models / digest)
        logger.info("%s %s", source.label, precision)
        models = str(self._folder / "models")
        made = self._job(lowering(source, precision), model=str(source.folder), models=models)
        predictions = self._folder / f"{digest}-{precision}.json"
        found = self._job(
            "workbench.measure.accuracy:evaluate_job",
            backend="onnxruntime",
            model=str(self._folder / "models" / made["digest"]),
            settings={
                "precision": "int8" if precision.is_quantized else "fp32",
                "options": {"graph_optimization": "none"},
            },
            task=self._experiment.task,
            limit=self._images,
            predictions=str(predictions),
            outputs=str(self._folder / "fp32"),
            compare=precision.is_quantized,
            sqnr_images=self._images,
            sqnr_outputs=CLASS_SCORES,
        )
        drop = {"drop": None, "low": None, "high": None}
        if precision.is_quantized:
            drop = self._job(
                "workbench.measure.accuracy:drop_job",
                task=self._experiment.task,
                baseline=str(self._baseline),
                other=str(predictions),
                resamples=RESAMPLES,
            )
        else:
            self._baseline = predictions
        manifest = source.manifest
        return {
            "model": manifest.name,
            "method": manifest.method,
            "variant": manifest.variant,
            "precision": precision,
            "images": found["samples"],
            "sqnr_db": found["sqnr_db"],
            "metric": next(iter(found["metrics"].values())),
            "drop": drop["drop"],
            "drop_low": drop["low"],
            "drop_high": drop["high"],
        }

    def _job(self, function: str, **arguments: Any) -> Any:
        outcome = run_job(function, arguments, log=self._folder / "job.log", timeout_s=3600)
        if outcome.status is not Status.OK:
            raise WorkbenchError(f"{function}: {outcome.status}: {outcome.reason}")
        return outcome.value


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
