"""Answers to notebook 13: how much a teacher says, and how far a student is from it."""

import math

import numpy as np
from numpy.typing import ArrayLike

from workbench.lessons.exercises import Expected


def entropy_of_nothing(classes: int) -> Expected:
    """The entropy in bits of a teacher that gives all classes the same probability."""
    return Expected(
        math.log2(classes),
        f"Each of {classes} classes has 1/{classes}: the entropy is log2({classes}), the most that {classes} classes can have. It is "
        "what softening tends to for a large temperature.",
        unit="bits",
        mistakes={
            math.log(classes): "Those are nats: take the logarithm to base 2.",
            0.0: "That is a teacher who is sure.",
        },
    )


def squared_distance(student: ArrayLike, teacher: ArrayLike) -> Expected:
    """The L2 loss between a student's and a teacher's outputs."""
    apart = np.asarray(student, dtype=np.float64) - np.asarray(teacher, dtype=np.float64)
    return Expected(
        float(np.mean(apart**2)),
        "It is the mean of the squared differences, on the outputs before the softmax.",
        mistakes={
            float(np.sum(apart**2)): "That is the sum: divide it by the number of outputs.",
            float(np.sqrt(np.mean(apart**2))): "That is its root.",
            float(np.mean(np.abs(apart))): "That is the mean of the differences themselves; square them first.",
        },
    )
