"""Which boxes of an image are right, kept for as long as a task lives.

Matching boxes with the truth is slow and does not depend on the other images; precision-recall curves are quick and do. The bootstrap asks
for the metric of the same images in some hundred other mixtures: an image that occurs twice is one with weight 2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = tuple[Any, Any]
"""A prediction and its truth."""


@dataclass(frozen=True)
class ImageMatches:
    """The boxes of one class that were found in one image, with one row for each overlap from which on a box counts."""

    label: int
    scores: NDArray[Any]  # [boxes]
    right: NDArray[np.bool_]  # [overlaps, boxes]; a box that is neither right nor wrong does not count
    wrong: NDArray[np.bool_]
    wanted: int  # boxes in the truth


@dataclass(frozen=True)
class ClassMatches:
    """The boxes of one class that were found in all images, best score first."""

    images: NDArray[np.intp]  # [boxes]
    right: NDArray[np.bool_]  # [overlaps, boxes]
    wrong: NDArray[np.bool_]
    wanted: NDArray[np.float64]  # [images]

    def curves(self, weights: NDArray[np.float64]) -> "Curves | None":
        """The precision-recall curves of the images, each as often as its weight says; None without truth."""
        wanted = float(self.wanted @ weights)
        if not wanted:
            return None
        counts = weights[self.images]
        right, wrong = (np.cumsum(kind * counts, axis=1) for kind in (self.right, self.wrong))
        precision = np.zeros((right.shape[0], right.shape[1] + 1))
        precision[:, :-1] = right / np.maximum(right + wrong, np.spacing(1))
        return Curves(right / wanted, np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1])


@dataclass(frozen=True)
class Curves:
    """Recall after each box, and the best precision from there on."""

    recall: NDArray[np.float64]  # [overlaps, boxes]
    precision: NDArray[np.float64]  # [overlaps, boxes + 1]: 0 beyond the last box

    def at(self, recalls: NDArray[np.float64]) -> NDArray[np.float64]:
        """The precision [overlaps, recalls] where each of `recalls` is reached first; 0 where it never is."""
        first = np.array([row.searchsorted(recalls) for row in self.recall])
        read: NDArray[np.float64] = self.precision[np.arange(len(first))[:, np.newaxis], first]
        return read

    def area(self) -> NDArray[np.float64]:
        """The area [overlaps] under each curve."""
        steps = np.diff(self.recall, axis=1, prepend=0)
        area: NDArray[np.float64] = (steps * self.precision[:, :-1]).sum(axis=1)
        return area


class MatchedImages:
    """The matches of images that are asked for again and again.

    Predictions and truths are told apart as objects: they must not change once they were given.
    """

    def __init__(self, match: Callable[[Sequence[Pair]], Sequence[Sequence[ImageMatches]]]) -> None:
        """`match` gives the classes' matches for each of some pairs."""
        self._match = match
        self._known: dict[tuple[int, int], int] = {}
        self._pairs: list[Pair] = []  # held, so that no other object takes their place in memory
        self._matches: list[Sequence[ImageMatches]] = []
        self._classes: list[ClassMatches] = []

    def curves(self, predictions: Sequence[Any], truths: Sequence[Any]) -> list[Curves]:
        """The curves of each class that the truths of these images have, in the order of classes."""
        numbers = self._numbers(list(zip(predictions, truths, strict=True)))
        weights = np.bincount(numbers, minlength=len(self._pairs)).astype(np.float64)
        return [found for matches in self._classes if (found := matches.curves(weights)) is not None]

    def _numbers(self, pairs: list[Pair]) -> list[int]:
        keys = [(id(prediction), id(truth)) for prediction, truth in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._known}
        if new:
            self._known |= {key: len(self._pairs) + offset for offset, key in enumerate(new)}
            self._pairs += new.values()
            self._matches += self._match(list(new.values()))
            self._classes = _by_class(self._matches)
        return [self._known[key] for key in keys]


def _by_class(images: Sequence[Sequence[ImageMatches]]) -> list[ClassMatches]:
    found: dict[int, list[tuple[int, ImageMatches]]] = {}
    for number, image in enumerate(images):
        for matches in image:
            found.setdefault(matches.label, []).append((number, matches))
    return [_merged(matches, len(images)) for _, matches in sorted(found.items())]


def _merged(numbered: list[tuple[int, ImageMatches]], images: int) -> ClassMatches:
    numbers, matches = zip(*numbered, strict=True)
    scores = np.concatenate([one.scores for one in matches])
    order = np.argsort(-scores, kind="stable")  # equal scores in the order of images, as pycocotools has it
    wanted = np.zeros(images)
    wanted[list(numbers)] = [one.wanted for one in matches]
    return ClassMatches(
        images=np.repeat(np.array(numbers, np.intp), [len(one.scores) for one in matches])[order],
        right=np.concatenate([one.right for one in matches], axis=1)[:, order],
        wrong=np.concatenate([one.wrong for one in matches], axis=1)[:, order],
        wanted=wanted,
    )
