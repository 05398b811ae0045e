"""A comparison of two runs as sentences, bars with their intervals, and a table."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from workbench.report.bars import Bar, Panel
from workbench.report.compare import OTHER_MACHINE, OUTCOMES, Difference, Outcome, Quantity
from workbench.report.labels import number, place, row_label, varying

WORDS = {
    Outcome.FASTER: "faster", Outcome.SLOWER: "slower", Outcome.MORE_ACCURATE: "more accurate", Outcome.LESS_ACCURATE: "less accurate",
    Outcome.SMALLER: "smaller", Outcome.LARGER: "larger", Outcome.MISSING: "missing in B", Outcome.SAME: "the same within noise",
    Outcome.NOT_COMPARED: "not compared",
}  # fmt: skip
UNITS = {Quantity.LATENCY: "ms", Quantity.ACCURACY: "points", Quantity.SIZE: "MB"}
AXES = {
    Quantity.LATENCY: "change of p50 in %, with the interval of the noise; left of 0: B is faster",
    Quantity.ACCURACY: "points lost from A to B, with the interval of the noise; left of 0: B is more accurate",
    Quantity.SIZE: "change of size in %; left of 0: B is smaller",
}
EVEN = (Outcome.SAME, Outcome.NOT_COMPARED)
TITLES = {Quantity.LATENCY: "Latency", Quantity.ACCURACY: "Accuracy", Quantity.SIZE: "Model size"}


def is_change(difference: Difference) -> bool:
    """Whether something changed beyond the noise."""
    return difference.verdict not in EVEN


def summary_of(differences: Sequence[Difference], name_a: str, name_b: str) -> str:
    """How much became better and worse, in one sentence; what could not be compared is counted too."""
    tally = Counter(difference.verdict for difference in differences)
    changed = [
        f"{tally[verdict]} {words}" for verdict, words in WORDS.items() if tally[verdict] and verdict not in EVEN
    ]
    even = [f"{tally[verdict]} {WORDS[verdict]}" for verdict in EVEN if tally[verdict]]
    refused = any(difference.reason == OTHER_MACHINE for difference in differences)
    return (
        f"From {name_a} (A) to {name_b} (B), beyond the noise: {', '.join(changed) or 'nothing changed'}"
        f"{''.join(f'; {words}' for words in even)}{f'. Note: {OTHER_MACHINE}' if refused else ''}."
    )


def change_sentences(differences: Sequence[Difference]) -> list[str]:
    """What changed beyond the noise, a line each, by how much and how surely; losses first."""
    worse = {verdict for _, verdict in OUTCOMES.values()} | {Outcome.MISSING}
    changed = [difference for difference in differences if is_change(difference)]
    return [_sentence(difference) for difference in sorted(changed, key=lambda one: one.verdict not in worse)]


def _sentence(difference: Difference) -> str:
    if difference.change is None:
        return f"{difference.name}: {difference.reason}"
    what = f"{_amount(difference, abs(difference.change))} {WORDS[difference.verdict]}"
    values = f"{number(difference.a or 0.0)} -> {number(difference.b or 0.0)} {UNITS[difference.quantity]}"
    return f"{difference.name}: {what} ({values}; {_interval(difference)})"


def _amount(difference: Difference, value: float) -> str:
    if difference.quantity is Quantity.ACCURACY:
        return f"{number(value, digits=3)} points"
    return f"{number(100 * value, digits=3)} %"


def _interval(difference: Difference) -> str:
    if difference.low is None or difference.high is None:
        return ""
    return f"change {_amount(difference, difference.low)} to {_amount(difference, difference.high)}"


def difference_panels(differences: Sequence[Difference]) -> list[Panel]:
    """What was compared as bars with intervals, one panel for each quantity."""
    shown = varying([difference.row for difference in differences])
    panels = []
    for quantity, title in TITLES.items():
        bars = [_bar(one, shown) for one in differences if one.quantity is quantity and one.change is not None]
        order = list(dict.fromkeys(bar.place for bar in bars))
        if bars:
            panels.append(Panel(title, AXES[quantity], sorted(bars, key=lambda bar: order.index(bar.place))))
    return panels


def _bar(difference: Difference, shown: frozenset[str]) -> Bar:
    row, factor = difference.row, 1.0 if difference.quantity is Quantity.ACCURACY else 100.0
    where = row.model if difference.quantity is Quantity.SIZE else place(row, shown=shown)
    label = row_label(row)
    if difference.quantity is Quantity.LATENCY:
        where += f", {row.scope.replace('_', ' ')}"
    low, high = (None if value is None else factor * value for value in (difference.low, difference.high))
    value = factor * (difference.change or 0.0)
    said = f"{value:+.3g}{' %' if factor > 1 else ''}"
    return Bar(where, label, row.precision, value, said, low=low, high=high)


def panel_sentence(panels: Sequence[Panel]) -> str:
    """The bars in words, for who does not see them."""
    facts = [
        f"{panel.title}, {bar.place}, {bar.label}: {bar.text}"
        + (f" ({bar.low:.3g} to {bar.high:.3g})" if bar.low is not None and bar.high is not None else "")
        for panel in panels
        for bar in panel.bars
    ]
    return f"Bar chart: changes from run A to run B. {'; '.join(facts)}."


def difference_table(differences: Sequence[Difference]) -> pd.DataFrame:
    """A line for each difference, compared or not."""
    lines = [
        {
            "Verdict": WORDS[one.verdict],
            "What": one.quantity.value,
            "Row": one.name,
            "A": _value(one.a),
            "B": _value(one.b),
            "Unit": UNITS.get(one.quantity, ""),
            "Change": "" if one.change is None else _amount(one, one.change),
            "Interval": _interval(one).removeprefix("change "),
            "Reason": one.reason,
        }
        for one in differences
    ]
    return pd.DataFrame(lines, dtype=object)


def _value(value: float | None) -> float | str:
    return "" if value is None else float(f"{value:.4g}")
