"""Static quantization of tiny networks: what comes out, what is refused, and that the float model stays as it was."""

import json
from pathlib import Path

import pytest

from workbench import pipeline
from workbench.experiment import TaskSource
from workbench.models.model import Model
from workbench.quant.static import Algorithm, StaticOptions
from workbench.tasks.loader import task_spec

FIRST_CONV = "conv2d_0.w_0"
TINY_WEIGHTS = {FIRST_CONV, "conv2d_1.w_0", "conv2d_2.w_0", "linear_0.w_0"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("quantized")


@pytest.fixture(scope="module")
def finished(imported, tiny_task_file, folder, run_native, tmp_path_factory):
    """What became of each case, by name, and the progress that was told, by name."""

    def case(model, calibration_images=8, fault=None, **options):
        source = TaskSource(file=tiny_task_file, options={"calibration_images": calibration_images})
        task = task_spec(source, tmp_path_factory.mktemp("task"))
        if fault:
            Path(task["folder"], "fault.json").write_text(
                json.dumps({"part": "calibration", "after": 2, "kind": fault})
            )
        return {"model": str(imported[model].folder), "task": task, "options": options}

    cases = {str(algo): case("tiny", algo=algo) for algo in Algorithm}
    cases |= {
        "narrow": case("tiny", algo="hist", hist_percent=0.5),
        "skip": case("tiny", skip_tensors=[FIRST_CONV]),
        "skip_input": case("tiny", skip_tensors=["image"]),
        "convolutions": case("tiny", operators=["conv2d"]),
        "unknown": case("tiny", skip_tensors=[FIRST_CONV, "no_such_tensor"]),
        "wide": case("wide", algo="abs_max", batches=2, batch_size=3),
        "wide_in_threes": case("wide", algo="abs_max", batch_size=3),
        "plain": case("plain"),
        "no_data": case("tiny", calibration_images=0),
    }
    cases |= {fault: case("tiny", fault=fault) for fault in ("dtype", "shape", "name", "extra", "nan", "raise")}
    before = {name: file_contents(imported[name]) for name in ("tiny", "wide")}
    told = []
    outcome = run_native("quantize_many", cases=cases, models=folder, progress=lambda *args: told.append(args))
    assert outcome.status == "ok", outcome.reason
    assert {name: file_contents(imported[name]) for name in ("tiny", "wide")} == before
    return outcome.value, by_case(told)


@pytest.fixture(scope="module")
def outcomes(finished):
    return finished[0]


@pytest.fixture(scope="module")
def weights(imported, outcomes, folder, run_native):
    """Every stored tensor of the wide network, before and after."""
    models = {"float": imported["wide"], "int8": quantized(outcomes, folder, "wide")}
    return {name: run_native("read_weights", model=model.folder).value for name, model in models.items()}


def by_case(told):
    found = {}
    for done, total, label in told:
        if total == 0:
            found[label] = []
        else:
            found[list(found)[-1]].append((done, total, label))
    return found


def file_contents(model):
    return {path.name: path.read_bytes() for path in model.folder.iterdir()}


def quantized(outcomes, folder, name):
    assert outcomes[name]["error"] == "", outcomes[name]["reason"]
    return Model.open(folder / outcomes[name]["value"], verify=True)


@pytest.mark.parametrize("algo", Algorithm)
def test_quantize_makes_an_int8_model_when_given_any_algorithm(outcomes, folder, imported, algo):
    manifest = quantized(outcomes, folder, str(algo)).manifest
    assert (manifest.precision, manifest.method, manifest.variant) == ("int8", "static", str(algo))
    assert manifest.parent == manifest.float_twin == imported["tiny"].digest
    assert (manifest.inputs, manifest.outputs) == (imported["tiny"].manifest.inputs, imported["tiny"].manifest.outputs)
    assert set(manifest.scales.weights) == TINY_WEIGHTS
    assert manifest.scales.activations["image"].absmax > 0
    assert manifest.options["algo"] == algo
    assert manifest.facts["samples"] == 8


def test_quantize_gives_narrower_ranges_when_the_algorithm_cuts_peaks(outcomes, folder):
    ranges = {
        name: {t: r.absmax for t, r in quantized(outcomes, folder, name).manifest.scales.activations.items()}
        for name in ("abs_max", "avg", "hist", "narrow")
    }
    tensors = ranges["abs_max"]
    assert all(ranges["avg"][tensor] <= tensors[tensor] for tensor in tensors)
    assert sum(ranges["avg"].values()) < sum(tensors.values())
    assert sum(ranges["narrow"].values()) < 0.8 * sum(ranges["hist"].values())


def test_quantize_keeps_a_layer_in_float_when_its_tensor_is_skipped(outcomes, folder):
    scales = quantized(outcomes, folder, "skip").manifest.scales
    assert set(scales.weights) == TINY_WEIGHTS - {FIRST_CONV}


def test_quantize_keeps_the_readers_in_float_when_an_activation_is_skipped(outcomes, folder):
    scales = quantized(outcomes, folder, "skip_input").manifest.scales
    assert set(scales.weights) == TINY_WEIGHTS - {FIRST_CONV}
    assert scales.kept_in_float == {"all": {"image": "skip_tensors of the recipe"}}


def test_quantize_keeps_other_operators_in_float_when_operators_are_named(outcomes, folder):
    scales = quantized(outcomes, folder, "convolutions").manifest.scales
    assert set(scales.weights) == {FIRST_CONV, "conv2d_2.w_0"}


def test_quantize_refuses_skip_tensors_when_no_operator_reads_them(outcomes):
    assert outcomes["unknown"]["error"] == "InputError"
    assert "'no_such_tensor'" in outcomes["unknown"]["reason"]
    assert "take names from the model's inputs and weights" in outcomes["unknown"]["reason"]


def test_quantized_files_are_a_quarter_when_the_network_is_mostly_weights(outcomes, folder, imported):
    model = quantized(outcomes, folder, "wide")
    before, after = (m.folder / "model.pdiparams" for m in (imported["wide"], model))
    assert after.stat().st_size < 0.27 * before.stat().st_size
    assert model.size_mb < 0.35 * imported["wide"].size_mb


def test_quantized_weights_are_int8_when_read_from_the_file(outcomes, folder, weights):
    scales = quantized(outcomes, folder, "wide").manifest.scales.weights
    assert len(scales) == 4
    for name in scales:
        stored = weights["int8"][name]
        assert stored["dtype"] == "int8"
        assert stored["shape"] == weights["float"][name]["shape"]
        assert max(stored["absmax"]) <= 127


def test_weight_scales_are_those_of_numpy_when_compared_per_channel(outcomes, folder, imported, weights):
    scales = quantized(outcomes, folder, "wide").manifest.scales.weights
    (first,) = [name for name in scales if weights["float"][name]["shape"] == [64, 3, 3, 3]]
    assert scales[first].axis == 0
    assert len(scales[first].absmax) == 64
    assert list(scales[first].absmax) == pytest.approx(weights["float"][first]["absmax"], rel=1e-6)
    assert min(scales[first].absmax) > 0


@pytest.mark.parametrize(
    ("name", "done"), [("wide", [3, 6]), ("wide_in_threes", [3, 6, 8]), ("abs_max", list(range(1, 9)))]
)
def test_quantize_reads_the_data_once_in_batches_when_told_how_many(finished, name, done):
    assert finished[1][name] == [(count, done[-1], "calibration") for count in done]


def test_quantize_says_so_when_nothing_can_be_quantized(outcomes):
    assert outcomes["plain"]["error"] == "UnsupportedError"
    assert outcomes["plain"]["reason"].startswith("model plain: none of the operators conv2d,")
    assert outcomes["plain"]["reason"].endswith("so nothing to quantize")


def test_quantize_refuses_the_data_when_there_is_none(outcomes):
    assert outcomes["no_data"]["error"] == "InputError"
    assert "calibration set is empty; give it" in outcomes["no_data"]["reason"]


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("dtype", "InputError", "input 'image': dtype float64 given, the model takes float32"),
        ("shape", "InputError", "input 'image': shape [1, 2, 16, 16] given, the model takes [-1, 3, 16, 16]"),
        ("name", "InputError", "input 'image' is missing; the model needs: image float32 Nx3x16x16"),
        ("extra", "InputError", "input 'mask': the model has none of this name"),
        ("nan", "InputError", "not all values of calibration sample calibration_002 are finite"),
        ("raise", "RuntimeError", "a made-up error"),
    ],
)
def test_quantize_ends_with_the_cause_when_the_tasks_preprocess_is_wrong(outcomes, fault, error, said):
    assert outcomes[fault]["error"] == error
    assert said in outcomes[fault]["reason"]


def test_quantize_leaves_nothing_behind_when_it_fails(outcomes, folder):
    made = {found["value"] for found in outcomes.values() if found["value"]}
    assert {path.name for path in folder.iterdir()} == made


def test_variant_names_what_matters_when_options_differ():
    assert StaticOptions(algo="KL").variant() == "KL"
    assert StaticOptions(skip_tensors=["a", "b"]).variant() == "hist-skip2"


def test_transposed_convolution_stays_in_float_on_paddle_inference_alone_when_quantized(
    write_recipe, tiny_models, tmp_path
):
    deploy = [{"backend": name, "precision": ["fp32", "int8"]} for name in ("paddle_inference", "onnxruntime")]
    recipe = write_recipe(model={"path": str(tiny_models / "enlarging")}, deploy=deploy)
    experiment = pipeline.open_experiment(recipe, tmp_path / "run")
    digest = pipeline.quantize(experiment)["models"]["static-hist"]["digest"]
    kept = Model.open(experiment.run.models / digest).manifest.scales.kept_in_float
    assert ["transposed convolution" in why for why in kept["paddle_inference"].values()] == [True]
    assert list(kept) == ["paddle_inference"]
    cells = pipeline.deploy(experiment)["cells"]
    assert {key: cell["reason"] for key, cell in cells.items() if cell["status"] != "ok"} == {}
