"""The A/A control: FP32 against itself, measured like any other pair, which shows what ratio is mere noise."""

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.records import Metric
from workbench.report.groups import Group, group_of

NAMES = ("aa_control", "aa_control_low", "aa_control_high")


@dataclass(frozen=True)
class Control:
    """Ratio of FP32 to itself with its interval, and the row it belongs to."""

    metric: Metric
    ratio: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """How far from 1 a ratio may be and still be noise, as a fraction."""
        return max(abs(self.low - 1), abs(self.high - 1))


def controls(metrics: Iterable[Metric]) -> dict[Group, Control]:
    """The A/A control of each comparison group that has one; one without interval stands for its own."""
    found: dict[Group, dict[str, Metric]] = {}
    for metric in metrics:
        if metric.name in NAMES:
            found.setdefault(group_of(metric), {})[metric.name] = metric
    return {group: _control(parts) for group, parts in found.items() if NAMES[0] in parts}


def _control(parts: dict[str, Metric]) -> Control:
    ratio, low, high = (parts.get(name, parts[NAMES[0]]) for name in NAMES)
    return Control(metric=ratio, ratio=ratio.value, low=low.value, high=high.value)
