"""A recipe with tensors kept in float: only that line and the name change, however the YAML is written."""

import pytest
import yaml

from workbench.errors import InputError
from workbench.pipeline.float_recipe import keep_in_float

FLOW = "# top\nname: demo # n\nquantize:\n  - {method: static, algo: hist} # c\n  - {method: qat}\n"
BLOCK = "name: demo\nquantize:\n  - method: static  # the method\n    algo: hist\n  # after\n  - method: qat\n"
BLOCK_LIST = "name: demo\nquantize:\n- method: static\n  skip_tensors:\n  - a\n  - b # bb\n  # cc\n  algo: hist\n"
FLOW_LIST = "name: 'demo'\nquantize: [{method: static, skip_tensors: [a, b], algo: hist}]"
NO_END = "name: demo\nquantize:\n- method: static"


@pytest.mark.parametrize("text", [FLOW, BLOCK, BLOCK_LIST, FLOW_LIST, NO_END])
def test_tensors_are_kept_in_float_when_the_recipe_is_written_so(text):
    before, tensors = yaml.safe_load(text), ["x_0", "w: #1", "<b>"]
    new = keep_in_float(text, 0, tensors, name="demo-float3")
    wanted = before | {"name": "demo-float3"}
    wanted["quantize"][0]["skip_tensors"] = tensors
    assert yaml.safe_load(new) == wanted
    assert new.count("#") == text.count("#") + 1


@pytest.mark.parametrize(
    "entry", ["{method: qat}", "{method: qat, quantize: {pact: true}}", "{method: qat, quantize: {skip_tensors: [z]}}"]
)
def test_tensors_stand_below_quantize_when_the_method_trains(entry):
    text = f"name: demo\nquantize:\n  - {entry}\n"
    (made,) = yaml.safe_load(keep_in_float(text, 0, ["x_0"], within=("quantize",), name="n"))["quantize"]
    assert made["quantize"]["skip_tensors"] == ["x_0"]
    assert len(made["quantize"]) == (2 if "pact" in entry else 1)


def test_recipe_is_refused_when_an_anchor_would_change_another_entry():
    text = "name: demo\nquantize:\n  - &one {method: static}\n  - *one\n"
    with pytest.raises(InputError, match="cannot be changed safely; put this line into it by hand: skip_tensors: "):
        keep_in_float(text, 0, ["x_0"], name="n")
