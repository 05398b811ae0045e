"""What the notebook on explicit quantization draws and says of placements, and the answers to its exercises."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.backends.tensorrt.kernels import Kernel, Tensor
from workbench.lessons import placements
from workbench.lessons.answers import explicit_quantization as answers
from workbench.lessons.exercises import State, check
from workbench.lessons.explicit_quantization import refusals, show_placements, show_plans
from workbench.lessons.network_drawing import PAIR, Node
from workbench.lessons.placements import EVERYWHERE, FOR_CPU, FP32, OURS, Placed, place
from workbench.models.model import Model
from workbench.tasks.loader import load_task

NODES = [
    Node(PAIR, "p", ["x"], ["x2"]),
    Node("Conv", "quantized.0", ["x2"], ["y"]),
    Node(PAIR, "q", ["y"], ["y2"]),
    Node("Relu", "Relu.0", ["y2"], ["z"]),
]
PRODUCT = Kernel(
    "conv", "correlation", (Tensor((1, 100), "Int8"),), (Tensor((8, 8), "Int8"),), (Tensor((1, 200), "Float"),), ("quantized.0",)
)  # fmt: skip
REST = Kernel("rest", "kgen", (Tensor((1, 200), "Float"),), (), (Tensor((1, 200), "Int8"),), ("Relu.0",))


@pytest.fixture
def placed():
    """Three placements: FP32, ours with a plan in INT8, and one that was refused."""
    float_nodes = [Node("Conv", "Conv.0", ["x"], ["y"]), Node("Relu", "Relu.0", ["y"], ["z"])]
    return {
        FP32: Placed(FP32, Path("0.onnx"), float_nodes, None, [replace(PRODUCT, constants=())]),
        OURS: Placed(OURS, Path("1.onnx"), NODES, 35.0, [PRODUCT, REST]),
        FOR_CPU: Placed(FOR_CPU, Path("2.onnx"), NODES, 36.0, reason="the parser refuses it"),
    }


def alternative(html):
    return re.search(r' alt="([^"]+)">', html.data).group(1)


def test_picture_says_pairs_and_products_when_placements_are_drawn(placed, tmp_path):
    said = alternative(show_placements(placed, [FP32, OURS], first="x", last="z", folder=tmp_path))
    assert "FP32: 0 pairs, 0 products in INT8; ours: 2 pairs, 1 products in INT8. Filled:" in said
    assert (tmp_path / "plots" / "placements.png").read_bytes().startswith(b"\x89PNG")


def test_plans_say_kernels_and_bytes_when_drawn(placed, tmp_path):
    said = alternative(show_plans(placed, folder=tmp_path))
    assert "ours: 2 kernels, 1 products in INT8, 0.0019 MB; for ONNX Runtime on CPU: no plan." in said
    assert refusals(placed) == "for ONNX Runtime on CPU: the parser refuses it"


def test_pictures_say_so_when_there_is_no_plan_at_all(placed, tmp_path):
    placed = {name: replace(found, kernels=[], reason="not installed") for name, found in placed.items()}
    said = alternative(show_placements(placed, [FP32, OURS], first="x", last="z", folder=tmp_path))
    assert said.endswith("No plan was built, so nothing is filled.")
    assert alternative(show_plans(placed, folder=tmp_path)).count("no plan") == 3
    assert refusals(placed) == f"{FP32}, {OURS}, {FOR_CPU}: not installed"


def test_placements_have_networks_and_noise_when_tensorrt_rtx_is_missing(finished_run, tmp_path, monkeypatch):
    monkeypatch.setattr(placements, "rtx_missing", lambda: "TensorRT-RTX is not installed")
    experiment = finished_run.open()
    digest = experiment.load("quantize")["models"]["static-hist"]["digest"]
    lesson = SimpleNamespace(
        folder=tmp_path, task=load_task(experiment.task), models={"static": Model.open(experiment.run.models / digest)}
    )
    found = place(lesson, "static", sm="SM89")
    assert {placement.reason for placement in found.values()} == {"TensorRT-RTX is not installed"}
    assert all(placement.file.is_file() for placement in found.values())
    assert found[FP32].pairs == 0 < found[OURS].pairs < found[EVERYWHERE].pairs
    assert found[FP32].products == found[OURS].products == 4
    assert 20 < found[OURS].sqnr_db < 100


@pytest.mark.parametrize(
    ("given", "state", "said"),
    [(1, State.RIGHT, "1"), (2, State.WRONG, "Those are all pairs"), (3, State.WRONG, "expected is 1")],
)
def test_idle_pairs_are_those_that_no_product_reads(placed, given, state, said):
    checked = check(given, answers.idle_pairs(placed[OURS]))
    assert checked.state is state
    assert said in checked.text


def test_fused_traffic_leaves_a_quarter_of_the_sums_written_and_read(placed):
    expected = answers.fused_traffic(placed[OURS])
    assert expected.value == pytest.approx((100 + 200 + 200 + 200) / 1e6)
    assert (
        check(placed[OURS].traffic_mb - 0.75 * 800 / 1e6, expected).text.count("the next kernel reads the sums, too")
        == 1
    )


def test_smallest_channel_is_127_of_the_smallest_scale():
    assert check(0.00127, answers.smallest_channel()).state is State.RIGHT
    assert "127 of them" in check(1e-5, answers.smallest_channel()).text
