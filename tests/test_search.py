"""The search on made-up networks: what it finds, and how many evaluations it needs."""

import json
import math
import random

import pytest

from workbench.search import Candidate, Judgement, Target, best, judged_drops, search

TENSORS = tuple(f"t{index}" for index in range(40))
ALGORITHMS = ("hist", "mse", "avg")
POINTS = 60.0  # drop per unit of noise: what NanoDet loses, about 0.6 points at 20 dB


class Network:
    """Noise power that each tensor adds (relative to the signal), times a factor of the algorithm."""

    def __init__(self, noise, *, factors=None, luck=None, floor=1e-4):
        self.noise, self.factors, self.luck, self.floor = noise, factors or {}, luck or {}, floor
        self.asked = []

    def __call__(self, candidate):
        self.asked.append(candidate)
        left = [value for name, value in self.noise.items() if name not in candidate.in_float]
        power = self.floor + sum(left) * self.factors.get(candidate.algorithm, 1.0)
        drop = POINTS * power + self.luck.get((candidate.algorithm, len(candidate.in_float)), 0.0)
        return Judgement(drop=drop, sqnr_db=-10 * math.log10(power))

    @property
    def sizes(self):
        return [(c.algorithm, len(c.in_float)) for c in self.asked]


def run(network, *, max_drop=1.0, algorithms=ALGORITHMS, **target):
    return search(network, Target(max_drop, **target), algorithms=algorithms, ranking=lambda: list(network.noise))


def falling(first, ratio, count=40):
    return {name: first * ratio**index for index, name in enumerate(TENSORS[:count])}


def test_search_needs_one_evaluation_when_the_recipes_own_passes():
    network = Network(falling(0.001, 0.5))
    found = run(network)
    assert (found.reached, found.ended, network.sizes) == (True, "the target is met", [("hist", 0)])
    assert found.chosen.candidate == Candidate("hist", ())


def test_search_asks_for_no_ranking_when_the_recipes_own_passes():
    search(
        Network(falling(0.001, 0.5)),
        Target(1.0),
        algorithms=ALGORITHMS,
        ranking=lambda: pytest.fail("it is not needed"),
    )


def test_search_needs_two_evaluations_when_one_tensor_is_the_trouble():
    network = Network({"pool": 0.03} | falling(0.0005, 0.9))
    found = run(network)
    assert network.sizes == [("hist", 0), ("hist", 1)]
    assert found.chosen.candidate.in_float == ("pool",)


def test_search_finds_the_smallest_set_when_the_drop_is_monotone():
    noise = {name: 0.004 for name in TENSORS[:20]}
    network = Network(noise)
    found = run(network, algorithms=["hist"])
    # 20 * 0.004 * 60 = 4.8 points; 16 must stay in float, as 4 left lose 0.96 + 0.006.
    assert len(found.chosen.candidate.in_float) == 16
    assert [size for _, size in network.sizes] == [0, 1, 2, 4, 8, 16, 12, 14, 15]


def test_search_shrinks_between_when_growing_went_too_far():
    noise = {name: 0.01 for name in TENSORS[:11]} | {"rest": 0.001}
    found = run(network := Network(noise), algorithms=["hist"])
    assert len(found.chosen.candidate.in_float) == 10
    assert [size for _, size in network.sizes] == [0, 1, 2, 4, 8, 12, 10, 9]


def test_search_tries_other_algorithms_when_float_no_longer_helps():
    noise = {name: 0.0015 for name in TENSORS}
    network = Network(noise, factors={"hist": 1.0, "mse": 0.6, "avg": 0.2})
    found = run(network)
    assert found.chosen.candidate == Candidate("avg", ())
    assert network.sizes == [("hist", 0), ("hist", 1), ("mse", 0), ("avg", 0)]


def test_search_grows_on_with_the_best_algorithm_when_none_passes_alone():
    noise = {name: 0.003 for name in TENSORS[:20]}
    network = Network(noise, factors={"mse": 0.5, "avg": 2.0})
    found = run(network)
    assert found.reached
    assert found.chosen.candidate == Candidate("mse", TENSORS[:9])
    assert len(network.sizes) == 12
    assert {algorithm for algorithm, size in network.sizes if size > 1} == {"mse"}


def test_search_gives_the_best_found_when_the_target_is_out_of_reach():
    network = Network(falling(0.01, 0.7), floor=0.05)
    found = run(network)
    assert not found.reached
    assert found.ended == "nothing is left to try"
    assert found.chosen.judged_drop == min(trial.judged_drop for trial in found.trials)
    assert len(network.asked) <= 12


@pytest.mark.parametrize("budget", [1, 2, 5])
def test_search_stops_when_the_budget_is_used_up(budget):
    found = run(network := Network(falling(0.05, 0.99)), max_evaluations=budget)
    assert len(network.asked) == len(found.trials) == budget
    assert found.ended == f"the budget of {budget} evaluations is used up"
    assert not found.reached
    assert found.chosen is not None


def test_search_is_not_taken_in_when_a_noisy_candidate_is_lucky():
    network = Network({"pool": 0.04} | falling(0.002, 0.8), luck={("hist", 1): -2.0, ("hist", 0): 0.0})
    honest = run(Network({"pool": 0.04} | falling(0.002, 0.8)))
    lucky = run(Network({"pool": 0.03, "next": 0.03} | falling(0.001, 0.8), luck={("mse", 0): -3.5}))
    assert run(network).reached
    assert honest.reached
    assert lucky.chosen.candidate.in_float == ("pool", "next")


@pytest.mark.parametrize("seed", range(20))
def test_search_keeps_to_budget_and_candidates_when_the_metric_is_noisy(seed):
    draw = random.Random(seed)
    luck = {(a, size): draw.gauss(0, 0.7) for a in ALGORITHMS for size in range(41)}
    network = Network(falling(0.02, 0.8), luck=luck)
    found = run(network)
    assert len(network.asked) == len(set(network.asked)) <= 12
    assert found.reached
    # Three standard deviations of the metric's noise: what one lucky draw in a hundred can hide.
    assert POINTS * 10 ** (-found.chosen.judgement.sqnr_db / 10) <= 1.0 + 2.1


def test_search_goes_on_when_the_drop_is_small_but_the_sqnr_too():
    network = Network({"pool": 0.03} | falling(0.0005, 0.9), luck={("hist", 0): -1.5})
    assert run(network).chosen.candidate.in_float == ()
    assert run(network, min_sqnr_db=20.0).chosen.candidate.in_float == ("pool",)


def test_search_uses_the_drop_alone_when_there_is_no_sqnr():
    network = Network({"pool": 0.03} | falling(0.0005, 0.9))
    found = search(
        lambda c: Judgement(network(c).drop), Target(1.0), algorithms=ALGORITHMS, ranking=lambda: list(network.noise)
    )
    assert found.chosen.candidate.in_float == ("pool",)


def test_search_goes_past_a_candidate_when_it_cannot_be_evaluated():
    network = Network({"pool": 0.03} | falling(0.0005, 0.9))
    found = search(
        lambda c: network(c) if len(c.in_float) != 1 else Judgement(None, reason="crashed"),
        Target(1.0), algorithms=["hist"], ranking=lambda: list(network.noise),
    )  # fmt: skip
    assert found.chosen.candidate.in_float == ("pool", "t0")
    assert [trial.judgement.reason for trial in found.trials] == ["", "crashed", ""]


def test_search_chooses_nothing_when_nothing_can_be_evaluated():
    found = search(
        lambda c: Judgement(None, reason="crashed"), Target(1.0), algorithms=ALGORITHMS, ranking=lambda: TENSORS[:3]
    )
    assert (found.reached, found.chosen) == (False, None)


def test_search_asks_nothing_again_when_it_is_known():
    first = run(Network({"pool": 0.03} | falling(0.0005, 0.9)))
    known = [(trial.candidate, trial.judgement) for trial in first.trials]
    again = search(
        lambda c: pytest.fail(f"{c} was known"),
        Target(1.0),
        algorithms=["hist"],
        ranking=lambda: ["pool", *TENSORS],
        known=known,
    )
    assert again.chosen == first.chosen


def test_search_goes_to_json_when_it_ended():
    found = run(Network(falling(0.02, 0.8)))
    data = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert data["chosen"]["candidate"]["algorithm"] == "hist"
    assert len(data["trials"]) == len(found.trials)


def test_judged_drops_are_the_drops_when_they_fall_with_the_sqnr():
    assert judged_drops([Judgement(3.0, 10.0), Judgement(0.5, 20.0), Judgement(1.0, 15.0)]) == [3.0, 0.5, 1.0]


def test_judged_drops_average_neighbours_when_they_do_not():
    found = judged_drops([Judgement(0.2, 12.0), Judgement(1.8, 14.0), Judgement(0.4, 20.0), Judgement(None, 16.0)])
    assert found == [1.0, 1.0, 0.4, None]


def test_best_has_the_fewest_in_float_when_several_pass():
    trials = search(Network(falling(0.02, 0.8)), Target(1.0), algorithms=["hist"], ranking=lambda: TENSORS).trials
    passing = [len(trial.candidate.in_float) for trial in trials if trial.passed]
    assert len(best(trials).candidate.in_float) == min(passing)
