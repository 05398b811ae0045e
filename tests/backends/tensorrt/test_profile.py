"""Ranges of shapes that a plan is built for."""

import pytest

from workbench.backends.tensorrt.profile import make_profile, outside
from workbench.errors import UnsupportedError
from workbench.models.model import TensorSpec

IMAGE = TensorSpec(name="image", dtype="float32", shape=(-1, 3, 32, 32))
WORDS = TensorSpec(name="words", dtype="int64", shape=(-1, -1))
FIXED = TensorSpec(name="scale", dtype="float32", shape=(1, 2))
WIDE = {"image": ([1, 3, 32, 32], [4, 3, 32, 32], [8, 3, 32, 32])}


def test_profile_is_the_batch_alone_when_nothing_is_given():
    profile = make_profile([IMAGE, FIXED], batch=4, shapes={})
    assert profile == {"image": ((4, 3, 32, 32),) * 3}


def test_profile_is_the_given_range_when_the_recipe_has_one():
    profile = make_profile([IMAGE], batch=2, shapes=WIDE)
    assert profile == {"image": ((1, 3, 32, 32), (4, 3, 32, 32), (8, 3, 32, 32))}


@pytest.mark.parametrize(
    ("inputs", "batch", "shapes", "said"),
    [
        ([WORDS], 1, {}, "input 'words': axis 1 may have any length, and a plan needs bounds; give `shapes: {words: "),
        ([IMAGE], 1, {"picture": WIDE["image"]}, "`shapes` names input 'picture', which the model does not have; it has: image"),
        ([IMAGE], 1, {"image": ([1, 3, 32, 32],) * 2 + ([1, 3, 16, 16],)}, "are not three rising shapes of [-1, 3, 32, 32]"),
        ([IMAGE], 1, {"image": ([2, 3, 32, 32], [1, 3, 32, 32], [8, 3, 32, 32])}, "are not three rising shapes"),
        ([IMAGE], 1, {"image": ([1, 3], [2, 3], [3, 3])}, "are not three rising shapes"),
        ([IMAGE], 16, WIDE, "batch 16 is not from 1 to 8, the profile's bounds"),
    ],
)  # fmt: skip
def test_profile_is_refused_in_one_line_when_it_does_not_fit(inputs, batch, shapes, said):
    with pytest.raises(UnsupportedError) as caught:
        make_profile(inputs, batch=batch, shapes=shapes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (8, 3, 32, 32), (5, 3, 32, 32)])
def test_shape_is_inside_when_the_profile_has_it(shape):
    assert outside(make_profile([IMAGE], batch=1, shapes=WIDE), "image", shape) == ""


@pytest.mark.parametrize("shape", [(9, 3, 32, 32), (1, 3, 64, 32), (3, 32, 32)])
def test_shape_is_outside_with_the_bounds_and_the_cure_when_the_profile_lacks_it(shape):
    said = outside(make_profile([IMAGE], batch=1, shapes=WIDE), "image", shape)
    assert f"shape {list(shape)} is outside the plan's profile, [1, 3, 32, 32] to [8, 3, 32, 32]; widen it with" in said


def test_shape_is_inside_when_the_input_has_no_free_axis():
    assert outside({}, "scale", (1, 2)) == ""
