"""Exercises that check themselves: an answer beside the expected one, and a wrong answer told in words.

In a notebook an exercise is two cells after each other. The first is tagged `exercise` and leaves the answer open, as `answer = ...`; the
second, tagged `solution`, works it out and is folded away.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from numbers import Real
from typing import Any

from workbench.report.labels import number

DIGITS = 5  # of a figure in an explanation


class State(StrEnum):
    """What a check says of an answer."""

    OPEN = "Open"
    RIGHT = "Right"
    WRONG = "Not yet"


# A mark and a word besides the colour, for whoever does not see it; text keeps the colour of the page.
MARKS = {State.OPEN: ("○", "#999999"), State.RIGHT: ("✓", "#009E73"), State.WRONG: ("✗", "#D55E00")}


@dataclass(frozen=True)
class Expected:
    """The answer of an exercise: a number, or one of `choices` as text.

    `tolerance` is how far a number may be off, as a share of the expected one. `mistakes` are wrong answers that are easily
    given, each with the words for what went wrong.
    """

    value: float | str
    why: str
    unit: str = ""
    tolerance: float = 0.02
    choices: tuple[str, ...] = ()
    mistakes: Mapping[float | str, str] = field(default_factory=dict)

    def told(self, value: float | str) -> str:
        """A value in words: with its unit, or in quotes."""
        return f"{value!r}" if isinstance(value, str) else f"{number(value, digits=DIGITS)} {self.unit}".strip()


@dataclass(frozen=True)
class Checked:
    """The outcome of a check, as a notebook shows it."""

    state: State
    text: str

    def __repr__(self) -> str:
        return f"{self.state}: {self.text}"

    def _repr_html_(self) -> str:
        mark, colour = MARKS[self.state]
        style = f"border-left: 4px solid {colour}; padding-left: 0.6em"
        return f'<p role="status" style="{style}"><b>{mark} {self.state}:</b> {escape(self.text)}</p>'


def check(answer: Any, expected: Expected) -> Checked:
    """Compare an answer with the expected one; `...` is an open one. Never raises: whatever was given is answered in words."""
    if answer is ...:
        return Checked(State.OPEN, "put your answer in place of the dots, and run this cell again.")
    if problem := _unusable(answer, expected):
        return Checked(State.WRONG, f"{problem} Expected is {expected.told(expected.value)}. {expected.why}")
    given: float | str = answer if isinstance(expected.value, str) else float(answer)
    if _equal(given, expected.value, expected.tolerance):
        return Checked(State.RIGHT, f"{expected.told(expected.value)}. {expected.why}")
    slips = [said for value, said in expected.mistakes.items() if _equal(given, value, expected.tolerance)]
    said = f"you gave {expected.told(given)}, expected is {expected.told(expected.value)}."
    return Checked(State.WRONG, " ".join([said, *slips[:1], expected.why]))


def _unusable(answer: Any, expected: Expected) -> str:
    """Why an answer cannot be compared at all, as a sentence; empty when it can."""
    if isinstance(expected.value, str):
        if isinstance(answer, str) and answer.strip().casefold() in map(str.casefold, expected.choices):
            return ""
        return f"you gave {answer!r}, which is none of {', '.join(map(repr, expected.choices))}."
    if isinstance(answer, bool) or not isinstance(answer, Real):
        return f"you gave {answer!r}, where a number is asked for."
    return "" if math.isfinite(answer) else f"you gave {answer}, which no calculation with these numbers gives."


def _equal(given: float | str, value: float | str, tolerance: float) -> bool:
    if isinstance(given, str) or isinstance(value, str):
        return str(given).strip().casefold() == str(value).casefold()
    return math.isclose(given, value, rel_tol=tolerance, abs_tol=1e-9)
