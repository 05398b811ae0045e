"""The plots and the table of the notebook on distillation and the one-click way."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from numpy.typing import ArrayLike, NDArray

from workbench.compress.reading import Reading
from workbench.lessons.pictures import curve, measured_here, show_bars, show_charts
from workbench.records import Record
from workbench.report.bars import Bar, Panel
from workbench.report.labels import number, place, row_label
from workbench.report.series import Chart, Series

if TYPE_CHECKING:
    from IPython.display import HTML


def show_softened(probabilities: Mapping[float, NDArray], entropies: Mapping[float, float], *, folder: Path) -> "HTML":  # type: ignore[type-arg]
    """The probabilities of the classes, float [classes], by temperature."""
    series = [Series(f"T = {t:g}", range(len(p)), [*map(float, p)], joined=False) for t, p in probabilities.items()]
    told = ", ".join(f"{entropy:.2f} bits at T = {t:g}" for t, entropy in entropies.items())
    return show_charts(
        [Chart("class", "probability", series)], name="softened", title="What a teacher says beyond its answer", folder=folder,
        seen=f"The higher the temperature, the more is said of the other classes: {told}.",
    )  # fmt: skip


def show_gradients(temperatures: ArrayLike, sizes: Mapping[str, ArrayLike], *, seen: str, folder: Path) -> "HTML":
    """The sizes of gradients by name, each over the temperatures."""
    lines = [curve(name, temperatures, size, style=place) for place, (name, size) in enumerate(sizes.items())]  # type: ignore[arg-type]
    chart = Chart("temperature T", "largest gradient of an output", lines, counted=False)
    return show_charts([chart], name="gradients", title="How strongly each loss pulls", seen=seen, folder=folder)


def show_noise(records: list[Record], *, seen: str, folder: Path) -> "HTML":
    """The SQNR of each model that a method made, as bars."""
    rows = [row for row in records if row.sqnr_db is not None]
    axis = "SQNR of the outputs against FP32's (dB): the higher, the nearer"
    bars = [
        Bar(place(r, shown=()), row_label(r), r.precision, r.sqnr_db or 0.0, number(r.sqnr_db or 0.0, digits=3))
        for r in rows
    ]
    title = "How near each model's outputs are to FP32's"
    return show_bars([Panel("", axis, bars)], name="noise", title=title, seen=measured_here(seen), folder=folder)


def account_table(reading: Reading) -> pd.DataFrame:
    """One line for each key of the configuration: what it became, or why it is not used."""
    lines = [
        {"key": entry.key, "value": str(entry.value), "becomes": entry.used_as, "not used, since": entry.reason}
        for entry in reading.entries
    ]
    return pd.DataFrame(lines)
