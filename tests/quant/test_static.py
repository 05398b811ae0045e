"""Static quantization of tiny networks: what comes out, what is refused, and that the float model stays as it was."""

import pytest

from workbench.errors import InputError
from workbench.experiment import TaskSource
from workbench.models.model import Model
from workbench.quant.static import Algorithm, StaticOptions
from workbench.tasks.loader import task_spec

QUANTIZE = "workbench.quant.static:quantize_job"
FIRST_CONV = "conv2d_0.w_0"
CALIBRATION_IMAGES = 8


@pytest.fixture(scope="module")
def task(tiny_task_file, tmp_path_factory):
    options = {"calibration_images": CALIBRATION_IMAGES}
    return task_spec(TaskSource(file=tiny_task_file, options=options), tmp_path_factory.mktemp("task"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("quantized")


@pytest.fixture(scope="module")
def outcomes(imported, task, folder, run_native):
    """What became of the tiny network with each algorithm, and with options of interest, by name."""
    options = {str(algo): {"algo": algo} for algo in Algorithm}
    options["skip"] = {"skip_tensors": [FIRST_CONV]}
    options["convolutions"] = {"operators": ["conv2d"]}
    options["unknown"] = {"skip_tensors": [FIRST_CONV, "no_such_tensor"]}
    options["broken_hist"] = {"algo": "hist", "hist_percent": 0.5}
    before = file_contents(imported["tiny"])
    outcome = run_native("quantize_many", model=imported["tiny"].folder, task=task, models=folder, options=options)
    assert outcome.status == "ok", outcome.reason
    assert file_contents(imported["tiny"]) == before
    return outcome.value


@pytest.fixture(scope="module")
def wide(imported, task, folder, run_native):
    """The wide network, two batches of three, with the progress that was told."""
    told = []
    outcome = run_native(
        QUANTIZE,
        model=imported["wide"].folder, task=task, models=folder, variant="wide",
        options={"algo": "abs_max", "batches": 2, "batch_size": 3},
        progress=lambda done, total, label: told.append((done, total, label)),
    )  # fmt: skip
    assert outcome.status == "ok", outcome.reason
    return Model.open(folder / outcome.value["digest"], verify=True), told


@pytest.fixture(scope="module")
def wide_weights(imported, wide, run_native):
    """Every stored tensor of the wide network, before and after."""
    models = {"float": imported["wide"], "int8": wide[0]}
    return {name: run_native("read_weights", model=model.folder).value for name, model in models.items()}


def file_contents(model):
    return {path.name: path.read_bytes() for path in model.folder.iterdir()}


def quantized(outcomes, folder, name):
    assert outcomes[name]["error"] == "", outcomes[name]["reason"]
    return Model.open(folder / outcomes[name]["value"], verify=True)


@pytest.mark.parametrize("algo", list(Algorithm))
def test_quantize_makes_an_int8_model_when_given_any_algorithm(outcomes, folder, imported, algo):
    model = quantized(outcomes, folder, str(algo))
    manifest = model.manifest
    assert (manifest.precision, manifest.method, manifest.variant) == ("int8", "static", str(algo))
    assert manifest.parent == manifest.float_twin == imported["tiny"].digest
    assert (manifest.inputs, manifest.outputs) == (imported["tiny"].manifest.inputs, imported["tiny"].manifest.outputs)
    assert set(manifest.scales["weights"]) == {FIRST_CONV, "conv2d_1.w_0", "conv2d_2.w_0", "linear_0.w_0"}
    assert "image" in manifest.scales["activations"]
    assert all(found["absmax"] > 0 for found in manifest.scales["activations"].values())
    assert manifest.options["algo"] == algo


def test_quantize_gives_different_ranges_when_the_algorithm_differs(outcomes, folder):
    ranges = {
        str(algo): quantized(outcomes, folder, str(algo)).manifest.scales["activations"]["image"]["absmax"]
        for algo in (Algorithm.ABS_MAX, Algorithm.AVG)
    }
    assert ranges["abs_max"] > ranges["avg"]
    narrow = quantized(outcomes, folder, "broken_hist").manifest.scales["activations"]["image"]["absmax"]
    assert narrow < quantized(outcomes, folder, "hist").manifest.scales["activations"]["image"]["absmax"]


def test_quantize_keeps_a_layer_in_float_when_its_tensor_is_skipped(outcomes, folder):
    scales = quantized(outcomes, folder, "skip").manifest.scales
    assert set(scales["weights"]) == {"conv2d_1.w_0", "conv2d_2.w_0", "linear_0.w_0"}


def test_quantize_keeps_other_operators_in_float_when_operators_are_named(outcomes, folder):
    scales = quantized(outcomes, folder, "convolutions").manifest.scales
    assert FIRST_CONV in scales["weights"]
    assert "linear_0.w_0" not in scales["weights"]


def test_quantize_refuses_skip_tensors_when_no_operator_reads_them(outcomes):
    assert outcomes["unknown"]["error"] == "InputError"
    assert "'no_such_tensor'" in outcomes["unknown"]["reason"]
    assert "take names from the model's inputs and weights" in outcomes["unknown"]["reason"]


def test_quantized_files_are_a_quarter_when_the_network_is_mostly_weights(wide, imported):
    before, after = (model.folder / "model.pdiparams" for model in (imported["wide"], wide[0]))
    assert after.stat().st_size < 0.27 * before.stat().st_size
    assert wide[0].size_mb < 0.35 * imported["wide"].size_mb


def test_quantized_weights_are_int8_when_read_from_the_file(wide, wide_weights):
    for name in wide[0].manifest.scales["weights"]:
        stored = wide_weights["int8"][name]
        assert stored["dtype"] == "int8"
        assert stored["shape"] == wide_weights["float"][name]["shape"]
        assert max(stored["absmax"]) <= 127


def test_weight_scales_are_those_of_numpy_when_compared_per_channel(wide, wide_weights):
    scale = wide[0].manifest.scales["weights"][FIRST_CONV]
    original = wide_weights["float"][FIRST_CONV]
    assert scale["axis"] == 0
    assert len(scale["absmax"]) == original["shape"][0] == 64
    assert scale["absmax"] == pytest.approx(original["absmax"], rel=1e-6)


def test_quantize_tells_its_progress_when_batches_are_limited(wide):
    told = wide[1]
    assert {total for _, total, _ in told} == {2}
    assert [done for done, _, label in told if label == "calibration pass 1"] == [1, 2]


def test_quantize_says_so_when_nothing_can_be_quantized(imported, task, run_native, tmp_path):
    outcome = run_native(
        QUANTIZE, model=imported["plain"].folder, task=task, models=tmp_path, variant="hist", options={"algo": "hist"}
    )
    assert outcome.status == "unsupported"
    assert outcome.reason.startswith("model plain: none of the operators conv2d,")
    assert list(tmp_path.iterdir()) == []


def test_quantize_refuses_the_data_when_there_is_none(imported, tiny_task_file, run_native, tmp_path):
    empty = task_spec(TaskSource(file=tiny_task_file, options={"calibration_images": 0}), tmp_path)
    with pytest.raises(InputError, match="calibration set is empty; give it"):
        run_native(QUANTIZE, model=imported["tiny"].folder, task=empty, models=tmp_path / "models", variant="", options={})
    assert list((tmp_path / "models").iterdir()) == []


def test_variant_names_what_matters_when_options_differ():
    assert StaticOptions(algo="KL").variant() == "KL"
    assert StaticOptions(skip_tensors=["a", "b"]).variant() == "hist-skip2"
