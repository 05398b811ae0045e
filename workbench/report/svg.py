"""The report's bar charts as SVG: what a view redraws at every choice, in milliseconds where matplotlib takes half a second.

The same panels, colours and hatches as `bars.render`, which draws the files. An SVG in an `<img>` runs no script, scales without
blur, and is a tenth of the PNG's size. Coordinates are in pixels.
"""

import math
from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from workbench.records import Precision
from workbench.report.bars import COLOURS, DARK_GREY, GREY, LIGHT_GREY, Bar, Panel, printable, shortened

WIDTH = 620
ROW = 19  # of a bar, or of a heading
LABEL_LENGTH, LABEL_WIDTH = 30, 188  # characters of a bar's name, and the room that they get
VALUE_LENGTH, AXIS_LENGTH, PLACE_LENGTH = 20, 96, 90  # characters of a bar's value, an axis's name, a heading
CHARACTER = 6.3  # mean width of one
CAPTION_LENGTH = 108  # characters in a line
GRID, BAND, BLACK = "#DDDDDD", "#BBBBBB", "#1A1A1A"
FONT = "font-family=\"system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', 'Noto Sans CJK SC', sans-serif\""
# What lies over the colour of a precision, in white: the hatches of `bars.HATCHES`.
OVERLAYS = {
    Precision.FP16: '<circle cx="2" cy="2" r="1" fill="#fff"/><circle cx="6" cy="6" r="1" fill="#fff"/>',
    Precision.BF16: '<path d="M0 0L8 8M8 0L0 8" stroke="#fff"/>',
    Precision.INT8: '<path d="M-2 2L2 -2M0 8L8 0M6 10L10 6" stroke="#fff" stroke-width="1.2"/>',
    Precision.INT8_FP16: '<path d="M-2 6L2 10M0 0L8 8M6 -2L10 2" stroke="#fff" stroke-width="1.2"/>',
}


def bars_svg(panels: Sequence[Panel], *, title: str, caption: str) -> str:
    """Draw the panels under each other and give the picture as SVG."""
    parts, y = [text(0, 15, title, size=14, bold=True)], 24.0
    for panel in panels:
        drawn, height = _panel(panel)
        parts.append(f'<g transform="translate(0 {y:.0f})">{drawn}</g>')
        y += height
    return document([*parts, *(captioned(caption, y))], height=y + 14 * len(wrapped(caption)) + 4, defined=_patterns())


def document(parts: Iterable[str], *, height: float, defined: str = "") -> str:
    """A whole SVG of these elements."""
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FONT}><defs>{defined}</defs>{"".join(parts)}</svg>'


def text(
    x: float, y: float, line: str, *, size: int = 11, anchor: str = "start", bold: bool = False, colour: str = ""
) -> str:
    """A line of text; whatever is in it is text, and what no font has is left out."""
    place, weight = f'x="{x:.1f}" y="{y:.1f}"', 600 if bold else 400
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{colour or BLACK}"'
    return f"<text {place} {style}>{escape(printable(line))}</text>"


def wrapped(line: str) -> list[str]:
    """The lines of a caption."""
    lines = [""]
    for word in printable(line).split():
        if len(lines[-1]) + len(word) >= CAPTION_LENGTH:
            lines.append("")
        lines[-1] += f" {shortened(word, CAPTION_LENGTH)}" if lines[-1] else shortened(word, CAPTION_LENGTH)
    return lines


def captioned(line: str, y: float) -> list[str]:
    """A caption under a picture whose height is `y` so far."""
    return [text(0, y + 11 + 14 * index, part, size=10, colour=GREY) for index, part in enumerate(wrapped(line))]


def ticks(low: float, high: float, *, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, at most so many and one: steps of 1, 2 or 5 times a power of ten."""
    span = (high - low) or 1.0
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _patterns() -> str:
    tile = 'width="8" height="8" patternUnits="userSpaceOnUse"'
    return "".join(
        f'<pattern id="{_name(precision)}" {tile}><rect width="8" height="8" fill="{colour}"/>{OVERLAYS.get(precision, "")}</pattern>'
        for precision, colour in COLOURS.items()
    )


def _name(precision: Precision) -> str:
    return precision.value.replace("+", "-")


class Scale:
    """From values to pixels."""

    def __init__(self, values: tuple[float, float], pixels: tuple[float, float]) -> None:
        self.low, self.high = values
        self._start = pixels[0]
        self._per_value = (pixels[1] - pixels[0]) / ((self.high - self.low) or 1.0)

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        return self._start + (value - self.low) * self._per_value


def _panel(panel: Panel) -> tuple[str, float]:
    """The elements of a panel, and its height."""
    groups = [(place, list(bars)) for place, bars in groupby(panel.bars, key=lambda bar: bar.place)]
    top = 20.0 if panel.title else 4.0
    bottom = top + ROW * (len(panel.bars) + len(groups))
    scale = _scale(panel)
    parts = [text(0, 13, panel.title, bold=True, colour=GREY)] if panel.title else []
    for value in ticks(scale.low, scale.high):
        x = scale(value)
        parts.append(f'<path d="M{x:.1f} {top:.0f}V{bottom:.0f}" stroke="{GRID}"/>')
        parts.append(text(x, bottom + 13, f"{value:g}", size=10, anchor="middle"))
    y = top
    for place, bars in groups:
        if place in panel.bands:
            low, high = (scale(value) for value in panel.bands[place])
            parts.append(
                f'<rect x="{low:.1f}" y="{y + ROW:.0f}" width="{high - low:.1f}" height="{ROW * len(bars)}" fill="{BAND}"/>'
            )
        parts.append(text(0, y + 13, shortened(place, PLACE_LENGTH), bold=True))
        y += ROW
        for bar in bars:
            parts.append(_bar(bar, y, scale))
            y += ROW
    parts.append(f'<path d="M{scale(0):.1f} {top:.0f}V{bottom:.0f}" stroke="#000" stroke-width=".8"/>')
    if panel.reference is not None:
        parts.append(
            f'<path d="M{scale(panel.reference):.1f} {top:.0f}V{bottom:.0f}" stroke="#000" stroke-dasharray="5 3"/>'
        )
    # Under the axis, or under the whole where it is longer than that.
    axis = shortened(panel.axis, AXIS_LENGTH)
    middle = WIDTH - max(WIDTH - LABEL_WIDTH, CHARACTER * len(axis)) / 2
    parts.append(text(middle, bottom + 28, axis, size=10, anchor="middle", colour=GREY))
    return "".join(parts), bottom + 36


def _scale(panel: Panel) -> Scale:
    """From zero to the longest bar, whisker or line, with room for the value beside it."""
    ends = [end for bar in panel.bars for end in bar.ends] + [0.0, panel.reference or 0.0]
    least, most = min(ends), max(ends)
    room = CHARACTER * min(VALUE_LENGTH, max((len(bar.text) for bar in panel.bars), default=0)) + 12
    left = LABEL_WIDTH + 8 + (room if least < 0 else 0)
    inner = Scale((least, most if most > least else least + 1.0), (left, WIDTH - room))
    # Grid and ticks go on to the edge.
    per_pixel = (inner.high - inner.low) / (WIDTH - room - left)
    low = least - (left - LABEL_WIDTH - 8) * per_pixel
    return Scale((low, inner.high + (room - 4) * per_pixel), (LABEL_WIDTH + 8, WIDTH - 4))


def _bar(bar: Bar, y: float, scale: Scale) -> str:
    middle = y + ROW / 2
    parts = [text(LABEL_WIDTH, middle + 4, shortened(bar.label, LABEL_LENGTH), anchor="end")]
    pieces = ((0.0, bar.before, LIGHT_GREY), (bar.before, bar.value, f"url(#{_name(bar.precision)})"),
              (bar.before + bar.value, bar.after, DARK_GREY))  # fmt: skip
    for start, length, fill in pieces:
        if length:
            x0, x1 = sorted((scale(start), scale(start + length)))
            parts.append(
                f'<rect x="{x0:.1f}" y="{y + 2.5:.1f}" width="{x1 - x0:.1f}" height="{ROW - 5}" fill="{fill}"/>'
            )
    low, high = bar.ends
    if high > low:
        a, b = scale(low), scale(high)
        parts.append(
            f'<path d="M{a:.1f} {middle:.1f}H{b:.1f}m0 -4v8M{a:.1f} {middle - 4:.1f}v8" stroke="#000" fill="none"/>'
        )
    value = shortened(bar.text, VALUE_LENGTH)
    if bar.value < 0:
        parts.append(text(scale(low) - 5, middle + 4, value, anchor="end"))
    else:
        parts.append(text(scale(max(high, 0.0)) + 5, middle + 4, value))
    return "".join(parts)
