"""Families told apart by names and shapes alone, the near misses above all."""

import pytest

from workbench.inspection.description import Description
from workbench.inspection.families import propose
from workbench.inspection.notes import plain
from workbench.models.model import Format, TensorSpec

IMAGE = ("images", "float32", (1, 3, 640, 640))
SCALE = ("scale_factor", "float32", (1, 2))


def model(inputs, outputs, *operators):
    specs = [tuple(TensorSpec(name=n, dtype=d, shape=s) for n, d, s in given) for given in (inputs, outputs)]
    return Description(format=Format.ONNX, inputs=specs[0], outputs=specs[1], operators=frozenset(operators))


def floats(*shapes):
    return [(f"out{index}", "float32", shape) for index, shape in enumerate(shapes)]


def proposed(described, name="net.onnx"):
    found = propose(described, name)
    return (found.task.value, plain(found.options)) if not found.task_file else (None, {})


@pytest.mark.parametrize(
    ("outputs", "name", "decoder"),
    [
        (floats((1, 25200, 85)), "net", "yolov5"),
        (floats((1, 25200, 85)), "YOLOv7-tiny.onnx", "yolov7"),
        (floats((1, 8400, 85)), "net", "yolov6"),
        (floats((1, 8400, 85)), "yolov5n.onnx", "yolov5"),
        (floats((1, 25200, 85), (1, 3, 80, 80, 85), (1, 3, 40, 40, 85)), "net", "yolov5"),
        (floats((1, 25200, 6)), "one_class", "yolov5"),
        (floats((1, 100, 6), (1,)), "net", "nms_inside"),
        (floats((1, 8400, 4), (1, 80, 8400)), "net", "ppyoloe"),
        (floats((1, 80, 8400), (1, 8400, 4)), "net", "ppyoloe"),
    ],
)
def test_detector_is_told_by_its_outputs_when_shapes_are_fixed(outputs, name, decoder):
    task, options = proposed(model([IMAGE], outputs), name)
    assert (task, options["decoder"]) == ("detection", decoder)


def test_six_columns_are_boxes_only_when_something_else_says_so():
    assert proposed(model([IMAGE], floats((-1, 6))))[0] == "classification"
    assert proposed(model([IMAGE], floats((-1, 6)), "NonMaxSuppression"))[1]["decoder"] == "nms_inside"
    assert proposed(model([IMAGE, SCALE], floats((-1, 6))))[1]["inputs"] == ["images", "scale_factor"]


@pytest.mark.parametrize(
    "outputs",
    [
        floats((1, 84, 8400)),  # YOLOv8 has boxes and classes in columns
        floats((1, 2704, 80), (1, 676, 80), (1, 169, 80)),
        floats((1, 100, 6), (1, 50), (1, 5, 5), (1, 2)),
        floats((1,)),
    ],
    ids=str,
)
def test_no_family_is_guessed_when_no_decoder_reads_the_outputs(outputs):
    assert proposed(model([IMAGE], outputs))[0] is None


def test_raw_heads_are_named_when_their_cells_are_those_of_the_strides():
    image = ("image", "float32", (1, 3, 416, 416))
    described = model(
        [image], floats((1, 2704, 80), (1, 676, 80), (1, 169, 80), (1, 2704, 32), (1, 676, 32), (1, 169, 32))
    )
    assert "raw heads, at strides 8, 16, 32" in propose(described, "nanodet").task.note


@pytest.mark.parametrize(
    ("outputs", "classes"),
    [
        (floats((1, 19, 640, 640)), 19),
        (floats((1, 19, 80, 80)), 19),
        (floats((-1, 19, -1, -1)), 19),
        ([("out", "int64", (1, 640, 640))], 2),
        ([("out", "int32", (1, 1, 640, 640))], 2),
    ],
    ids=str,
)
def test_segmentation_is_told_by_a_value_for_each_pixel_when_there_is_one(outputs, classes):
    task, options = proposed(model([IMAGE], outputs))
    assert (task, options["classes"]) == ("segmentation", classes)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ([("input_ids", "int64", (-1, -1)), ("attention_mask", "int64", (-1, -1)), ("token_type_ids", "int64", (-1, -1))],
         {"input_ids": "input_ids", "attention_mask": "attention_mask", "token_type_ids": "token_type_ids"}),
        ([("src_ids", "int64", (1, 64)), ("pos_ids", "int64", (1, 64)), ("sent_ids", "int64", (1, 64))],
         {"input_ids": "src_ids", "position_ids": "pos_ids", "token_type_ids": "sent_ids"}),
        ([("a", "int64", (1, 64)), ("b", "int64", (1, 64))], {"input_ids": "a", "token_type_ids": "b"}),
    ],
)  # fmt: skip
def test_text_inputs_are_told_by_name_or_by_place_when_whole_numbers_go_in(inputs, expected):
    task, options = proposed(model(inputs, floats((-1, 3))))
    assert task == "text"
    assert options["inputs"] == expected
    assert options["max_length"] == (64 if inputs[0][2][1] == 64 else 128)


def test_classification_names_the_output_when_there_are_more():
    task, options = proposed(model([IMAGE], floats((1, 1000), (1, 512, 20, 20))))
    assert (task, options.get("output")) == ("classification", "out0")


@pytest.mark.parametrize(
    "image", [("x", "float32", (1, 1, 28, 28)), ("x", "float32", (1, 224, 224, 3)), ("x", "uint8", (1, 3, 8, 8))]
)
def test_no_family_is_guessed_when_no_input_takes_colour_images_channels_first(image):
    assert proposed(model([image], floats((1, 10))))[0] is None


def test_size_is_a_guess_when_the_model_takes_any():
    found = propose(model([("x", "float32", (-1, 3, -1, -1))], floats((-1, -1, 85))), "net.onnx")
    assert plain(found.options)["preparation"]["size"] == [640, 640]
    assert "640 is usual" in found.options["preparation"].note
    assert found.input_shapes.value == {"x": [1, 3, 640, 640]}
