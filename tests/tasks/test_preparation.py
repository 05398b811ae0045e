"""Images on their way into a network, checked pixel by pixel against plain arithmetic, and boxes on their way back."""

import cv2
import numpy as np
import pytest

from workbench.errors import InputError
from workbench.experiment import validate
from workbench.tasks.preparation import Geometry, Preparation, Resize

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SIZED = {"size": (32, 48)}


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_preparation_normalises_each_channel_when_it_does_not_resize():
    image = noise(5, 7)
    planes, geometry = Preparation(**IMAGENET)(image)
    expected = (image / 255 - IMAGENET["mean"]) / IMAGENET["std"]
    np.testing.assert_allclose(planes.transpose(1, 2, 0), expected, atol=1e-6)
    assert (planes.dtype, planes.flags.c_contiguous) == (np.float32, True)
    assert geometry == Geometry((5, 7), (5, 7))


def test_preparation_applies_mean_in_the_inputs_order_when_channels_are_bgr():
    image = noise(4, 4)
    planes, _ = Preparation(channels="bgr", scale=1.0, mean=(1, 2, 3), std=(10, 20, 30))(image)
    np.testing.assert_allclose(planes.transpose(1, 2, 0), (image[:, :, ::-1] - [1.0, 2, 3]) / [10, 20, 30], atol=1e-5)


@pytest.mark.parametrize(
    ("resize", "height", "width", "covered"),
    [
        ("letterbox", 64, 32, (0, 32, 16, 32)),  # halved: 32 x 16 in the middle of 32 x 48
        ("letterbox", 16, 8, (0, 32, 16, 32)),  # doubled
        ("letterbox", 20, 48, (6, 26, 0, 48)),
        ("letterbox", 21, 48, (5, 26, 0, 48)),  # an odd rest: the smaller half above
        ("top_left", 64, 32, (0, 32, 0, 16)),
        ("top_left", 20, 48, (0, 20, 0, 48)),
        ("stretch", 11, 13, (0, 32, 0, 48)),
    ],
)
def test_preparation_places_the_image_when_resized(resize, height, width, covered):
    top, bottom, left, right = covered
    image = np.full((height, width, 3), 200, np.uint8)
    planes, geometry = Preparation(resize=resize, **SIZED)(image)
    expected = np.full((3, 32, 48), 114 / 255, np.float32)
    expected[:, top:bottom, left:right] = 200 / 255
    np.testing.assert_allclose(planes, expected, atol=1e-6)
    assert geometry.offset == (top, left)
    assert geometry.scale == ((bottom - top) / height, (right - left) / width)


def test_preparation_takes_the_middle_when_the_short_side_is_given():
    image = noise(100, 60)
    preparation = Preparation(resize="short_side", short_side=30, size=(24, 20), scale=1.0)
    planes, geometry = preparation(image)
    expected = cv2.resize(image, (30, 50), interpolation=cv2.INTER_LINEAR)[13:37, 5:25]
    np.testing.assert_array_equal(planes.transpose(1, 2, 0), expected)
    assert geometry == Geometry((100, 60), (24, 20), (0.5, 0.5), (-13, -5))


@pytest.mark.parametrize(
    ("interpolation", "flag"),
    [("nearest", cv2.INTER_NEAREST), ("linear", cv2.INTER_LINEAR), ("cubic", cv2.INTER_CUBIC), ("area", cv2.INTER_AREA),
     ("lanczos", cv2.INTER_LANCZOS4)],
)  # fmt: skip
def test_preparation_resamples_as_cv2_does_when_shrinking(interpolation, flag):
    image = noise(90, 80)
    planes, _ = Preparation(resize="stretch", interpolation=interpolation, scale=1.0, **SIZED)(image)
    expected = cv2.resize(image, (48, 32), interpolation=flag)
    np.testing.assert_array_equal(planes.transpose(1, 2, 0), expected)


def test_preparation_is_linear_when_area_would_enlarge():
    image = noise(9, 8)
    area, linear = (Preparation(resize="stretch", interpolation=name, **SIZED)(image)[0] for name in ("area", "linear"))
    np.testing.assert_array_equal(area, linear)


@pytest.mark.parametrize("resize", sorted(set(Resize) - {Resize.NONE}))
def test_geometry_brings_boxes_back_when_the_image_was_placed(resize):
    """A white rectangle's box, found in the input, is the rectangle in the image, to a pixel of the coarser one."""
    image = np.zeros((120, 200, 3), np.uint8)
    image[40:80, 90:110] = 255
    extra = {"short_side": 96} if resize is Resize.SHORT_SIDE else {}
    planes, geometry = Preparation(size=(96, 96), resize=resize, pad=0, **extra)(image)
    rows, columns = np.nonzero(planes[0] > 0.5)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(geometry.boxes_to_image(box), [[90, 40, 110, 80]], atol=2.1)


def test_geometry_clips_boxes_when_they_leave_the_image():
    boxes = np.array([[-5, -5, 500, 500], [7, 3, 9, 5]], np.float32)
    found = Geometry((10, 20), (10, 20)).boxes_to_image(boxes)
    assert found.tolist() == [[0, 0, 20, 10], [7, 3, 9, 5]]
    assert found.dtype == np.float32
    assert Geometry((10, 20), (10, 20)).boxes_to_image(boxes[:0]).shape == (0, 4)


@pytest.mark.parametrize(
    ("height", "width", "scaled"),
    [(60, 80, (30, 40)), (60, 120, (25, 50)), (120, 60, (50, 25)), (10, 12, (30, 36))],
)
def test_preparation_keeps_both_sides_in_bounds_when_it_fits_them(height, width, scaled):
    preparation = Preparation(resize="fit", size=(50, 30), scale=1.0)
    planes, geometry = preparation(noise(height, width))
    assert planes.shape == (3, *scaled)
    assert geometry == Geometry((height, width), scaled, (scaled[0] / height, scaled[1] / width))


@pytest.mark.parametrize("resize", ["none", "fit", "stretch", "letterbox"])
def test_preparation_fills_up_with_zeros_when_sides_must_be_multiples(resize):
    size = None if resize == "none" else (40, 50)
    plain = Preparation(resize=resize, size=size, **IMAGENET)
    planes, geometry = plain(noise(45, 70))
    padded, filled = plain.model_copy(update={"multiple": 32})(noise(45, 70))
    height, width = planes.shape[1:]
    assert padded.shape == (3, -(-height // 32) * 32, -(-width // 32) * 32) != planes.shape
    assert np.array_equal(padded[:, :height, :width], planes)
    assert not padded[:, height:].any()
    assert not padded[:, :, width:].any()
    assert (filled.size, filled.scale, filled.offset) == (padded.shape[1:], geometry.scale, geometry.offset)


def test_preparation_takes_one_number_when_the_input_is_square():
    assert Preparation.model_validate({"size": 640, "resize": "stretch"}).size == (640, 640)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"resize": "letterbox"}, "resize letterbox needs `size`"),
        ({"size": 32}, "resize none takes no `size`"),
        ({"size": 0, "resize": "stretch"}, "one pixel at least"),
        ({"size": 32, "resize": "short_side"}, "needs `short_side`"),
        ({"size": 32, "resize": "stretch", "short_side": 40}, "takes no `short_side`"),
        ({"size": 32, "resize": "short_side", "short_side": 30}, "`short_side` 30 is less than a side"),
        ({"std": [1, 0, 1]}, "`std` must be above 0"),
        ({"sise": 3}, "unknown key `sise`"),
        ({"pad": 256}, "`pad` = 256"),
    ],
)
def test_preparation_is_refused_in_one_line_when_its_fields_do_not_fit(options, said):
    with pytest.raises(InputError, match=said):
        validate(Preparation, options, where="recipe")
