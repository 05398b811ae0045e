"""The sample with what each model makes of it: boxes, or classes laid over the picture."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workbench.measure.predict import Shown
from workbench.pipeline.predict import Answers
from workbench.report.bars import COLOURS
from workbench.report.fonts import png_of
from workbench.report.labels import class_name
from workbench.report.picture_grid import Picture, coloured, draw_boxes, draw_grid
from workbench.tasks.segmentation.class_maps import unpack
from workbench.ui.prediction_text import answer_name, rows_of

OVERLAY = 0.55
LARGEST, ALONE = 1200, 320  # pixels of a side: a photograph has more than the page shows
DRAWN = (Shown.BOXES, Shown.CLASS_MAP)


def draw_answers(shown: Shown, names: Sequence[str], answers: Answers, *, title: str) -> bytes:
    """The picture, and it again with what each model found where that can be drawn, as PNG."""
    assert answers.picture is not None
    step = max(1, -(-max(answers.picture.shape[:2]) // (LARGEST if shown in DRAWN else ALONE)))
    picture = answers.picture[::step, ::step]
    if shown in DRAWN:
        pictures = [Picture(picture, "given"), *_found(shown, names, answers, picture, step)]
        return png_of(draw_grid([pictures], title=title, caption=""))
    written = io.BytesIO()
    Image.fromarray(picture).save(written, format="png")
    return written.getvalue()


def _found(
    shown: Shown, names: Sequence[str], answers: Answers, picture: NDArray[np.uint8], step: int
) -> list[Picture]:
    found = []
    for answer in answers.answers:
        colour, name = COLOURS[answer.cell.precision], answer_name(answer)
        if shown is Shown.BOXES:
            rows = rows_of(answer.prediction)[::-1]  # the best on top
            boxes: Any = [
                (f"{class_name(names, int(row[0]))} {row[1]:.2f}", *(edge / step for edge in row[2:])) for row in rows
            ]
            draw = partial(draw_boxes, boxes=boxes, colour=colour)
            found.append(Picture(picture, name, draw, colour))
        elif shown is Shown.CLASS_MAP:
            found.append(Picture(_overlaid(picture, unpack(answer.prediction)[::step, ::step]), name, colour=colour))
    return found


def _overlaid(picture: NDArray[np.uint8], classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with the colours of its classes over it, but the first class, which is most often the ground."""
    colours = coloured(classes + np.uint8(1))
    mixed = np.where((classes > 0)[..., np.newaxis], (1 - OVERLAY) * picture + OVERLAY * colours, picture)
    overlaid: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return overlaid
