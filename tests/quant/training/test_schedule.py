"""The learning rate in closed form, against Paddle's own schedulers."""

import pytest

from workbench.quant.training.options import Training
from workbench.quant.training.schedule import learning_rate


def rates(iterations=20, per_epoch=5, **train):
    rate = learning_rate(Training(learning_rate=0.1, **train), iterations=iterations, per_epoch=per_epoch)
    return [rate(iteration) for iteration in range(iterations)]


def test_rate_is_paddles_when_both_have_the_schedule(run_native):
    paddles = run_native("paddle_rates", count=20).value
    assert rates() == pytest.approx(paddles["cosine"], abs=1e-9)
    assert rates(cosine_iterations=40) == pytest.approx(paddles["slow cosine"], abs=1e-9)
    assert rates(schedule="piecewise", milestones=[1, 3], gamma=0.5) == pytest.approx(paddles["piecewise"])


def test_rate_grows_from_the_first_iteration_when_warmed_up():
    found = rates(schedule="constant", warmup_iterations=4)
    assert found[:5] == pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1])


def test_rate_stays_at_its_end_when_training_goes_on_after_the_cosine():
    assert rates(cosine_iterations=10)[10:] == pytest.approx([0.0] * 10)
