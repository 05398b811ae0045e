"""`layers`: ticking what stays in float, and the recipe that says so."""

import json

import pytest
import yaml

from workbench import callbacks
from workbench.errors import InputError
from workbench.experiment import read_recipe
from workbench.models.model import Format, Manifest
from workbench.models.scales import Scales
from workbench.ui import layers

HOSTILE = "<img src=x onerror=alert(1)>"
RECIPE = """\
# what I measure
schema_version: 1
name: mine  # its folder
model: {sample: digits_mobilenet_v1}
task: {name: digits_classification}
quantize:
  - {method: static, algo: avg}
  - {method: static, algo: hist}  # the one
deploy:
  - {backend: onnxruntime, precision: [fp32, int8]}
"""


def tensor(name, kind, db, share, reader):
    return {"tensor": name, "kind": kind, "readers": [reader], "sqnr_db": db, "cosine": 0.9, "share": share}


def analysis(first="x_0"):
    """Two layers, each with an activation and a weight; the first is the worst."""
    rows = [tensor(first, "activation", 20.0, 0.9, "conv_0"), tensor("w_0", "weight", 30.0, 0.8, "conv_0"),
            tensor("x_1", "activation", 40.0, 0.1, "conv_1"), tensor("w_1", "weight", 45.0, 0.2, "conv_1")]  # fmt: skip
    order = [
        {"tensor": name, "kind": "activation", "why": f"{db} dB alone"} for name, db in ((first, 20.0), ("x_1", 40.0))
    ]
    noise = [{"layer": f"conv_{index}", "sqnr_db": 18.0 + index, "cosine": 0.9} for index in range(2)]
    return {"rows": rows, "order": order, "layers": noise, "model": "static-hist", "scheme": "symmetric", "samples": 4,
            "part": "search", "sqnr_db": 18.0, "seconds": 1.0, "without_range": []}  # fmt: skip


@pytest.fixture
def run(write_run, tmp_path):
    """A run made from a recipe beside which there are others, with an analysis."""
    folder = write_run()
    (tmp_path / "mine").mkdir()
    recipe = tmp_path / "mine" / "mine.yaml"
    recipe.write_text(RECIPE)
    (folder / "stages").mkdir()
    (folder / "stages" / "quantize.json").write_text(json.dumps({"recipe_file": str(recipe), "models": {}}))
    (folder / "sensitivity").mkdir()
    (folder / "sensitivity" / "static-hist-symmetric.json").write_text(json.dumps(analysis()))
    return folder


def written(tmp_path):
    return sorted(path.name for path in (tmp_path / "mine").iterdir())


def test_layers_show_what_costs_accuracy_when_opened(run):
    view = layers(run)
    assert "Worst alone: activation x_0, 20.0 dB" in view._summary.value
    assert "x_0 20.0 dB" in view._picture.value
    assert "Nothing is ticked" in view._effect.value
    assert list(view._table.df["Layer"]) == ["conv_0", "conv_1"]
    assert view.tensors.boxes["x_0"].tooltip == "Keep in float, worst first: x_0 (activation): 20.0 dB alone"


def test_layers_tell_the_effect_when_a_tensor_is_ticked(run):
    view = layers(run)
    view.tensors.boxes["x_0"].value = True
    said = "1 of 2 layers stay in float; they bring 90 % of the noise of all activations and 80 % of the noise of all weights"
    assert said in view._effect.value
    assert list(view._table.df["As chosen"]) == ["float", "INT8"]
    assert "x_0 20.0 dB, in float" in view._picture.value


def test_layers_tell_what_is_in_float_already_when_the_model_says_so(run):
    kept = {"all": {"x_0": "skip_tensors of the recipe"}, "openvino": {"x_1": "accuracy"}}
    model = Manifest(name="m", format=Format.PADDLE, inputs=(), outputs=(), scales=Scales(kept_in_float=kept))
    (run / "models" / "d1").mkdir(parents=True)
    (run / "models" / "d1" / "manifest.json").write_text(model.model_dump_json())
    state = json.loads((run / "stages" / "quantize.json").read_text()) | {"models": {"static-hist": {"digest": "d1"}}}
    (run / "stages" / "quantize.json").write_text(json.dumps(state))
    view = layers(run)
    assert list(view._table.df["Now"]) == ["float", "INT8, float on openvino"]
    assert view.chosen == ["x_0"]


def test_layers_write_a_new_recipe_that_keeps_the_rest_when_asked(run, tmp_path):
    view = layers(run)
    view.tensors.boxes["x_0"].value = True
    view._write.click()
    path = tmp_path / "mine" / "mine-float1.yaml"
    assert path.read_text() == RECIPE.replace("name: mine ", "name: mine-float1 ").replace(
        "algo: hist}", "algo: hist, skip_tensors: [x_0]}"
    )
    assert read_recipe(path).quantize[1].options["skip_tensors"] == ["x_0"]
    assert f"workbench run {path}" in view._said.value
    assert (tmp_path / "mine" / "mine.yaml").read_text() == RECIPE


def test_layers_overwrite_nothing_when_they_are_written_again(run, tmp_path):
    view = layers(run)
    view.tensors.boxes["x_0"].value = True
    view._write.click()
    view._write.click()
    assert written(tmp_path) == ["mine-float1-2.yaml", "mine-float1.yaml", "mine.yaml"]
    assert yaml.safe_load((tmp_path / "mine" / "mine-float1-2.yaml").read_text())["name"] == "mine-float1-2"


def test_layers_say_so_in_one_line_when_nothing_is_ticked(run, tmp_path):
    view = layers(run)
    view._write.click()
    assert "nothing is ticked" in view.children[0].value
    assert written(tmp_path) == ["mine.yaml"]
    assert callbacks.raised() == []


def test_layers_use_the_runs_own_recipe_when_the_users_is_gone(run, tmp_path):
    (tmp_path / "mine" / "mine.yaml").rename(run / "recipe.yaml")
    view = layers(run)
    view.tensors.boxes["x_1"].value = True
    view._write.click()
    assert read_recipe(tmp_path / "mine-float1.yaml").quantize[1].options["skip_tensors"] == ["x_1"]


def test_layers_say_how_to_get_an_analysis_when_the_run_has_none(write_run):
    folder = write_run()
    view = layers(folder)
    assert "no sensitivity analysis yet" in view._summary.value
    assert view._write.disabled
    assert view.exercise() == []
    (folder / "sensitivity").mkdir()
    (folder / "sensitivity" / "static-hist-symmetric.json").write_text(json.dumps(analysis()))
    view._again.click()
    assert "Worst alone" in view._summary.value


def test_layers_say_so_in_one_line_when_the_analysis_is_broken(run):
    (run / "sensitivity" / "static-hist-symmetric.json").write_text('{"rows": []}')
    (run / "sensitivity" / "static-avg-symmetric.json").write_text(json.dumps(analysis()))
    view = layers(run)
    view.analysis.value = "static-hist-symmetric"
    assert "not a sensitivity analysis" in view.children[0].value
    assert "Worst alone" not in view._summary.value
    assert view._table.layout.display == "none"


def test_layers_offer_no_recipe_when_they_may_not(run):
    assert len(layers(run, can_save=False).content[-2].children) == 1


def test_layers_refuse_in_one_line_when_the_folder_is_no_run(tmp_path):
    with pytest.raises(InputError, match="no run folder there"):
        layers(tmp_path)


def test_layers_open_the_other_analysis_when_it_is_chosen(run):
    (run / "sensitivity" / "static-avg-symmetric.json").write_text(
        json.dumps(analysis("y_0") | {"model": "static-avg"})
    )
    view = layers(run)
    assert "y_0" in view._summary.value
    view.analysis.value = "static-hist-symmetric"
    assert "x_0" in view._summary.value
    assert view.exercise() == []


def test_layers_show_hostile_names_as_text_when_an_analysis_has_them(run):
    (run / "sensitivity" / "static-hist-symmetric.json").write_text(json.dumps(analysis(HOSTILE)))
    view = layers(run)
    view.tensors.boxes[HOSTILE].value = True
    for html in (view._summary.value, view._picture.value, view._effect.value, view.static_html()):
        assert "<img src=x" not in html
    assert "onerror" in view.static_html()
    view._write.click()
    assert "<img src=x" not in view._said.value
    assert callbacks.raised() == []
