"""Pictures side by side, with what a model found in them: boxes, or the classes of pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from workbench.report.bars import GREY, WIDTH, framed

# Okabe and Ito's colours and greys between them.
SHADES = (
    "#FFFFFF", "#000000", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#666666", "#0072B2", "#AA4499",
)  # fmt: skip
LABEL: dict[str, Any] = {"fontsize": 7, "color": "white", "va": "bottom", "ha": "left", "parse_math": False}


@dataclass(frozen=True)
class Picture:
    """An image, uint8 [h, w, 3] or [h, w], under a title; `draw` puts more onto its axes, in pixels. `colour` frames it."""

    image: Any
    title: str
    draw: Callable[[Axes], None] = lambda axes: None
    colour: str = GREY


def draw_grid(rows: Sequence[Sequence[Picture]], *, title: str, caption: str) -> Figure:
    """The pictures as one figure."""
    across = max(len(row) for row in rows)
    figure = framed((WIDTH / across + 0.25) * len(rows), title=title, caption=caption)
    for line, row in zip(figure.subplots(len(rows), across, squeeze=False), rows, strict=True):
        for axes, picture in zip(line, row, strict=True):
            _draw(axes, picture)
    return figure


def _draw(axes: Axes, picture: Picture) -> None:
    axes.imshow(picture.image, cmap="gray", interpolation="nearest")
    axes.set_title(picture.title, fontsize=8.5, color=picture.colour, parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(picture.colour)
        spine.set_linewidth(2)
    picture.draw(axes)


def draw_boxes(axes: Axes, *, boxes: Sequence[tuple[str, float, float, float, float]], colour: str) -> None:
    """Draw boxes (label, x1, y1, x2, y2), in pixels."""
    from matplotlib.patches import Rectangle

    for label, x1, y1, x2, y2 in boxes:
        axes.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=colour, linewidth=1.6))
        axes.text(x1, y1, label, bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.8}, **LABEL)


def coloured(classes: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """A class map [h, w] in the colours of its classes, uint8 [h, w, 3]."""
    shades = np.array([[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shade in SHADES], np.uint8)
    shaded: NDArray[np.uint8] = shades[classes % len(SHADES)]
    return shaded
