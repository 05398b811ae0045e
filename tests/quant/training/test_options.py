"""What a recipe may say about training, and what each method plans."""

import pytest
from pydantic import ValidationError

from workbench.quant.registry import METHODS
from workbench.quant.training.options import TrainedOptions

TEACHER = {"distill": {"teacher": "big"}}
PLANS = {
    "qat": (True, False, True, False),
    "pact": (True, False, True, False),
    "distill": (False, True, True, False),
    "distill_only": (False, True, False, False),
    "prune": (True, False, False, True),
    "distill_prune": (False, True, False, True),
    "prune_qat": (True, False, True, True),
}


@pytest.mark.parametrize("method", PLANS)
def test_plan_has_the_parts_of_its_method_when_made(method):
    options = METHODS[method].parse(TEACHER if method == "distill_only" else {})
    assert isinstance(options, TrainedOptions)
    plan = options.plan()
    parts = (plan.distill, plan.quantize, plan.prune)
    assert (plan.labels, *(part is not None for part in parts)) == PLANS[method]


def test_pact_clips_when_the_recipe_says_otherwise():
    for options in ({}, {"quantize": {"moving_rate": 0.99}}, {"quantize": {"pact": False}}):
        found = METHODS["pact"].parse(options)
        assert isinstance(found, TrainedOptions)
        quantize = found.plan().quantize
        assert quantize is not None
        assert quantize.pact


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("qat", {"train": {"epochs": 1, "iterations": 5}}, "give `epochs` or `iterations`, not both"),
        ("qat", {"train": {"target_metric": 90}}, "`target_metric` needs `evaluate_iterations`"),
        ("qat", {"train": {"batch_size": 5, "processes": 2}}, "`batch_size` 5 cannot be shared among 2 `processes`"),
        ("qat", {"train": {"milestones": [1]}}, "`milestones` belong to schedule piecewise"),
        ("qat", {"train": {"schedule": "piecewise"}}, "`milestones` belong to schedule piecewise"),
        ("qat", {"train": {"learning_rate": 0}}, "greater than 0"),
        ("qat", {"prune": {}}, "Extra inputs are not permitted"),
        ("distill_only", {"distill": {}}, "a network has nothing to learn from itself"),
        ("prune", {"prune": {"flops": 0.3, "ratios": {"w": 0.5}}}, "give `flops` or `ratios`, not both"),
        ("prune", {"prune": {"sensitivity": True, "ratios": {"w": 0.5}}}, "leave `ratios` out"),
        ("prune", {"prune": {"ratios": {"w": 1.5}}}, "must lie between 0 and 1"),
    ],
)
def test_options_are_refused_when_they_contradict_each_other(method, options, said):
    with pytest.raises(ValidationError, match=said):
        METHODS[method].parse(options)


def test_checkpoint_is_of_use_to_the_same_training_only_when_options_differ():
    one, other = (METHODS["qat"].parse({"train": {"seed": seed}}).kept_identity() for seed in (0, 1))
    assert one != other
