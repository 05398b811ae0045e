"""Deploy files of the three projects: what an image becomes by them, against cv2 and plain arithmetic."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from workbench.errors import InputError
from workbench.tasks.deploy_files import Family, read_deploy_file
from workbench.tasks.preparation import Preparation, Resize

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CLASSIFICATION = """
Global: {inference_model_dir: ./models, batch_size: 1}
PreProcess:
  transform_ops:
    - ResizeImage:
        resize_short: 64
    - CropImage:
        size: 48
    - NormalizeImage:
        scale: 0.00392157
        mean: [0.485, 0.456, 0.406]
        std: [0.229, 0.224, 0.225]
        order: ''
        channel_num: 3
    - ToCHWImage:
PostProcess:
  main_indicator: Topk
  Topk:
    topk: 5
    class_id_map_file: ../ppcls/utils/three_label_list.txt
"""
DETECTION = """
mode: paddle
draw_threshold: 0.4
metric: COCO
arch: YOLO
mask: true
Preprocess:
- {interp: 2, keep_ratio: false, target_size: [64, 96], type: Resize}
- {is_scale: true, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], type: NormalizeImage}
- {type: Permute}
label_list: [person, bicycle]
NMS: {name: MultiClassNMS, nms_threshold: 0.7, score_threshold: 0.01}
"""
SEGMENTATION = """
Deploy:
  input_shape: [-1, 3, -1, -1]
  model: model.pdmodel
  output_dtype: int32
  output_op: argmax
  params: model.pdiparams
  transforms:
  - type: Normalize
"""


def write(folder: Path, text: str, name: str = "deploy.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def prepared(preparation: Preparation, image: np.ndarray) -> np.ndarray:
    """[height, width, 3], as the expected values are written down."""
    return preparation(image)[0].transpose(1, 2, 0)


def test_classification_file_is_followed_when_it_is_paddleclas_own(tmp_path):
    (tmp_path / "three_label_list.txt").write_text("0 tench, fish\n1 goldfish\n2 hen\n")
    read = read_deploy_file(write(tmp_path, CLASSIFICATION))
    image = noise(100, 160)
    scaled = cv2.resize(image, (102, 64), interpolation=cv2.INTER_LINEAR)[8:56, 27:75]
    np.testing.assert_allclose(prepared(read.preparation, image), (scaled * 0.00392157 - MEAN) / STD, atol=1e-5)
    assert (read.family, read.labels) == (Family.CLASSIFICATION, ("tench, fish", "goldfish", "hen"))


def test_classification_file_has_no_labels_when_their_list_is_elsewhere(tmp_path):
    assert read_deploy_file(write(tmp_path, CLASSIFICATION)).labels == ()


def test_classification_file_stretches_when_it_gives_a_size_and_a_written_out_scale(tmp_path):
    steps = [
        {"ResizeImage": {"size": [40, 30], "interpolation": "bicubic"}},
        {"NormalizeImage": {"scale": "1.0/255.0"}},
    ]
    read = read_deploy_file(write(tmp_path, yaml.safe_dump({"PreProcess": {"transform_ops": steps}})))
    image = noise(60, 50)
    scaled = cv2.resize(image, (40, 30), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(prepared(read.preparation, image), (scaled / 255 - MEAN) / STD, atol=1e-5)


def test_detection_file_is_followed_when_it_is_paddledetections_own(tmp_path):
    read = read_deploy_file(write(tmp_path, DETECTION))
    image = noise(30, 40)
    scaled = cv2.resize(image, (96, 64), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(prepared(read.preparation, image), (scaled / 255 - MEAN) / STD, atol=1e-5)
    assert (read.family, read.labels, read.arch) == (Family.DETECTION, ("person", "bicycle"), "YOLO")
    assert (read.masks, read.draw_threshold, read.nms["nms_threshold"]) == (True, 0.4, 0.7)


def detection(folder: Path, *steps: dict) -> Preparation:
    return read_deploy_file(write(folder, yaml.safe_dump({"Preprocess": list(steps)}))).preparation


def test_detection_file_gives_bounds_and_multiples_when_the_ratio_is_kept(tmp_path):
    steps = ({"type": "Resize", "target_size": [80, 133], "keep_ratio": True}, {"type": "PadStride", "stride": 32})
    planes, geometry = detection(tmp_path, *steps)(noise(100, 120))
    assert planes.shape == (3, 96, 96)
    assert geometry.scale == (0.8, 0.8)
    assert planes.max() > 200
    assert detection(tmp_path, *steps)(noise(50, 200))[0].shape == (3, 64, 160)


def test_detection_file_letterboxes_on_grey_when_it_says_so(tmp_path):
    preparation = detection(tmp_path, {"type": "LetterBoxResize", "target_size": 40})
    planes, geometry = preparation(np.full((80, 60, 3), 9, np.uint8))
    assert geometry.offset == (0, 5)
    assert (planes[:, :, :5] == 128).all()
    assert (planes[:, :, 5:35] == 9).all()


def test_detection_file_lays_the_image_top_left_when_a_square_is_padded(tmp_path):
    resize = {"type": "Resize", "target_size": [40, 40], "keep_ratio": True}
    planes, _ = detection(tmp_path, resize, {"type": "Pad", "size": [40, 40]})(np.full((80, 60, 3), 9, np.uint8))
    assert (planes[:, :, :30] == 9).all()
    assert (planes[:, :, 30:] == 114).all()


def test_detection_file_neither_subtracts_nor_divides_when_it_says_none(tmp_path):
    normalise = {"type": "NormalizeImage", "is_scale": True, "norm_type": "none", "mean": [1.0] * 3, "std": [2.0] * 3}
    image = noise(4, 4)
    np.testing.assert_allclose(prepared(detection(tmp_path, normalise), image), image / 255, atol=1e-6)


def test_segmentation_file_halves_and_centres_when_it_only_normalises(tmp_path):
    read = read_deploy_file(write(tmp_path, SEGMENTATION), family=Family.SEGMENTATION)
    image = noise(7, 5)
    np.testing.assert_allclose(prepared(read.preparation, image), image / 127.5 - 1, atol=1e-6)
    assert (read.family, read.preparation.resize) == (Family.SEGMENTATION, Resize.NONE)


def test_segmentation_file_has_width_before_height_when_it_resizes(tmp_path):
    steps = [{"type": "Resize", "target_size": [20, 10]}, {"type": "Normalize"}]
    read = read_deploy_file(write(tmp_path, yaml.safe_dump({"Deploy": {"transforms": steps}})))
    assert read.preparation.size == (10, 20)
    long = [{"type": "ResizeByLong", "long_size": 20}]
    fitted = read_deploy_file(write(tmp_path, yaml.safe_dump({"Deploy": {"transforms": long}}))).preparation
    assert [fitted(noise(*size))[0].shape[1:] for size in ((10, 40), (40, 10))] == [(5, 20), (20, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "none of the keys PreProcess, Preprocess, Deploy in it"),
        ("Deploy: [", "not valid YAML"),
        ("Deploy: 3", "not laid out as such a file is"),
        ("Preprocess: [3]", "not laid out as such a file is"),
        ("Preprocess: [{type: Resize}, {type: Pad, size: 3}]", "not laid out as such a file is"),
        ("PreProcess: {transform_ops: [{}]}", "not laid out as such a file is"),
        ("Deploy: {transforms: [{type: Matte}]}", r"step Matte: not understood \(known are Resize, ResizeByLong"),
        ("Deploy: {transforms: [{type: Resize, size_divisor: 32}]}", "step Resize: its `size_divisor: 32` is not"),
        ("Deploy: {transforms: [{type: Resize, interp: RANDOM}]}", "step Resize: its `interp: random` is not"),
        ("Deploy: {transforms: [{type: Normalize, std: [0, 1, 1]}]}", "`std` must be above 0"),
        ("Preprocess: [{type: TopDownEvalAffine}]", "step TopDownEvalAffine: not understood"),
        ("Preprocess: [{type: Permute, to_bgr: true}]", "step Permute: its `to_bgr: true` is not understood"),
        ("Preprocess: [{type: Pad, size: 40}]", "step Pad: it does not follow a Resize with `keep_ratio: true`"),
        ("PreProcess: {transform_ops: [{CropImage: {size: 3}}]}", "step CropImage: it follows no ResizeImage"),
        (
            "PreProcess: {transform_ops: [{ResizeImage: {backend: pil, size: 3}}]}",
            "step ResizeImage: it resizes with PIL",
        ),
        ("PreProcess: {transform_ops: [{ResizeImage: {}}]}", "step ResizeImage: it has no size"),
        ("PreProcess: {transform_ops: [{ResizeImage: {resize_short: 9}}]}", "resize short_side needs `size`|`size`"),
        ("PreProcess: {transform_ops: [{NormalizeImage: {scale: a/b}}]}", "step NormalizeImage: 'a/b' is not a number"),
        ("PreProcess: {transform_ops: [{NormalizeImage: {channel_num: 4}}]}", "only three channels"),
        (
            "PreProcess: {transform_ops: [{DecodeImage: {to_rgb: false}}]}",
            "step DecodeImage: its `to_rgb: False` is not",
        ),
    ],
)
def test_deploy_file_is_named_with_its_step_when_it_is_not_understood(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"^deploy file .*deploy\.yaml: .*({message})"):
        read_deploy_file(write(tmp_path, text))


def test_deploy_file_is_named_when_it_is_of_another_family_or_not_there(tmp_path):
    with pytest.raises(InputError, match="it is of a segmentation model, and the task is detection"):
        read_deploy_file(write(tmp_path, SEGMENTATION), family=Family.DETECTION)
    with pytest.raises(InputError, match="no such file or directory; give the file that was exported with the model"):
        read_deploy_file(tmp_path / "none.yaml")
