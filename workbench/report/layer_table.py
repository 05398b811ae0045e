"""A sensitivity analysis by layer: what each layer reads, how noisy that is, and in which precision it runs."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.records import Precision
from workbench.report.bars import Bar, Panel
from workbench.report.sensitivity import TITLES, WORST

IN_FLOAT, IN_INT8 = "float", "INT8"


def readers_of(found: Mapping[str, Any], tensors: Collection[str]) -> set[str]:
    """The layers that read one of these tensors, and so stay in float with it."""
    return {reader for row in found["rows"] if row["tensor"] in tensors for reader in row["readers"]}


def layer_table(
    found: Mapping[str, Any], *, kept: Mapping[str, Mapping[str, str]], chosen: Collection[str]
) -> pd.DataFrame:
    """A line for each layer in the order of the network: SQNR in dB of its activation and its weight when that alone is quantized,
    and of its output when everything is; and its precision.

    `kept` is what the model keeps in float now (backend or `all` -> tensor -> why), `chosen` the tensors that are to stay in float.
    """
    noise: dict[tuple[str, str], float] = {}
    for row in found["rows"]:
        for reader in row["readers"]:
            key = (reader, row["kind"])
            noise[key] = min(noise.get(key, float("inf")), float(row["sqnr_db"]))
    now = {backend: readers_of(found, tensors) for backend, tensors in kept.items() if tensors}
    then = readers_of(found, chosen)
    lines = [_line(layer, number, noise, now, then) for number, layer in enumerate(found["layers"], start=1)]
    return pd.DataFrame(lines, dtype=object)


def _line(
    layer: Mapping[str, Any],
    number: int,
    noise: Mapping[tuple[str, str], float],
    now: Mapping[str, set[str]],
    then: set[str],
) -> dict[str, Any]:
    name = layer["layer"]
    on = [backend for backend, layers in now.items() if name in layers]
    is_float = "all" in on
    return {
        "No.": number,
        "Layer": name,
        "Activation alone (dB)": _db(noise.get((name, "activation"))),
        "Weight alone (dB)": _db(noise.get((name, "weight"))),
        "Output, all quantized (dB)": _db(layer["sqnr_db"]),
        "Now": IN_FLOAT if is_float else f"{IN_INT8}, {IN_FLOAT} on {', '.join(on)}" if on else IN_INT8,
        "As chosen": IN_FLOAT if name in then else IN_INT8,
    }


def _db(value: float | None) -> float | str:
    return "" if value is None else round(value, 1)


def sensitivity_panels(found: Mapping[str, Any], chosen: Collection[str]) -> list[Panel]:
    """The worst tensors as bars, the chosen ones in the colour of FP32."""
    panels = []
    for kind, heading in TITLES.items():
        rows = [row for row in found["rows"] if row["kind"] == kind][: WORST // 2]
        bars = [_bar(row, f"{heading}, worst first", row["tensor"] in chosen) for row in rows]
        if bars:
            panels.append(Panel("", "SQNR of the outputs in dB: the shorter the bar, the more noise", bars))
    return panels


def _bar(row: Mapping[str, Any], place: str, is_chosen: bool) -> Bar:
    precision = Precision.FP32 if is_chosen else Precision.INT8
    words = f"{row['sqnr_db']:.1f} dB{', in float' if is_chosen else ''}"
    return Bar(place, row["tensor"], precision, float(row["sqnr_db"]), words)


def chosen_sentence(found: Mapping[str, Any], chosen: Sequence[str]) -> str:
    """What leaving these tensors in float does: how many layers, and which part of the noise goes."""
    if not chosen:
        return "Nothing is ticked: every layer that can be is INT8."
    layers = readers_of(found, chosen)
    shares = {
        kind: sum(row["share"] for row in found["rows"] if row["kind"] == kind and layers.issuperset(row["readers"]))
        for kind in TITLES
    }
    noise = " and ".join(f"{100 * share:.0f} % of the noise of all {kind}s" for kind, share in shares.items())
    amount = f"{len(layers)} of {len(found['layers'])} layers"
    return f"With what is ticked, {amount} stay in float; they bring {noise}, each quantized alone."
