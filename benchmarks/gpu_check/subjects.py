"""What is run: the shipped sample, and a real detector where its data is, else a network of random weights."""

from typing import Any

from benchmarks.cpu.subjects import DATA
from benchmarks.trt_check.subjects import NANODET
from workbench.backends.registry import BACKENDS
from workbench.records import Device, Precision

SAMPLE = {
    "name": "gpu-check-sample",
    "model": {"sample": "digits_mobilenet_v1"},
    "task": {"name": "digits_classification", "options": {"calibration_images": 32}},
    "quantize": [{"method": "static", "algo": "hist"}],
}
DETECTOR = {
    "name": "gpu-check-nanodet",
    "model": {"path": str(DATA / "models" / "nanodet_m.onnx")},
    "task": NANODET,
    "quantize": [{"method": "static", "algo": "avg"}],
}
NETWORK = {
    "name": "gpu-check-mobilenet",
    "model": {"architecture": "mobilenet_v1"},
    "quantize": [{"method": "static"}],
}
CPU = {"backend": "onnxruntime", "device": "cpu", "precision": ["fp32", "int8"]}
MEASURE = {"scopes": ["runtime"], "warmup": 50, "repeats": 500}
PINNED = (Precision.INT8_FP16,)


def subjects() -> list[dict[str, Any]]:
    """Recipes of both networks; the detector needs the folder that WORKBENCH_CHECK_DATA names."""
    second = DETECTOR if (DATA / "coco").is_dir() else NETWORK
    return [recipe | {"schema_version": 1, "deploy": deployments(), "measure": MEASURE} for recipe in (SAMPLE, second)]


def deployments() -> list[dict[str, Any]]:
    """ONNX Runtime on CPU to compare with, then every precision of every backend on GPU, through pinned memory where that goes."""
    on_gpu = {name: backend for name, backend in BACKENDS.items() if Device.GPU in backend.precisions}
    precisions = {
        name: [str(p) for p in Precision if p in backend.precisions[Device.GPU]] for name, backend in on_gpu.items()
    }
    plain = [{"backend": name, "device": "gpu", "precision": found} for name, found in precisions.items()]
    pinned = [
        {"backend": name, "device": "gpu", "precision": [str(precision)], "pinned": True}
        for name, backend in on_gpu.items()
        if backend.pins_memory
        for precision in PINNED
    ]
    return [CPU, *plain, *pinned]
