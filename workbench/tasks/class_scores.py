"""Scores of classes, float [N, classes]: what to learn from them, and which are the highest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIKELIEST = 5
PASSED_THROUGH = ("assign", "scale")  # what exporting adds behind the last operator


def class_loss(scores: Any, label: Any) -> Any:
    """Cross entropy, a scalar Paddle variable. Scores that a softmax of the network itself made are taken as probabilities."""
    from paddle.nn.functional import cross_entropy

    return cross_entropy(scores, label, use_softmax=not _are_probabilities(scores))


def _are_probabilities(scores: Any) -> bool:
    makers = {name: op for op in scores.block.ops for name in op.output_arg_names}
    op = makers.get(scores.name)
    while op is not None and op.type in PASSED_THROUGH:
        op = makers.get(op.input("X")[0])
    return op is not None and op.type == "softmax"


def likeliest(scores: NDArray[Any]) -> list[int]:
    """At most five classes of scores [classes], likeliest first; of equal ones the first."""
    return [int(index) for index in np.argsort(-scores, kind="stable")[:LIKELIEST]]


def top_accuracies(predictions: Sequence[Sequence[int]], truths: Sequence[int]) -> dict[str, float]:
    """Percent of the samples whose class is the first (`top1`), or among the five (`top5`), predicted."""
    pairs = list(zip(predictions, truths, strict=True))
    top1 = 100 * np.mean([truth == ranked[0] for ranked, truth in pairs])
    top5 = 100 * np.mean([truth in ranked for ranked, truth in pairs])
    return {"top1": float(top1), "top5": float(top5)}
