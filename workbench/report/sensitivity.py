"""A sensitivity analysis as a table, plots and the recipe line that acts on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.files import write_bytes
from workbench.records import Precision
from workbench.report.bars import Bar, Panel, render
from workbench.report.figure import Figure
from workbench.report.labels import number
from workbench.report.series import Chart, Series, render_charts

WORST = 20
TITLES = {"activation": "Activations", "weight": "Weights"}
SCHEMES = {"symmetric": "int8 around zero", "asymmetric": "uint8 from minimum to maximum"}


def sensitivity_table(found: Mapping[str, Any], *, top: int | None = None) -> pd.DataFrame:
    """All tensors, or the `top` worst: output SQNR and cosine when only that tensor is quantized, and who reads it.

    `share` is its part of the noise of all activations, or all weights, when each is quantized alone.
    """
    rows = [
        {
            "tensor": row["tensor"],
            "kind": row["kind"],
            "SQNR dB": f"{row['sqnr_db']:.1f}",
            "cosine": f"{row['cosine']:.5f}",
            "share": f"{100 * row['share']:.1f} %",
            "read by": ", ".join(row["readers"]),
        }
        for row in found["rows"][:top]
    ]
    return pd.DataFrame(rows, dtype=object)


def skip_line(found: Mapping[str, Any], *, count: int) -> str:
    """The recipe line that leaves the readers of the `count` worst tensors in float."""
    return f"skip_tensors: [{', '.join(row['tensor'] for row in found['order'][:count])}]"


def summary_line(found: Mapping[str, Any]) -> str:
    """What was compared, on what, and what it cost."""
    worst = found["rows"][0]
    return (
        f"{len(found['rows'])} tensors of {found['model']}, {SCHEMES[found['scheme']]}, {found['samples']} {found['part']} samples, "
        f"{found['seconds']:.0f} s. All quantized: {found['sqnr_db']:.1f} dB. "
        f"Worst alone: {worst['kind']} {worst['tensor']}, {worst['sqnr_db']:.1f} dB."
    )


def draw_sensitivity(found: Mapping[str, Any], *, out_dir: Path, caption: str) -> list[Figure]:
    """Draw the worst tensors as bars and the layers in order as lines, as PNG files in `out_dir`."""
    stem = f"{found['model']}-{found['scheme']}"
    note = f"n = {found['samples']} {found['part']} samples; {SCHEMES[found['scheme']]}; {caption}"
    return [
        _worst(found, out_dir / f"sensitivity_{stem}.png", note),
        _layers(found, out_dir / f"layers_{stem}.png", note),
    ]


def _worst(found: Mapping[str, Any], path: Path, caption: str) -> Figure:
    title = "Output noise when one tensor alone is quantized"
    panels = []
    for kind, heading in TITLES.items():
        rows = [row for row in found["rows"] if row["kind"] == kind][: WORST // 2]
        if rows:
            bars = [
                Bar(
                    f"{heading}, worst first", row["tensor"], Precision.INT8, row["sqnr_db"], f"{row['sqnr_db']:.1f} dB"
                )
                for row in rows
            ]
            panels.append(Panel("", "SQNR of the outputs in dB: the shorter the bar, the more noise", bars))
    write_bytes(path, render(panels, title=title, caption=caption))
    facts = "; ".join(f"{bar.label} {bar.text}" for panel in panels for bar in panel.bars)
    return Figure(path, title, f"Bar chart: {title}. {facts}.", sensitivity_table(found, top=WORST))


def _layers(found: Mapping[str, Any], path: Path, caption: str) -> Figure:
    title = "Noise of each layer's output when everything is quantized"
    layers = found["layers"]
    positions = [float(index) for index in range(1, len(layers) + 1)]
    charts = [
        Chart(
            "layer, from input to output",
            axis,
            [Series("all quantized", positions, [layer[column] for layer in layers])],
        )
        for column, axis in (("sqnr_db", "SQNR in dB"), ("cosine", "cosine"))
    ]
    write_bytes(path, render_charts(charts, title=title, caption=caption))
    low = min(layers, key=lambda layer: float(layer["sqnr_db"]))
    alt = f"Line chart: {title}. {len(layers)} layers, lowest {number(low['sqnr_db'])} dB at {low['layer']}."
    return Figure(path, title, alt, pd.DataFrame(layers, dtype=object))
