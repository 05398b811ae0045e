"""What the networks cost is what is published of them, and random weights carry a signal through them."""

from typing import Any

import pytest

from workbench.models.architectures.registry import ARCHITECTURES

JOBS = "architecture_jobs"
SIDE = 64
PUBLISHED: dict[str, tuple[float, float, int]] = {
    # millions of parameters, GFLOPs or multiply-adds, pixels a side that those are for
    "mobilenet_v1": (4.2, 0.569, 224),  # Howard et al., 2017, table 8: multiply-adds
    "mobilenet_v2": (3.5, 0.300, 224),  # Sandler et al., 2018, table 4: multiply-adds
    "resnet50": (25.6, 4.09, 224),  # torchvision's table of weights: multiply-adds
    "resnet101": (44.5, 7.80, 224),
    "vgg16": (138.4, 15.47, 224),
    "vgg19": (143.7, 19.63, 224),
    "resnet50_vd": (25.6, 4.35, 224),  # PaddleClas, ResNet series: 8.67 GFLOPs
    "yolov5s": (7.2, 16.5 / 2, 640),  # ultralytics/yolov5: GFLOPs of two operations a multiply-add, as the next three
    "yolov6s": (17.2, 44.2 / 2, 640),  # meituan/YOLOv6
    "yolov7": (36.9, 104.7 / 2, 640),  # WongKinYiu/yolov7
    "ppyoloe_l": (52.2, 110.07 / 2, 640),  # PaddleDetection, configs/ppyoloe
    "ppyolov2_r50vd": (54.58, 115.77 / 2, 640),  # the same page
    "yolov3_darknet53": (61.9, 140.69 / 2, 608),  # pjreddie.com/darknet/yolo
}
OWN_SHAPES = {
    "ernie_base": {"input_ids": [-1, 16], "token_type_ids": [-1, 16]},
    "pp_liteseg_t": {"x": [-1, 3, 128, 128]},
}
REFUSED = {name: {"onnxruntime", "openvino"} for name in ("ppyolo_r50vd", "ppyolov2_r50vd")}
"""Backends that cannot run a network: their rows say why."""

QUICK = ("mobilenet_v1", "yolov5s")
FIXED_SIZE = ("vgg16", "vgg19")
"""Their fully connected layers take images of one size."""


def small(name: str) -> dict[str, list[int]]:
    own = "images" if name.startswith(("yolov5", "yolov6", "yolov7")) else "image"
    own = own if name.startswith(("yolo", "pp")) else "inputs"
    return {own: [1, 3, *([SIDE] * 2 if name not in FIXED_SIZE else [224] * 2)]}


def check_costs(run_native: Any, names: tuple[str, ...]) -> None:
    outcome = run_native(f"{JOBS}:costs", shapes={name: small(name) for name in names})
    assert outcome.status == "ok", outcome.reason
    for name in names:
        params, multiply_adds, side = PUBLISHED[name]
        # Convolutions take time in proportion to the image; what does not (fully connected layers) is small.
        scale = 1.0 if name in FIXED_SIZE else (side / SIDE) ** 2
        found = outcome.value[name]
        assert found["params_m"] == pytest.approx(params, rel=0.03), name
        assert found["gmacs"] * scale == pytest.approx(multiply_adds, rel=0.07), name


def test_costs_are_those_published_when_a_network_is_built(run_native):
    check_costs(run_native, QUICK)


@pytest.mark.slow
def test_costs_are_those_published_when_every_network_is_built(run_native):
    for name in set(PUBLISHED) - set(QUICK):
        check_costs(run_native, (name,))


def test_signal_neither_dies_nor_grows_when_weights_are_random(run_native):
    names = {
        "yolov5s": {"images": [-1, 3, 64, 64]},
        "mobilenet_v2": {"inputs": [-1, 3, 64, 64]},
    }
    outcome = run_native(f"{JOBS}:signals", names=names)
    assert outcome.status == "ok", outcome.reason
    found = outcome.value
    assert found["yolov5s"]["shapes"] == [[1, 252, 85]]
    assert found["mobilenet_v2"]["shapes"] == [[1, 1000]]
    # Boxes are in pixels: up to four times the largest anchor.
    assert all(0 < one["largest"] <= 4 * 373 and one["spread"] > 1e-4 for one in found.values())
    # One rounding of the inputs is 1e-7; layers that each doubled it would make it 1.
    assert all(one["rounding"] < 1e-4 for one in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_network_runs_in_int8_on_every_backend_when_it_is_quantized(run_native, tmp_path, name):
    shapes = {} if name in (*FIXED_SIZE, "ssd_mobilenet_v1") else OWN_SHAPES.get(name) or small(name)
    outcome = run_native(f"{JOBS}:open_everywhere", name=name, shapes=shapes, folder=tmp_path)
    assert outcome.status == "ok", outcome.reason
    refused = {backend for backend, found in outcome.value.items() if found["reason"]}
    assert refused == REFUSED.get(name, set()), outcome.value
    assert all(found["sqnr_db"] > 8 for found in outcome.value.values() if not found["reason"]), outcome.value
