"""The loss of a training, iteration by iteration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workbench.lessons.pictures import curve, show_charts
from workbench.models.model import Model
from workbench.report.series import STYLES, Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML


def losses_of(model: Model) -> list[float]:
    """The loss of every iteration in which a Model was trained; a long training's are means over some iterations."""
    return [float(loss) for loss in model.manifest.facts["training"]["losses"]]


def show_losses(
    losses: Mapping[str, Sequence[float]], *, window: int, axis: str, guessing: float, seen: str, folder: Path
) -> "HTML":
    """The losses by name as points, and their running means over up to `window` iterations as lines.

    `axis` says which loss, and `guessing` how large that of a network is that guesses.
    """
    series = []
    for place, (name, values) in enumerate(losses.items()):
        size = min(window, len(values))
        points = Series(name, range(1, len(values) + 1), values, joined=False, style=(STYLES[place][0], "."))
        means = np.convolve(values, np.ones(size) / size, mode="valid")
        line = curve(f"{name}, mean of {size}", range(size, len(values) + 1), means, style=place)
        series += [points, line]
    chart = Chart("training iteration", axis, series, limit=guessing, limit_name="a network that guesses")
    return show_charts([chart], name="losses", title="The loss, iteration by iteration", seen=seen, folder=folder)
