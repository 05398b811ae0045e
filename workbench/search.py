"""Accuracy-aware search: which range algorithm, and which tensors left in float, keep the accuracy, in few evaluations.

It knows neither backends nor tasks: an `evaluate` callable judges a candidate. Two figures count. The metric's drop is what
the user asked for, but on few samples it is noise. The signal-to-noise ratio of the outputs (SQNR) is exact to a tenth of
a dB, but says nothing in points. As more noise cannot mean less drop, the drops of all trials are averaged until they fall
as the SQNR rises (isotonic regression), and these averages are judged: a lucky draw at a low SQNR neither passes nor wins.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

HELPS_DB = 0.5  # what twice as many tensors in float must gain, or another algorithm is tried


@dataclass(frozen=True)
class Target:
    """What is wanted: at most `max_drop` points lost, and at least `min_sqnr_db` where given."""

    max_drop: float
    min_sqnr_db: float | None = None
    max_evaluations: int = 12


@dataclass(frozen=True)
class Candidate:
    """A model to try: how ranges are chosen, and the tensors left in float, worst first."""

    algorithm: str
    in_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """What an evaluation found: drop in points, SQNR in dB, latency in ms; a `reason` where it could not be done."""

    drop: float | None
    sqnr_db: float | None = None
    latency_ms: float | None = None
    seconds: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Trial:
    """A candidate with its judgement; `judged_drop` is its drop after averaging over all trials, `why` it was tried."""

    candidate: Candidate
    judgement: Judgement
    why: str
    judged_drop: float | None
    passed: bool


@dataclass(frozen=True)
class Found:
    """The outcome: the chosen trial (None when no candidate could be evaluated), and all of them in order."""

    target: Target
    reached: bool
    chosen: Trial | None
    trials: tuple[Trial, ...]
    ended: str

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


Evaluate = Callable[[Candidate], Judgement]


def search(
    evaluate: Evaluate,
    target: Target,
    *,
    algorithms: Sequence[str],
    ranking: Callable[[], Sequence[str]],
    known: Sequence[tuple[Candidate, Judgement]] = (),
) -> Found:
    """Look for the candidate with the fewest tensors in float that meets the target.

    `algorithms`: the one to start with first; `ranking` tells, when it is first needed, the tensors that may stay in
    float, worst first. The set in float is always a beginning of it. `known` are judgements made before; they cost no
    evaluation.
    """
    course = _Course(evaluate, target, ranking, known)
    ended = next(filter(None, _strategy(course, algorithms)), "")
    if not ended:
        ended = "the target is met" if course.passing() else "nothing is left to try"
    trials = course.trials()
    chosen = best(trials)
    return Found(target, chosen is not None and chosen.passed, chosen, trials, ended)


def best(trials: Sequence[Trial]) -> Trial | None:
    """Of the trials that pass, the one with the fewest tensors in float; if none does, the one with the least judged drop."""
    passing = [trial for trial in trials if trial.passed]
    if passing:
        return min(passing, key=lambda trial: (len(trial.candidate.in_float), -_sqnr(trial.judgement)))
    judged = [trial for trial in trials if trial.judged_drop is not None]
    return min(judged, default=None, key=lambda t: (t.judged_drop, -_sqnr(t.judgement), len(t.candidate.in_float)))


def _strategy(course: "_Course", algorithms: Sequence[str]) -> Iterator[str]:
    """Grow the set in float while that helps, try the other algorithms where it does not, then shrink what passed.

    Each step yields the reason to stop, or nothing.
    """
    algorithm = algorithms[0]
    yield course.attempt(algorithm, 0, "the recipe's own")
    if course.passing():
        return
    others, size, most = list(algorithms[1:]), 0, course.most
    while not course.passing() and (size < most or others):
        if size < most and (not others or course.last_step_helped(algorithm)):
            size = min(most, 2 * size or 1)
            yield course.attempt(algorithm, size, "more in float")
        else:
            size = course.best_size(algorithm)
            for other in others:
                yield course.attempt(other, size, "another algorithm")
                if course.passing():
                    break
            others, algorithm = [], course.best_algorithm(size)
    while (step := course.between()) is not None:
        yield course.attempt(*step, "fewer in float")


class _Course:
    """The trials so far: never the same candidate twice, never more than the budget."""

    def __init__(
        self,
        evaluate: Evaluate,
        target: Target,
        ranking: Callable[[], Sequence[str]],
        known: Sequence[tuple[Candidate, Judgement]],
    ) -> None:
        self._evaluate, self._target = evaluate, target
        self._ranking = cache(lambda: tuple(dict.fromkeys(ranking())))
        self._known = dict(known)
        self._tried: dict[Candidate, tuple[Judgement, str]] = {}
        self._left = target.max_evaluations

    @property
    def most(self) -> int:
        """The largest set that can stay in float."""
        return len(self._ranking())

    def attempt(self, algorithm: str, size: int, why: str) -> str:
        """Evaluate one candidate, unless that was done; returns why the search must end, or nothing."""
        candidate = Candidate(algorithm, self._ranking()[:size] if size else ())
        if candidate in self._tried:
            return ""
        if candidate in self._known:
            self._tried[candidate] = (self._known[candidate], why)
            return ""
        if self._left == 0:
            return f"the budget of {self._target.max_evaluations} evaluations is used up"
        self._left -= 1
        self._tried[candidate] = (self._evaluate(candidate), why)
        return ""

    def trials(self) -> tuple[Trial, ...]:
        """All trials in order, judged together."""
        judgements = [judgement for judgement, _ in self._tried.values()]
        drops = judged_drops(judgements)
        return tuple(
            Trial(candidate, judgement, why, drop, self._passes(drop, judgement))
            for (candidate, (judgement, why)), drop in zip(self._tried.items(), drops, strict=True)
        )

    def passing(self) -> list[Trial]:
        """The trials that meet the target."""
        return [trial for trial in self.trials() if trial.passed]

    def last_step_helped(self, algorithm: str) -> bool:
        """Whether the largest set of an algorithm gained enough over the next smaller one; True before there are two."""
        sizes = sorted(self._by_size(algorithm).items())[-2:]
        if len(sizes) < 2:
            return True
        before, after = (judgement for _, judgement in sizes)
        if before.sqnr_db is not None and after.sqnr_db is not None:
            return after.sqnr_db - before.sqnr_db >= HELPS_DB
        return _drop(after) < _drop(before)

    def best_size(self, algorithm: str) -> int:
        """The size of an algorithm's best set: beyond it nothing was gained."""
        tried = self._by_size(algorithm)
        top = max(_quality(judgement) for judgement in tried.values())
        near = [size for size, judgement in tried.items() if _quality(judgement)[0] >= top[0] - HELPS_DB]
        return min(near)

    def best_algorithm(self, size: int) -> str:
        """The best algorithm among those tried with a set of this size."""
        tried = {c.algorithm: j for c, (j, _) in self._tried.items() if len(c.in_float) == size}
        return max(tried, key=lambda algorithm: _quality(tried[algorithm]))

    def between(self) -> tuple[str, int] | None:
        """The middle between the smallest set that passes and the next smaller one of its algorithm that was tried."""
        passing = self.passing()
        if not passing:
            return None
        chosen = best(passing)
        assert chosen is not None
        algorithm, size = chosen.candidate.algorithm, len(chosen.candidate.in_float)
        smaller = max((tried for tried in self._by_size(algorithm) if tried < size), default=-1)
        middle = (smaller + size) // 2
        return (algorithm, middle) if smaller < middle < size else None

    def _by_size(self, algorithm: str) -> dict[int, Judgement]:
        return {len(c.in_float): j for c, (j, _) in self._tried.items() if c.algorithm == algorithm}

    def _passes(self, drop: float | None, judgement: Judgement) -> bool:
        floor = self._target.min_sqnr_db
        too_noisy = floor is not None and judgement.sqnr_db is not None and judgement.sqnr_db < floor
        return drop is not None and drop <= self._target.max_drop and not too_noisy


def judged_drops(judgements: Sequence[Judgement]) -> list[float | None]:
    """The drops, averaged among neighbours in SQNR until they never rise with it; None stays None.

    Isotonic regression by pooling adjacent violators. Judgements without an SQNR keep their own drop.
    """
    drops = [judgement.drop for judgement in judgements]
    order = sorted(
        (i for i, j in enumerate(judgements) if j.drop is not None and j.sqnr_db is not None),
        key=lambda i: _sqnr(judgements[i]),
    )
    pools: list[list[int]] = []
    for index in order:
        pools.append([index])
        while len(pools) > 1 and _mean(judgements, pools[-2]) < _mean(judgements, pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    for pool in pools:
        mean = _mean(judgements, pool)
        for index in pool:
            drops[index] = mean
    return drops


def _mean(judgements: Sequence[Judgement], pool: Sequence[int]) -> float:
    return sum(_drop(judgements[index]) for index in pool) / len(pool)


def _drop(judgement: Judgement) -> float:
    return math.inf if judgement.drop is None else judgement.drop


def _sqnr(judgement: Judgement) -> float:
    return -math.inf if judgement.sqnr_db is None else judgement.sqnr_db


def _quality(judgement: Judgement) -> tuple[float, float]:
    """Larger is better: by SQNR, and by drop where there is none."""
    return (_sqnr(judgement), -_drop(judgement))
