"""Weight-only quantization: what is stored, what it widens to, where PaddleSlim goes wrong, and what a run makes of it."""

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from workbench import pipeline
from workbench.errors import InputError
from workbench.measure.statistics import sqnr_db
from workbench.models.model import STORED, Model
from workbench.models.scales import Scales
from workbench.pipeline import open_experiment
from workbench.quant.dynamic import DynamicOptions
from workbench.records import Precision, Scope, Status, read_records

OPTIONS = {
    "w8": {},
    "w16": {"weight_bits": 16},
    "again": {},
    "products": {"operators": ["mul"]},
}
NETS = ("tiny", "wide", "products", "shared", "zeros")
LEVELS = {"w8": 127, "w16": 32767}
HERE = ("paddle_inference", "onnxruntime")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("quantized")


@pytest.fixture(scope="module")
def outcomes(imported, folder, run_native):
    """What became of each network with each of the options, all in one process."""
    models = {name: imported[name].folder for name in ("tiny", "wide", "plain")}
    outcome = run_native("dynamic_jobs:quantize_all", folder=folder, models=models, options=OPTIONS)
    assert outcome.status == "ok", outcome.reason
    return outcome.value


@pytest.fixture(scope="module")
def quantized(outcomes, folder):
    """A function that opens a Model that was made."""

    def open_model(name):
        assert outcomes[name]["error"] == "", outcomes[name]["reason"]
        return Model.open(folder / outcomes[name]["value"], verify=True)

    return open_model


def stored_weights(model):
    return (model.folder / STORED / "model.pdiparams").stat().st_size


# What is made


@pytest.mark.parametrize("bits", LEVELS)
def test_quantize_makes_a_float_model_with_a_note_when_weights_are_stored_as_integers(
    outcomes, quantized, imported, bits
):
    made, source = quantized(f"tiny-{bits}").manifest, imported["tiny"]
    assert (made.format, made.precision, made.method) == ("paddle", "fp32", "dynamic")
    assert (made.parent, made.float_twin, made.scales) == (source.digest, "", Scales())
    assert (made.inputs, made.outputs) == (source.manifest.inputs, source.manifest.outputs)
    assert made.options["weight_bits"] == int(bits[1:])
    assert made.facts | {"note": ""} == source.manifest.facts | {"note": ""}
    assert "no integer arithmetic" in made.facts["note"]
    assert f"stored in {bits[1:]} bits" in made.facts["note"]
    assert len(made.facts["note"].splitlines()) == 1
    assert set(made.files) == {f"{place}model.{kind}" for place in ("", "stored/") for kind in ("pdmodel", "pdiparams")}


@pytest.mark.parametrize("bits", LEVELS)
@pytest.mark.parametrize("net", NETS)
def test_integers_and_scales_give_the_opened_weights_when_widened(outcomes, net, bits):
    layers = outcomes[f"{net}-{bits}"]["layers"]
    assert layers
    for layer in layers:
        assert (layer["bits"], layer["dtype"]) == (int(bits[1:]), f"int{bits[1:]}")
        assert set(layer["levels"]) <= {0, LEVELS[bits]}, "every channel uses all levels"
        assert min(layer["scales"]) > 0
        assert max(layer["scales"]) < 0.1
        assert layer["difference"] < 1e-6


@pytest.mark.parametrize(("bits", "least"), [("w8", 35), ("w16", 80)])
@pytest.mark.parametrize("net", NETS)
def test_outputs_are_close_to_the_float_models_when_weights_are_widened(outcomes, net, bits, least):
    signal, other = (np.array(values) for values in outcomes[f"{net}-{bits}"]["outputs"])
    found = sqnr_db(float((signal**2).sum()), float(((signal - other) ** 2).sum()))
    assert least < found < 150, "closer would mean that nothing was quantized"


@pytest.mark.parametrize(("bits", "share"), [("w8", 0.27), ("w16", 0.52)])
def test_size_is_that_of_the_stored_integers_when_the_network_is_mostly_weights(quantized, imported, bits, share):
    model, source = quantized(f"wide-{bits}"), imported["wide"]
    assert stored_weights(model) < share * (source.folder / "model.pdiparams").stat().st_size
    assert model.size_mb < (share + 0.05) * source.size_mb
    files = list((model.folder / STORED).iterdir())
    assert model.size_mb == pytest.approx(sum(path.stat().st_size for path in files) / 1e6)


def test_quantize_stores_only_some_weights_when_operators_are_named(outcomes):
    assert {layer["operator"] for layer in outcomes["tiny-w8"]["layers"]} == {"conv2d", "depthwise_conv2d", "mul"}
    assert {layer["operator"] for layer in outcomes["tiny-products"]["layers"]} == {"mul"}


def test_opened_network_says_nothing_of_integers_when_its_weights_are_float(outcomes):
    assert all(found["quantized_attributes"] == [] for found in outcomes.values() if not found["error"])


# Where PaddleSlim goes wrong


def test_every_product_by_a_matrix_is_quantized_when_paddleslim_would_leave_matmul_alone(outcomes):
    found = outcomes["products-w8"]
    assert [kind for kind in found["operators"] if kind.startswith(("mul", "matmul"))] == ["mul"] * 4
    assert [layer["operator"] for layer in found["layers"]] == ["conv2d", *["mul"] * 4]


def test_products_stay_when_they_are_no_mul(outcomes):
    found = outcomes["other_products-w8"]
    assert found["operators"].count("matmul_v2") == 3
    assert [layer["operator"] for layer in found["layers"]] == ["conv2d"]


def test_each_operator_has_its_own_weight_when_two_read_the_same(outcomes):
    layers = outcomes["shared-w8"]["layers"]
    assert len({layer["weight"] for layer in layers}) == len(layers) == 7
    for one, other in (layers[1:3], layers[3:5], layers[5:7]):
        assert one["operator"] == other["operator"]
        assert one["scales"] == other["scales"], "both were quantized from the float weight"


def test_channels_of_zeros_stay_zero_when_scales_are_those_of_channels(outcomes):
    layers = outcomes["zeros-w8"]["layers"]
    assert [layer["levels"].index(0) for layer in layers] == [2, 2, 2]
    assert [layer["levels"].count(0) for layer in layers] == [1, 1, 1]


def test_source_is_unchanged_when_many_are_quantized_in_one_process(outcomes):
    assert len(outcomes) == 7 * len(OPTIONS)
    assert all(found["source_is_unchanged"] for found in outcomes.values())


def test_quantize_makes_the_same_model_when_it_is_done_again(outcomes):
    for name in NETS:
        assert outcomes[f"{name}-again"]["value"] == outcomes[f"{name}-w8"]["value"]


def test_paddle_inference_cannot_run_the_integers_when_they_are_opened_as_a_model(quantized, run_native):
    found = run_native("dynamic_jobs:run_integers", model=quantized("tiny-w8").folder).value
    assert found["error"] == "ValueError"
    assert "filter type is int8" in found["reason"]


def test_quantize_refuses_when_there_is_nothing_to_quantize(outcomes, folder):
    found = outcomes["plain-w8"]
    assert found["error"] == "UnsupportedError"
    assert found["reason"] == (
        "model plain: none of the operators conv2d, depthwise_conv2d, mul in it has a stored weight, so nothing to quantize"
    )
    assert not list(folder.glob(".unfinished*"))


# Options


def test_variant_tells_the_bits_when_options_differ():
    assert [DynamicOptions(weight_bits=bits).variant() for bits in (8, 16)] == ["w8", "w16"]


@pytest.mark.parametrize("options", [{"weight_bits": 4}, {"operators": ["conv2d_transpose"]}, {"operators": []}])
def test_options_are_refused_when_paddleslim_has_no_such(options):
    with pytest.raises(ValidationError):
        DynamicOptions(**options)


def test_recipe_is_refused_when_it_asks_for_an_accuracy_of_a_float_method(write_recipe, tmp_path):
    recipe = write_recipe(quantize=[{"method": "dynamic", "accuracy": {"max_drop": 1}}])
    with pytest.raises(
        InputError,
        match=r"`quantize\.0\.accuracy`: it searches over ranges and tensors in float, which method 'dynamic' does not have",
    ):
        open_experiment(recipe, tmp_path / "run")


# A whole run


@pytest.fixture(scope="module")
def finished(finished_run, tmp_path_factory):
    """A run with a dynamic and a static model on every backend here; the static one's jobs are mostly done already."""
    folder = tmp_path_factory.mktemp("run")
    data = yaml.safe_load(finished_run.recipe.read_text())
    data["quantize"].insert(0, {"method": "dynamic"})
    data["deploy"] = [{"backend": backend, "precision": ["fp32", "int8"]} for backend in HERE]
    data["measure"]["scopes"] = ["runtime"]
    (folder / "tiny.yaml").write_text(yaml.safe_dump(data))
    finished_run.moved_to(folder / "run")
    experiment = open_experiment(folder / "tiny.yaml", folder / "run")
    for stage in (pipeline.quantize, pipeline.deploy, pipeline.accuracy, pipeline.latency, pipeline.report):
        stage(experiment)
    return experiment


def test_run_has_rows_of_both_methods_when_backends_are_here(finished):
    rows = read_records(finished.run.path)
    assert {row.status for row in rows} == {Status.OK}, [row.reason for row in rows]
    assert {(row.backend, row.precision, row.method, row.variant, row.scope) for row in rows} == {
        (backend, *kind, Scope.RUNTIME)
        for backend in HERE
        for kind in (
            (Precision.FP32, "none", ""),
            (Precision.FP32, "dynamic", "w8"),
            (Precision.INT8, "static", "hist"),
        )
    }


def test_dynamic_rows_have_figures_and_the_note_when_a_run_is_finished(finished):
    rows = [row for row in read_records(finished.run.path) if row.method == "dynamic"]
    digest = finished.load(pipeline.Stage.QUANTIZE)["models"]["dynamic-w8"]["digest"]
    model = Model.open(finished.run.models / digest)
    for row in rows:
        assert row.model_digest == digest
        assert row.model_size_mb == model.size_mb
        assert row.reason == model.manifest.facts["note"]
        assert None not in (row.speedup_vs_fp32, row.speedup_low, row.quantize_s)
        assert row.metric_drop == pytest.approx(row.metric_fp32 - row.metric_value)
        assert 30 < row.sqnr_db < 150
        assert row.int8_share == 0


def test_sensitivity_refuses_when_the_model_computes_in_float(finished):
    with pytest.raises(InputError, match=r"no quantized model 'dynamic-w8' in this run; models are: static-hist"):
        pipeline.sensitivity(finished, "dynamic-w8")
