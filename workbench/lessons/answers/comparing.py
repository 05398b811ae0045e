"""Answers to notebook 08: how noise adds up, and what more calls do to it."""

import math

from workbench.lessons.exercises import Expected


def least_difference(noise_a: float, noise_b: float) -> Expected:
    """From how many percent on a difference of two latencies counts, each noisy by a fraction of itself."""
    both = 100 * math.hypot(noise_a, noise_b)
    return Expected(
        both,
        f"Independent noises add as the sides of a right triangle do: the root of {100 * noise_a:.3g} squared plus {100 * noise_b:.3g} squared.",
        unit="%",
        mistakes={
            100
            * (
                noise_a + noise_b
            ): "That would hold if both were off to the wrong sides at once, each as far as it can be.",
            100 * max(noise_a, noise_b): "That is the noise of one run; the other one is off as well.",
            both / 100: "That is the fraction; it was asked for in percent.",
        },
    )


def calls_for_half(calls: int) -> Expected:
    """How many timed calls halve the error of a median, with `calls` now."""
    return Expected(
        4 * calls,
        f"The error goes down with the root of the number of calls: half of it takes four times as many as {calls}.",
        unit="calls",
        mistakes={2 * calls: "Twice as many calls divide the error by the root of 2 only."},
    )
