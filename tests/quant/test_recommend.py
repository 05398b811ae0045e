"""Tests of the decision table: it answers every case once, with lines that a recipe takes and reasons that have a source."""

import importlib
import re

import pytest
import yaml

from workbench.errors import InputError
from workbench.experiment import Recipe, validate
from workbench.quant import Data, Goal, Target, Time, recommend
from workbench.quant.decisions import TABLE
from workbench.quant.recommend import Recommendation, answers, cases, faults
from workbench.quant.registry import METHODS
from workbench.quant.training.options import (
    DistillOnlyOptions,
    DistillOptions,
    DistillPruneOptions,
    PactOptions,
    PruneOptions,
    PruneQatOptions,
    QatOptions,
    TrainedOptions,
)

TRAINED = {
    "qat": QatOptions, "pact": PactOptions, "distill": DistillOptions, "distill_only": DistillOnlyOptions, "prune": PruneOptions,
    "distill_prune": DistillPruneOptions, "prune_qat": PruneQatOptions,
}  # fmt: skip
OPTIONS = TRAINED | {name: method.Options for name, method in METHODS.items()}
CASES = cases()


def recommended(case) -> Recommendation:
    return recommend(data=case.data, time=case.time, device=case.target, goal=case.goal)


def method(data: str, time: str, device: str, goal: str) -> str:
    return recommend(data=data, time=time, device=device, goal=goal).method


def test_table_answers_each_case_once_when_all_are_asked() -> None:
    assert faults() == []
    assert [len(answers(case)) for case in CASES] == [1] * len(Data) * len(Time) * len(Target) * len(Goal)
    assert all(any(row.holds(case) for case in CASES) for row in TABLE)


def test_faults_name_the_case_when_the_table_has_a_hole_or_an_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("workbench.quant.recommend")
    monkeypatch.setattr(module, "TABLE", (*TABLE[1:], TABLE[-1]))
    assert "none, minutes, x86, size: no answer" in faults()
    assert "labelled, days, arm, accuracy: pact and pact" in faults()


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_lines_are_those_of_a_recipe_when_pasted_into_one(case) -> None:
    found = recommended(case)
    lines = yaml.safe_load(found.recipe)
    assert lines == {"quantize": [found.entry] if found.entry else [], "deploy": list(found.deploy)}
    recipe = validate(
        Recipe, {"name": "mine", "model": {"sample": "digits"}, "task": {"name": "digits"}} | lines, where="lines"
    )
    for entry in recipe.quantize:
        assert entry.method == found.method
        if entry.method in OPTIONS:
            OPTIONS[entry.method].model_validate(entry.options)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_method_needs_no_more_than_is_at_hand_when_recommended(case) -> None:
    found = recommended(case)
    if case.data is Data.NONE:
        assert found.method in ("none", "dynamic")
    if found.method in TRAINED:
        assert case.time is not Time.MINUTES
        options: TrainedOptions = TRAINED[found.method].model_validate(
            {k: v for k, v in found.entry.items() if k != "method"}
        )
        assert case.data is Data.LABELLED or not options.plan().labels
    deployed = {name for place in found.deploy for name in place["precision"]}
    makes_int8 = found.method in ("static", "qat", "pact", "distill", "prune_qat")
    assert ("int8" in deployed) == makes_int8


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_reason_has_a_source_for_each_claim_when_given(case) -> None:
    found = recommended(case)
    claims = found.reason.removesuffix(".").split("); ")
    assert all(
        re.search(
            r" \((?:PaddleSlim|PaddleDetection|Paddle2ONNX|Paddle Lite|FastDeploy|NVIDIA|measured|run)\b[^()]*\)?$", c
        )
        for c in claims
    )
    assert found.next_step.endswith(".")


def test_dynamic_is_never_recommended_when_speed_counts() -> None:
    assert "dynamic" not in {recommended(case).method for case in CASES if case.goal is not Goal.SIZE}
    assert "speed nowhere" in recommend(data="none", time="hours", device="arm", goal="size").reason


def test_answers_differ_between_targets_when_they_must() -> None:
    assert method("labelled", "hours", "x86", "speed") == "prune"
    assert {method("labelled", "hours", device, "speed") for device in ("x86_vnni", "arm", "nvidia_gpu")} == {
        "prune_qat"
    }
    assert method("labelled", "hours", "x86", "accuracy") == "none"
    assert method("labelled", "hours", "x86_vnni", "accuracy") == "qat"
    asked = {device: recommend(data="none", time="minutes", device=device, goal="speed") for device in Target}
    assert {found.method for found in asked.values()} == {"none"}
    precisions = {
        device: {name for place in found.deploy for name in place["precision"]} for device, found in asked.items()
    }
    assert precisions == {
        "x86": {"fp32"}, "x86_vnni": {"fp32", "bf16"}, "arm": {"fp32", "fp16"}, "nvidia_gpu": {"fp32", "fp16"},
    }  # fmt: skip
    assert len({found.reason for found in asked.values()}) == len(Target)


def test_reason_quotes_the_figures_when_they_are_known() -> None:
    static = {
        device: recommend(data="unlabelled", time="minutes", device=device, goal="speed").reason for device in Target
    }
    assert "only about 1.5 times without" in static[Target.X86]
    assert "64.0 to 11.6 ms" in static[Target.X86_VNNI]
    assert "100 to 500 images" in static[Target.ARM]
    assert "79.12 -> 79.06 %" in static[Target.NVIDIA_GPU]
    assert "26.47 of 26.49" in recommend(data="none", time="minutes", device="x86_vnni", goal="accuracy").reason


def test_unknown_choice_is_refused_with_the_choices_when_asked() -> None:
    with pytest.raises(InputError, match="device = 'tpu' is not known; choose from: x86, x86_vnni, arm, nvidia_gpu"):
        recommend(data="none", time="minutes", device="tpu", goal="size")
