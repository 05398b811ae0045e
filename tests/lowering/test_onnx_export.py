"""Export to ONNX: what comes out for a float and for a quantized network, and what becomes of one that cannot be exported."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from workbench.files import file_digest
from workbench.lowering.onnx_export import OPSET
from workbench.models.model import Format, Model, copy_files

PREPARE = "workbench.lowering.onnx_runtime:prepare_job"


@pytest.fixture(scope="module")
def exported(finished_run):
    """Paddle Model and the ONNX Model made of it, by precision."""
    models = [Model.open(folder, verify=True) for folder in finished_run.folder.joinpath("models").iterdir()]
    by_digest = {model.digest: model for model in models}
    return {
        model.manifest.precision: (by_digest[model.manifest.parent], model)
        for model in models
        if model.manifest.format is Format.ONNX
    }


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_export_keeps_what_the_model_is_when_it_changes_the_format(exported, precision):
    source, model = exported[precision]
    manifest = model.manifest
    assert (manifest.inputs, manifest.outputs) == (source.manifest.inputs, source.manifest.outputs)
    assert (manifest.name, manifest.method, manifest.variant) == (
        source.manifest.name, source.manifest.method, source.manifest.variant,
    )  # fmt: skip
    assert manifest.scales == source.manifest.scales
    assert manifest.versions["paddle2onnx"] == "1.3.1"


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_exported_file_is_valid_onnx_when_checked(exported, precision):
    graph = onnx.load(str(exported[precision][1].onnx_file))
    onnx.checker.check_model(graph)
    assert graph.opset_import[0].version == OPSET
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert [dim.dim_value for dim in graph.graph.input[0].type.tensor_type.shape.dim][1:] == [3, 16, 16]


def test_exported_file_has_qdq_pairs_only_when_the_model_is_quantized(exported):
    kinds = {
        precision: {node.op_type for node in onnx.load(str(model.onnx_file)).graph.node}
        for precision, (_, model) in exported.items()
    }
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds["int8"]
    assert not {"QuantizeLinear", "DequantizeLinear"} & kinds["fp32"]


def test_exported_weights_are_int8_with_the_models_scales_when_it_is_quantized(exported):
    source, model = exported["int8"]
    graph = onnx.load(str(model.onnx_file)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scales = {
        node.input[0].removesuffix(".int8"): stored[node.input[1]]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and stored.get(node.input[0], np.float32(0)).dtype == np.int8
    }
    assert {"conv2d_0.w_0", "conv2d_1.w_0", "conv2d_2.w_0"} <= set(scales)
    # The first two have a batch norm behind them, which paddle2onnx folds into the weights; the third keeps its range.
    wanted = np.array(source.manifest.scales["weights"]["conv2d_2.w_0"]["absmax"]) / 127
    assert np.allclose(scales["conv2d_2.w_0"], wanted, rtol=1e-5)


def test_export_is_the_same_when_done_again(exported, run_native, tmp_path):
    source, model = exported["fp32"]
    again = run_native(PREPARE, model=source.folder, models=tmp_path)
    assert again.value["digest"] == model.digest
    assert again.value["seconds"] > 0
    assert file_digest(tmp_path / model.digest / "model.onnx") == file_digest(model.onnx_file)


def test_export_is_a_crash_with_its_last_words_when_an_operator_is_unknown(imported, run_native, tmp_path):
    outcome = run_native(PREPARE, model=imported["strange"].folder, models=tmp_path)
    assert outcome.status == "crashed"
    assert outcome.reason.startswith("crashed (SIGABRT): ")
    assert "operators not supported yet, including lgamma" in outcome.reason
    assert len(outcome.reason.splitlines()) == 1


def test_export_is_unsupported_when_quantization_gets_lost(exported, run_native, tmp_path):
    source = exported["fp32"][0]
    with Model.build(tmp_path) as draft:
        copy_files(source, draft.folder)
        draft.manifest = source.manifest.model_copy(update={"precision": "int8"})
    outcome = run_native(PREPARE, model=draft.model.folder, models=tmp_path / "models")
    assert outcome.status == "unsupported"
    assert "paddle2onnx dropped the quantization" in outcome.reason
    assert list((tmp_path / "models").iterdir()) == []
