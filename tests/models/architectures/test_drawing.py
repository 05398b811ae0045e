"""Drawn inputs: the same for the same seed, and with the statistics that networks are made for."""

import numpy as np
import pytest

from workbench.models.architectures.drawing import draw
from workbench.models.architectures.registry import Input

IMAGE = Input("image", (-1, 3, 96, 128))
TOKENS = Input("ids", (-1, 64), "int64", 50)


@pytest.mark.parametrize("given", [IMAGE, TOKENS], ids=["image", "tokens"])
def test_draw_repeats_itself_only_when_the_seed_is_the_same(given):
    first, again, other = draw(given, (1, 0)), draw(given, (1, 0)), draw(given, (1, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first.shape, first.dtype) == (given.shape[1:], given.dtype)


def test_texture_is_normalised_and_smooth_as_photographs_are_when_drawn():
    images = np.stack([draw(IMAGE, (1, index)) for index in range(16)])
    assert abs(float(images.mean())) < 0.5
    assert 0.5 < float(images.std()) < 1.5
    steps = np.diff(images, axis=-1)
    # White noise differs from one pixel to the next by 1.4 standard deviations.
    assert float(steps.std() / images.std()) < 0.7


def test_tokens_leave_out_padding_when_there_are_more_than_two():
    values = draw(TOKENS, (3,))
    assert values.min() >= 1
    assert values.max() < 50
    assert set(np.unique(draw(Input("kinds", (-1, 64), "int64", 2), (3,)))) == {0, 1}
