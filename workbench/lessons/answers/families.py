"""Answers to notebooks 20 to 23: metrics worked out by hand, and what end-to-end time leaves to gain."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from workbench.lessons.exercises import Expected
from workbench.lessons.parts import splits
from workbench.records import Metric, Precision

Box = tuple[float, float, float, float]
THRESHOLDS = np.arange(0.5, 1.0, 0.05)  # of mAP, over intersection over union


def most_end_to_end(metrics: Sequence[Metric], backend: str) -> Expected:
    """How many times faster than FP32 end to end would be if the network itself took no time, on a backend."""
    split = next(
        found
        for found in splits([metric for metric in metrics if metric.backend == backend])
        if found.precision is Precision.FP32
    )
    rest = split.before + split.after
    return Expected(
        split.total / rest,
        f"FP32 takes {split.total:.3g} ms end to end, {rest:.3g} of it before and after the network. Quantization touches only "
        "the other part (Amdahl's law).",
        unit="times",
        mistakes={split.total / split.inference: "That is what remains when all else takes no time."},
    )


def points_of_a_sample(samples: int) -> Expected:
    """How many points of top-1 one sample of an evaluation is."""
    return Expected(
        100 / samples,
        f"Top-1 over {samples} samples moves in steps of 100/{samples}: a smaller difference cannot be seen in it.",
        unit="points",
        mistakes={1 / samples: "That is a share; points are percent."},
    )


def intersection_over_union(box: Box, other: Box) -> Expected:
    """The overlap of two boxes, left, top, right and bottom each."""
    value, shared = _overlap(box, other)
    return Expected(
        value,
        f"They share {shared:g}; of both areas that is counted once only.",
        mistakes={
            shared / _area(box): "That is the share of one box: divide by what either has.",
            shared / (_area(box) + _area(other)): "The shared part is in both areas: subtract it once.",
        },
    )


def thresholds_passed(box: Box, other: Box) -> Expected:
    """At how many of mAP's ten thresholds one box counts as finding the other."""
    value, _ = _overlap(box, other)
    return Expected(
        int((value >= THRESHOLDS).sum()),
        f"An overlap of {value:.3f} is enough at 0.50, and not at 0.95: the strict thresholds feel a shift that no eye sees.",
        unit="of 10 thresholds",
        tolerance=0,
    )


def mean_overlap(pixels: ArrayLike) -> Expected:
    """The mean IoU in points of a confusion matrix: `pixels` of true class (row) predicted as class (column)."""
    counts = np.asarray(pixels, dtype=np.float64)
    right = counts.diagonal()
    either = counts.sum(axis=0) + counts.sum(axis=1) - right
    overlaps = right / either
    return Expected(
        float(100 * overlaps.mean()),
        f"The classes have {', '.join(f'{100 * value:.1f}' for value in overlaps)}; the mean is taken over classes, not pixels.",
        unit="points",
        tolerance=0.005,
        mistakes={
            float(
                100 * right.sum() / counts.sum()
            ): "That is the share of pixels that are right, in which the large class hides the thin one.",
            float(100 * (right / counts.sum(axis=1)).mean()): "That leaves out what was wrongly taken for the class.",
        },
    )


def pixel_accuracy(pixels: ArrayLike) -> Expected:
    """The share of pixels whose class is right, in points."""
    counts = np.asarray(pixels, dtype=np.float64)
    return Expected(
        float(100 * counts.diagonal().sum() / counts.sum()),
        "It counts every pixel alike, so it hardly sees a class that few pixels have.",
        unit="points",
        tolerance=0.005,
    )


def products_left_in_float(tokens: int, width: int) -> Expected:
    """The share, in percent, of an encoder layer's products that have no stored weights; the feed-forward is four times as wide."""
    weights, activations = 12 * tokens * width**2, 2 * tokens**2 * width
    return Expected(
        100 * activations / (weights + activations),
        f"Stored weights: 4 n d² for the attention and 8 n d² for the feed-forward layers; two activations: n² d twice. So the share is "
        f"n / (6 d + n) with n = {tokens} and d = {width}.",
        unit="%",
        mistakes={
            100 * activations / weights: "That is the ratio to the other products: divide by all of them.",
            50 * activations / (weights + activations / 2): "That has one of the two products only.",
        },
    )


def tokens_for_half(width: int) -> Expected:
    """The length in tokens at which half of a layer's products have no stored weights."""
    return Expected(
        6 * width,
        f"n / (6 d + n) is one half at n = 6 d, with d = {width}. The longer the text, the less there is to quantize.",
        unit="tokens",
        mistakes={width: "There n² d equals n d², but a layer has 12 n d² of the one and 2 n² d of the other."},
    )


def _overlap(box: Box, other: Box) -> tuple[float, float]:
    shared = max(0.0, min(box[2], other[2]) - max(box[0], other[0])) * max(
        0.0, min(box[3], other[3]) - max(box[1], other[1])
    )
    return shared / (_area(box) + _area(other) - shared), shared


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
