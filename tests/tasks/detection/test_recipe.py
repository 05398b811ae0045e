"""A detector through all five stages, on COCO's format and YOLO's, with its suppression cut off by default."""

import csv
import json

import cv2
import numpy as np
import pytest
import yaml

from workbench import pipeline
from workbench.pipeline import open_experiment

OPTIONS = {
    "decoder": "nms_inside", "inputs": ["image", "scale_factor"], "preparation": {"size": [64, 64], "resize": "stretch"},
}  # fmt: skip
MEASURE = {
    "warmup": 1, "repeats": 4, "rounds": 2, "block_runs": 2, "block_seconds": 0.0, "discard_runs": 1, "bootstrap": 20, "sqnr_images": 4,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(run_native, tmp_path_factory):
    """A network, images in YOLO's format without labels, and others in COCO's with the boxes that the network itself finds."""
    folder = tmp_path_factory.mktemp("detection")
    written = run_native("nms_nets:write_nets", folder=folder, names=["multiclass"])
    assert written.status == "ok", written.reason
    random = np.random.default_rng(0)
    pictures = [cv2.resize(random.integers(0, 256, (8, 8, 3), np.uint8), (70 + 5 * n, 90)) for n in range(10)]
    for split, part in (("train", pictures[:4]), ("val", pictures[4:])):
        (folder / "images" / split).mkdir(parents=True)
        for number, picture in enumerate(part):
            assert cv2.imwrite(str(folder / "images" / split / f"{number}.png"), picture)
    (folder / "labels" / "train").mkdir(parents=True)
    np.savez(folder / "val.npz", *(picture[:, :, ::-1] for picture in pictures[4:]))
    imported = run_native(
        "nms_nets:import_each", folder=folder, cases={"net": ["multiclass", False, False]}, models=folder
    )
    model = folder / imported.value["net"]
    found = run_native(
        "nms_nets:detect", model=model, backend="paddle_inference", images=folder / "val.npz", options=OPTIONS
    )
    assert found.status == "ok", found.reason
    (folder / "val.json").write_text(json.dumps(coco(pictures[4:], found.value)))
    return folder


def coco(pictures, predictions):
    """The boxes above a score of 0.5 as COCO's annotations, under category ids that are not in a row."""
    boxes = [(image, row) for image, rows in enumerate(predictions) for row in rows if row[1] > 0.5]
    return {
        "images": [
            {"id": 7 * number, "file_name": f"{number}.png", "height": picture.shape[0], "width": picture.shape[1]}
            for number, picture in enumerate(pictures)
        ],
        "categories": [{"id": 10 * (label + 1), "name": f"kind {label}"} for label in range(4)],
        "annotations": [
            {"id": number, "image_id": 7 * image, "category_id": 10 * (int(label) + 1), "iscrowd": 0,
             "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
            for number, (image, (label, _, x1, y1, x2, y2)) in enumerate(boxes, start=1)
        ],
    }  # fmt: skip


def run(folder, name, **changes):
    recipe = {
        "schema_version": 1,
        "name": name,
        "model": {"path": "multiclass"},
        "task": {
            "name": "detection",
            "options": OPTIONS | {
                "evaluation": {"format": "coco", "annotations": "val.json", "images": "images/val"},
                "training": {"format": "yolo", "images": "images/train"}, "calibration_images": 3, "search_images": 1,
            },
        },
        "quantize": [{"method": "static", "algo": "abs_max"}],
        "deploy": [{"backend": "paddle_inference", "precision": ["fp32", "int8"]}, {"backend": "onnxruntime", "precision": ["fp32", "int8"]}],
        "measure": MEASURE,
    } | changes  # fmt: skip
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(recipe))
    experiment = open_experiment(file, folder / f"run-{name}")
    for stage in (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report):
        stage(experiment)
    with (experiment.run.path / "results.csv").open() as rows, (experiment.run.path / "metrics.csv").open() as metrics:
        return list(csv.DictReader(rows)), list(csv.DictReader(metrics))


def test_detector_goes_through_all_stages_when_its_suppression_is_cut_off(folder):
    rows, metrics = run(folder, "whole")
    assert {(row["status"], row["reason"]) for row in rows} == {("ok", "")}
    assert {row["nms"] for row in rows} == {"outside"}
    assert {(row["backend"], row["precision"]) for row in rows} == {
        (backend, precision) for backend in ("paddle_inference", "onnxruntime") for precision in ("fp32", "int8")
    }
    for row in rows:
        assert row["metric_name"] == "mAP"
        # The truth is what the network itself finds.
        assert float(row["metric_value"]) == pytest.approx(100, abs=0.01 if row["precision"] == "fp32" else 40)
        assert row["sqnr_db"] if row["precision"] == "int8" else not row["sqnr_db"]
    named = {row["name"] for row in metrics}
    assert {"mAP50", "preprocess_ms", "run_ms", "postprocess_ms"} <= named


def test_detector_keeps_its_suppression_when_it_is_not_quantized_and_paddle_runs_it(folder):
    rows, _ = run(folder, "inside", quantize=[], deploy=[{"backend": "paddle_inference", "precision": "fp32"}])
    assert {(row["status"], row["nms"]) for row in rows} == {("ok", "inside")}
    assert float(rows[0]["metric_value"]) == pytest.approx(100, abs=0.01)
