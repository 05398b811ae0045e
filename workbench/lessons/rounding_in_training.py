"""The plots of the notebook on training with the rounding (QAT, PACT)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.lessons.pictures import curve, show_charts
from workbench.models.model import Model
from workbench.models.scales import Source
from workbench.report.series import MARKERS, STYLES, Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML

Values = NDArray[np.float64]


def show_staircase(x: Values, rounded: Values, slope: Values, pretended: Values, *, folder: Path) -> "HTML":
    """The rounded values, and the true and the pretended slope, over x."""
    values = Chart(
        "x (no unit)", "value", [curve("x", x, x, style=0), curve("x, rounded", x, rounded, style=1)], counted=False
    )
    slopes = Chart(
        "x (no unit)", "slope",
        [curve("pretended slope", x, pretended, style=2), curve("true slope", x, slope, style=3)], counted=False,
    )  # fmt: skip
    return show_charts(
        [values, slopes], name="staircase", title="A staircase, and the slope that training pretends it has", folder=folder,
        seen=f"The true slope is 0 at {np.sum(slope == 0)} of {len(x)} places between the jumps: nothing could be learned from it. "
        "The pretended one is 1 inside the range and 0 outside.",
    )  # fmt: skip


def show_clip_gradient(x: Values, clipped: Values, gradient: Values, *, folder: Path) -> "HTML":
    """The clipped values, and their gradient with respect to the clip, over x."""
    lines = [
        curve("x, clipped", x, clipped, style=0),
        curve("its gradient with respect to alpha", x, gradient, style=5),
    ]
    return show_charts(
        [Chart("x (no unit)", "value, gradient", lines, counted=False)], name="clip_gradient",
        title="Which values move the clip", folder=folder,
        seen=f"Only values outside the clip, {np.mean(gradient != 0):.0%} of those drawn here, have a gradient with respect to it; the "
        "others say nothing about it.",
    )  # fmt: skip


def trained_ranges(models: Mapping[str, Model], *, trained_by: str) -> dict[str, list[float]]:
    """The largest absolute value that each model keeps, of the activations whose range `trained_by` learned."""
    learned = models[trained_by].manifest.scales.activations
    names = [name for name, found in learned.items() if found.source is Source.TRAINED]
    return {key: [m.manifest.scales.activations[name].absmax for name in names] for key, m in models.items()}


def show_ranges(ranges: Mapping[str, list[float]], *, seen: str, folder: Path) -> "HTML":
    """The ranges of each model, activation by activation."""
    series = [
        Series(name, range(1, len(values) + 1), values, joined=False, style=(STYLES[place][0], MARKERS[place]))
        for place, (name, values) in enumerate(ranges.items())
    ]
    chart = Chart("activation, in the order of the network", "largest absolute value kept", series)
    return show_charts(
        [chart], name="ranges", title="Where each method cuts the activations off", seen=seen, folder=folder
    )
