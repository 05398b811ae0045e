"""Points of two figures as SVG: a colour and a marker for each, a ring and a number on those that matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.report.bars import GREY, shortened
from workbench.report.svg import BLACK, GRID, PLACE_LENGTH, WIDTH, Scale, captioned, document, text, ticks, wrapped

LEFT, TOP, HEIGHT, MARGIN = 52, 48, 250, 0.07
SPANS_ABOVE = 1  # of the ranked points, that are shown above them
# Paths around the origin, told apart without colour.
MARKERS = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0",
    "M-4 -4H4V4H-4Z",
    "M0 -5.5L5 4H-5Z",
    "M0 -6L5 0L0 6L-5 0Z",
    "M0 5.5L5 -4H-5Z",
    "M-1.8 -5H1.8V-1.8H5V1.8H1.8V5H-1.8V1.8H-5V-1.8H-1.8Z",
)
LEGEND_LENGTH, Y_LENGTH = 60, 44  # characters of a name in the legend, and along the vertical axis
ENTRY, LINE = 15, 15  # pixels of height


@dataclass(frozen=True)
class Dot:
    """A point; `marker` is the index of its shape, `rank` its number on the front, `whisker` its interval in y."""

    x: float
    y: float
    colour: str
    marker: int
    rank: int | None = None
    whisker: tuple[float, float] | None = None


def dots_svg(
    dots: Sequence[Dot], *, axes: tuple[str, str], title: str, subtitle: str, markers: Sequence[str],
    colours: Mapping[str, str], lines: Sequence[str], caption: str,
) -> str:  # fmt: skip
    """Draw the points, the ranked ones joined; `markers` and `colours` are the legend, `lines` what is listed below it."""
    x, y = _scales(dots)
    bottom = TOP + HEIGHT
    parts = [
        text(0, 15, title, size=14, bold=True),
        text(0, 36, shortened(subtitle, PLACE_LENGTH), bold=True, colour=GREY),
    ]
    for value in ticks(x.low, x.high):
        parts.append(f'<path d="M{x(value):.1f} {TOP}V{bottom}" stroke="{GRID}"/>')
        parts.append(text(x(value), bottom + 14, f"{value:g}", size=10, anchor="middle"))
    for value in ticks(y.low, y.high):
        parts.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y(value) + 4, f"{value:g}", size=10, anchor="end"))
    parts.append(f'<path d="M{LEFT} {TOP}V{bottom}H{WIDTH}" stroke="{BLACK}" stroke-width=".8" fill="none"/>')
    parts.append(text((LEFT + WIDTH) / 2, bottom + 30, axes[0], size=10, anchor="middle", colour=GREY))
    middle = TOP + HEIGHT / 2
    parts.append(
        f'<g transform="translate(11 {middle:.0f}) rotate(-90)">{text(0, 0, shortened(axes[1], Y_LENGTH), size=10, anchor="middle", colour=GREY)}</g>'
    )
    parts += [*_front(dots, x, y), *(_dot(dot, x, y) for dot in dots), *_ranks(dots, x, y)]
    above = sum(dot.y > y.high for dot in dots)
    caption = f"Arrows at the upper edge: {above} with more than {y.high:.3g}. {caption}" if above else caption
    legend, height = _legend(markers, colours, bottom + 50)
    parts += legend
    parts += [text(0, height + LINE * index + 8, shortened(line, 100)) for index, line in enumerate(lines)]
    height += LINE * len(lines)
    return document([*parts, *captioned(caption, height)], height=height + 14 * len(wrapped(caption)) + 4)


def _scales(dots: Sequence[Dot]) -> tuple[Scale, Scale]:
    """From zero milliseconds on; in y what the ranked points span and some more, or one far point would leave no room for them."""
    most = max(dot.x for dot in dots)
    ends = [end for dot in dots for end in _ends(dot)]
    best = [end for dot in dots if dot.rank for end in _ends(dot)] or ends
    span = (max(best) - min(best)) or 1.0
    top = min(max(ends), max(best) + SPANS_ABOVE * span)
    margin = MARGIN * ((top - min(ends)) or 1.0)
    return (
        Scale((0.0, most * (1 + MARGIN) or 1.0), (LEFT, WIDTH)),
        Scale((min(ends) - margin, top + margin), (TOP + HEIGHT, TOP)),
    )


def _ends(dot: Dot) -> tuple[float, ...]:
    return dot.y, *(dot.whisker or ())


def _dot(dot: Dot, x: Scale, y: Scale) -> str:
    """A point with its whisker; one that is above the picture as an arrow at its upper edge."""
    left = x(dot.x)
    if dot.y > y.high:
        return f'<path d="M{left:.1f} {TOP + 12}V{TOP + 1}m-4 5l4 -5l4 5" stroke="{dot.colour}" stroke-width="1.6" fill="none"/>'
    whisker = ""
    if dot.whisker:
        low, high = (y(min(value, y.high)) for value in dot.whisker)
        whisker = f'<path d="M{left:.1f} {low:.1f}V{high:.1f}" stroke="{dot.colour}"/>'
    shape = MARKERS[dot.marker % len(MARKERS)]
    return f'{whisker}<path transform="translate({left:.1f} {y(dot.y):.1f})" d="{shape}" fill="{dot.colour}" stroke="#fff" stroke-width=".7"/>'


def _front(dots: Sequence[Dot], x: Scale, y: Scale) -> list[str]:
    """The line through the ranked points, in steps: what is above and right of it is beaten by one of them."""
    ranked = sorted((dot for dot in dots if dot.rank), key=lambda dot: dot.rank or 0)
    if not ranked:
        return []
    path = f"M{x(ranked[0].x):.1f} {y(ranked[0].y):.1f}" + "".join(
        f"H{x(dot.x):.1f}V{y(dot.y):.1f}" for dot in ranked[1:]
    )
    return [f'<path d="{path}H{WIDTH}" stroke="{GREY}" stroke-dasharray="4 3" fill="none"/>']


def _ranks(dots: Sequence[Dot], x: Scale, y: Scale) -> list[str]:
    return [
        f'<circle cx="{x(dot.x):.1f}" cy="{y(dot.y):.1f}" r="9" fill="none" stroke="{BLACK}" stroke-width="1.3"/>'
        + text(x(dot.x) + 11, y(dot.y) - 7, str(dot.rank), bold=True)
        for dot in dots
        if dot.rank
    ]


def _legend(markers: Sequence[str], colours: Mapping[str, str], top: float) -> tuple[list[str], float]:
    """The colours in one line, the markers below each other; and where the legend ends."""
    parts, left = [], 6.0
    for name, colour in colours.items():
        parts.append(
            f'<rect x="{left - 5:.0f}" y="{top - 5:.0f}" width="10" height="10" fill="{colour}"/>'
            + text(left + 10, top + 4, name)
        )
        left += 30 + 7 * len(name)
    for index, name in enumerate(markers, start=1):
        y = top + ENTRY * index
        shape = MARKERS[(index - 1) % len(MARKERS)]
        parts.append(
            f'<path transform="translate(6 {y:.0f})" d="{shape}" fill="{GREY}"/>'
            + text(16, y + 4, shortened(name, LEGEND_LENGTH))
        )
    return parts, top + ENTRY * (len(markers) + 1)
