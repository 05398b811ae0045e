"""The check of lowered models against TensorRT-RTX: what it counts in a plan, and that nothing wrong counts as right."""

import csv
import json
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.trt_check import __main__ as command
from benchmarks.trt_check.build import layers, name_products
from benchmarks.trt_check.rows import Row, plain_table, reasons
from workbench.errors import InputError
from workbench.launch import Outcome, run_job
from workbench.lowering import tensorrt
from workbench.lowering.half import to_half
from workbench.lowering.placement import place
from workbench.models.model import Format, Manifest, Model
from workbench.models.scales import ActivationRange, Scales
from workbench.records import Status

REPOSITORY = Path(__file__).parents[2]
BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
LOG = """\
Name: quantized.0_myl0_1, LayerType: correlation, Inputs: [ { Name: a, Dimensions: [1,4], Datatype: Int8, Format: x }], \
Constants: [ { Name: w, Datatype: Int8, Format: x }, { Name: s, Datatype: Float }], Outputs: [ { Name: b, Datatype: Float }], \
TacticName: t, Metadata: [ONNX Layer: quantized.0][ONNX Layer: x.Dequantize]
Name: rest, LayerType: kgen, Inputs: [ { Name: b, Datatype: Int8 }], Constants: [ { Name: c, Datatype: Int8 }], \
Outputs: [ { Name: d, Datatype: Int8 }], TacticName: t, Metadata: [ONNX Layer: Relu.0][ONNX Layer: quantized.1]
Name: quantized.1_myl0_3, LayerType: gemm, Inputs: [ { Name: d, Datatype: Half }], Constants: [ { Name: w, Datatype: Half }], \
Outputs: [ { Name: e, Datatype: Float }], TacticName: t, Metadata: [ONNX Layer: quantized.1]
Name: not a layer
"""


def small_network(*, half=False):
    """conv, relu, residual, pool and a fully connected layer, lowered for TensorRT."""
    random = np.random.default_rng(0)

    def constant(name, *shape):
        return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], name="conv", pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c0"], ["r0"], name="relu"),
        helper.make_node("Conv", ["r0", "w1", "b0"], ["c1"], name="conv", pads=[1] * 4, kernel_shape=[3, 3]),
        helper.make_node("Add", ["r0", "c1"], ["sum"], name="sum"),
        helper.make_node("GlobalAveragePool", ["sum"], ["mean"], name="mean"),
        helper.make_node("Flatten", ["mean"], ["flat"], name="flat"),
        helper.make_node("Gemm", ["flat", "w2", "b2"], ["y"], name="fc"),
    ]
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 16, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])],
        [constant("w0", 16, 16, 3, 3), constant("b0", 16), constant("w1", 16, 16, 3, 3), constant("w2", 16, 10), constant("b2", 10)],
    )  # fmt: skip
    opset = tensorrt.HALF_OPSET if half else 17
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    ranges = {name: ActivationRange(minimum=-3, maximum=3, absmax=3) for name in ("x", "r0", "sum", "mean", "flat")}
    placed = place(model, Scales(activations=ranges), dialect=tensorrt.HALF_DIALECT if half else tensorrt.DIALECT).model
    return to_half(placed) if half else placed


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Build a plan of a network in a worker."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))

    def built(network, sm="SM89"):
        onnx.save(network, str(tmp_path / "network.onnx"))
        arguments = {"network": str(tmp_path / "network.onnx"), "sm": sm}
        return run_job("benchmarks.trt_check.build:build_job", arguments, log=tmp_path / "build.log", timeout_s=300)

    return built


def test_layers_multiply_int8_only_when_a_library_kernel_reads_it_twice():
    found = layers(LOG)
    assert [(layer.kind, layer.inputs, layer.constants) for layer in found] == [
        ("correlation", ("Int8",), ("Int8", "Float")),
        ("kgen", ("Int8",), ("Int8",)),
        ("gemm", ("Half",), ("Half",)),
    ]
    assert [layer.multiplies_int8 for layer in found] == [True, False, False]
    assert found[1].nodes == {"Relu.0", "quantized.1"}


def test_products_get_names_of_their_own_when_theirs_are_the_same():
    network = small_network()
    assert name_products(network) == {"quantized.0": "c0", "quantized.1": "c1", "quantized.2": "y"}


@BUILDER
@pytest.mark.parametrize("half", [False, True])
def test_every_quantized_product_is_int8_when_a_plan_is_built(build, half):
    outcome = build(small_network(half=half))
    assert outcome.status == "ok", outcome.reason
    assert (outcome.value["int8_ops"], outcome.value["quantized_ops"], outcome.value["float_names"]) == (3, 3, [])
    assert outcome.value["plan_mb"] > 0


@BUILDER
def test_product_counts_as_float_when_its_input_has_no_pair(build):
    network = small_network()
    conv = next(node for node in network.graph.node if node.output[0] == "c1")
    conv.input[0] = "r0"
    outcome = build(network)
    assert (outcome.value["int8_ops"], outcome.value["float_names"]) == (2, ["c1"])


@BUILDER
def test_network_is_refused_with_the_parsers_words_when_a_bias_is_int32(build):
    network = small_network()
    network.graph.initializer.append(numpy_helper.from_array(np.ones(16, np.int32), "b.int"))
    network.graph.initializer.append(numpy_helper.from_array(np.ones(16, np.float32), "b.scale"))
    network.graph.node.insert(0, helper.make_node("DequantizeLinear", ["b.int", "b.scale"], ["b"], axis=0, name="bias"))
    next(node for node in network.graph.node if node.op_type == "Conv").input[2] = "b"
    outcome = build(network)
    assert outcome.status == "unsupported"
    assert outcome.reason.startswith("the parser refuses it: ")
    assert "Int32" in outcome.reason


@BUILDER
def test_whole_check_is_green_when_a_run_is_lowered_and_built(finished_run, tmp_path):
    arguments = ["--run", str(finished_run.folder), "--sm", "SM86", "--sm", "SM75", "--out", str(tmp_path / "out")]
    assert command.main(arguments) == 0
    rows = rows_of(tmp_path / "out")
    assert [(row["precision"], row["sm"]) for row in rows] == [
        (precision, sm) for precision in ("int8", "int8+fp16") for sm in ("SM86", "SM75")
    ]
    assert {(row["built"], row["int8_ops"], row["quantized_ops"]) for row in rows if row["sm"] == "SM86"} == {
        ("true", "4", "4")
    }


@pytest.fixture
def run(tmp_path):
    """A run folder with one quantized Model and its twin."""
    folder = tmp_path / "run"
    manifest = Manifest(name="net", format=Format.PADDLE, inputs=(), outputs=())
    with Model.build(folder / "models") as draft:
        draft.manifest = manifest
    twin = draft.model.digest
    scales = Scales(activations={"x": ActivationRange(minimum=-1, maximum=1, absmax=1)})
    with Model.build(folder / "models") as draft:
        changes = {"precision": "int8", "method": "qat", "scales": scales, "parent": twin, "float_twin": twin}
        draft.manifest = manifest.model_copy(update=changes)
    models = {"fp32": {"status": "ok", "digest": twin}, "qat": {"status": "ok", "digest": draft.model.digest}}
    (folder / "stages").mkdir()
    (folder / "stages" / "quantize.json").write_text(json.dumps({"models": models}))
    return folder


def pretend(monkeypatch, *, int8, lowering=None):
    """Let lowering give the twin's folder, and plans have `int8` of 3 products in INT8 (None: the builder crashes)."""

    def job(function, arguments, folder, name):
        if "prepare" in function:
            with Model.build(Path(arguments["models"])) as draft:
                given = Model.open(Path(arguments["model"])).manifest
                draft.manifest = given.model_copy(update={"format": Format.ONNX, "facts": {"float_operators": []}})
            return lowering or Outcome(Status.OK, {"digest": draft.model.digest})
        if int8[arguments["sm"]] is None:
            return Outcome(Status.CRASHED, reason="signal 11")
        value = {"quantized_ops": 3, "int8_ops": int8[arguments["sm"]], "seconds": 1.5, "plan_mb": 2.0}
        return Outcome(Status.OK, value | {"float_names": ["a", "b", "c"][: 3 - value["int8_ops"]]})

    monkeypatch.setattr(command, "_job", job)


def rows_of(folder):
    with (folder / "results.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("int8", "code"), [({"SM80": 3, "SM75": 0}, 0), ({"SM80": 2, "SM75": 3}, 1), ({"SM80": None, "SM75": 3}, 1)]
)
def test_exit_code_tells_whether_all_is_int8_when_turing_is_left_out(run, tmp_path, monkeypatch, int8, code):
    pretend(monkeypatch, int8=int8)
    assert command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM75", "--out", str(tmp_path / "out")]) == code
    rows = rows_of(tmp_path / "out")
    assert [(row["method"], row["precision"], row["sm"]) for row in rows] == [
        ("qat", precision, sm) for precision in ("int8", "int8+fp16") for sm in ("SM80", "SM75")
    ]


def test_row_says_what_happened_when_the_builder_crashes_or_a_product_is_float(run, tmp_path, monkeypatch, capsys):
    pretend(monkeypatch, int8={"SM80": None, "SM89": 2})
    command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM89", "--out", str(tmp_path / "out")])
    crashed, in_part = rows_of(tmp_path / "out")[:2]
    assert (crashed["built"], crashed["status"], crashed["reason"]) == ("false", "crashed", "signal 11")
    assert (in_part["built"], in_part["int8_ops"], in_part["quantized_ops"]) == ("true", "2", "3")
    assert in_part["reason"] == "1 quantized products run in float, 'a' the first"
    assert "signal 11" in capsys.readouterr().out


def test_row_of_each_generation_says_why_when_lowering_fails(run, tmp_path, monkeypatch):
    pretend(monkeypatch, int8={}, lowering=Outcome(Status.UNSUPPORTED, reason="no ranges"))
    assert command.main(["--run", str(run), "--sm", "SM80", "--sm", "SM89", "--out", str(tmp_path / "out")]) == 1
    assert {row["reason"] for row in rows_of(tmp_path / "out")} == {"lowering: no ranges"}
    assert len(rows_of(tmp_path / "out")) == 4


def test_rows_say_why_when_the_trained_model_is_absent(tmp_path, monkeypatch):
    absent = command.SUBJECTS["nanodet_m"].__class__("nanodet_m", model={}, needs=tmp_path / "coco")
    monkeypatch.setitem(command.SUBJECTS, "nanodet_m", absent)
    assert command.main(["--only", "nanodet_m", "--out", str(tmp_path / "out")]) == 1
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 2 * len(command.GENERATIONS)
    assert all("WORKBENCH_CHECK_DATA" in row["reason"] for row in rows)


def test_run_folder_is_refused_when_nothing_was_quantized_there(tmp_path):
    with pytest.raises(InputError, match="no model was quantized there"):
        command.quantized_models(tmp_path)


def test_reason_is_told_once_when_several_rows_have_it():
    rows = [
        Row("net", "qat", "", precision, sm, built=False, status="failed", reason=reason)
        for precision, sm, reason in [("int8", "SM80", "no"), ("int8", "SM89", "no"), ("int8", "SM75", "never")]
    ]
    assert reasons(rows) == ["net qat (int8 SM80, int8 SM89): no", "net qat (int8 SM75): never"]
    assert reasons([Row("net", "qat", "", "int8", "SM80", built=True)]) == []


def test_table_has_a_column_for_each_generation_when_printed():
    rows = [
        Row("net", "qat", "", "int8", "SM80", built=True, int8_ops=3, quantized_ops=3),
        Row("net", "qat", "", "int8", "SM89", built=False, status="crashed"),
    ]
    assert plain_table(rows).splitlines()[1].split() == ["net", "qat", "int8", "3/3", "crashed"]
