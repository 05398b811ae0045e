"""What is told of a finished training."""

import pytest

from workbench.quant.training.loop import POINTS, Trained


def test_curve_has_every_loss_when_the_training_is_short():
    facts = Trained(3, (1.0, 0.5, 0.25), None, 0).facts()
    assert (facts["losses"], facts["iterations_per_loss"]) == ([1.0, 0.5, 0.25], 1)
    assert (facts["first_loss"], facts["last_loss"]) == (1.0, 0.25)


def test_curve_is_of_means_when_the_training_is_long():
    losses = tuple(float(iteration) for iteration in range(2 * POINTS + 1))
    facts = Trained(len(losses), losses, None, 0).facts()
    assert facts["iterations_per_loss"] == 3
    assert len(facts["losses"]) <= POINTS
    assert facts["losses"][0] == pytest.approx(1.0)
    assert facts["losses"][-1] == pytest.approx(1999.0)
