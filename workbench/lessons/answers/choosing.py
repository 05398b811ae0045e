"""Answers to notebook 07: what the decision table says."""

from itertools import product

from workbench.lessons.exercises import Expected
from workbench.quant import Data, Goal, Target, Time, recommend


def recommended(*, data: str, time: str, device: str, goal: str) -> Expected:
    """The recommended method for a case."""
    chosen = recommend(data=data, time=time, device=device, goal=goal)
    methods = sorted({recommend(data=d, time=t, device=p, goal=g).method for d, t, p, g in _cases()})
    return Expected(chosen.method, chosen.reason, choices=tuple(methods))


def times_recommended(method: str) -> Expected:
    """For how many of all cases a method is recommended."""
    answers = [recommend(data=d, time=t, device=p, goal=g).method for d, t, p, g in _cases()]
    return Expected(
        answers.count(method),
        f"The table has {len(Data)} x {len(Time)} x {len(Target)} x {len(Goal)} = {len(answers)} cases.",
        unit="cases",
        tolerance=0,
    )


def _cases() -> list[tuple[Data, Time, Target, Goal]]:
    return list(product(Data, Time, Target, Goal))
