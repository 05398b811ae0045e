"""Weights as arrays: those of the model, read in a worker."""

import pytest

from workbench.errors import InputError
from workbench.lessons.weights import read_weights
from workbench.models.model import Model


def test_weights_are_the_models_when_read(imported, tmp_path):
    (tmp_path / "logs").mkdir()
    found = read_weights(imported["tiny"], tmp_path)
    assert found["conv2d_0.w_0"].ndim == 4
    assert sum(value.size for value in found.values()) == pytest.approx(
        1e6 * imported["tiny"].manifest.facts["params_m"], abs=100
    )


def test_weights_are_refused_in_one_line_when_the_model_is_gone(imported, tmp_path):
    (tmp_path / "logs").mkdir()
    with pytest.raises(InputError, match=r"no manifest\.json in it"):
        read_weights(Model(tmp_path / "gone", imported["tiny"].manifest), tmp_path)
