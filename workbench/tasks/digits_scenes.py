"""Scenes of the shipped detection and segmentation samples: several real handwritten digits on textured ground."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

from workbench.tasks.digits import VALIDATION_SCANS, Digits, load_digits
from workbench.tasks.digits_parts import Part

SCENE_SIZE = 128  # pixels, height and width
DIGITS = (3, 6)  # in a scene, least and most
SIDE = (30.0, 64.0)  # pixels that the eight rows of a scan are enlarged to
TURN = 12.0  # degrees, either way
OVERLAP = 0.12  # of the smaller box, at most
TRIES = 20  # places that are tried for a digit before it is left out
CONTRAST = (75.0, 150.0)  # grey levels between ink and ground
INK = 0.5  # cover from which a pixel belongs to a digit

Image = NDArray[np.uint8]
Cover = NDArray[np.float32]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    `image` is uint8 [128, 128, 3] RGB; `boxes` float32 [n, 4] as x1, y1, x2, y2 in pixels, from the first pixel of a digit's ink
    to the end of its last; `digits` int64 [n] in 0..9; `class_map` uint8 [128, 128]: 0 is ground, d + 1 the ink of digit d.
    """

    image: Image
    boxes: NDArray[np.float32]
    digits: NDArray[np.int64]
    class_map: NDArray[np.uint8]

    @property
    def ink(self) -> NDArray[np.uint8]:
        """Where any digit is: uint8 [128, 128], 0 or 1."""
        return (self.class_map > 0).astype(np.uint8)


def draw_scene(digits: Digits, *seed: int) -> Scene:
    """A scene of some of the digits. All chance comes from `seed`: two scenes share scans, never their ground or their layout."""
    random = np.random.default_rng(seed)
    picture = _ground(random)
    class_map = np.zeros((SCENE_SIZE, SCENE_SIZE), np.uint8)
    boxes: list[Box] = []
    found: list[int] = []
    for row in random.choice(len(digits.labels), random.integers(DIGITS[0], DIGITS[1] + 1), replace=False):
        cover = _enlarged(digits.scans[row], random)
        ink = _ink(cover)
        place = _free_place(cover, ink, boxes, random=random)
        if place is None:
            continue
        top, left = place
        inside = np.s_[top : top + cover.shape[0], left : left + cover.shape[1]]
        _paint(picture[inside], cover, random)
        class_map[inside][cover >= INK] = digits.labels[row] + 1
        boxes.append(_moved(ink, top, left))
        found.append(int(digits.labels[row]))
    image = np.rint(picture.clip(0, 255)).astype(np.uint8)
    return Scene(image, np.array(boxes, np.float32).reshape(-1, 4), np.array(found, np.int64), class_map)


@cache
def part_scene(part: Part, index: int) -> Scene:
    """The scene of this number, the same each time. Evaluation alone has the held-out scans, and no others."""
    return draw_scene(_scans(part), part, index)


def weights_scenes(seed: int) -> Iterator[Scene]:
    """Endless scenes from which the shipped networks learn."""
    return (draw_scene(_scans(Part.WEIGHTS), Part.WEIGHTS, seed, index) for index in count())


def _scans(part: Part) -> Digits:
    train, held_out = load_digits()
    if part is Part.EVALUATION:
        return held_out
    if part is Part.VALIDATION:
        return train.part(slice(-VALIDATION_SCANS, None))
    return train.part(slice(-VALIDATION_SCANS)) if part is Part.WEIGHTS else train


def _ground(random: np.random.Generator) -> NDArray[np.float32]:
    """Coloured noise of several grains over a plain colour, in half of the scenes with stripes: float32 [128, 128, 3]."""
    import cv2

    plain = random.uniform(60, 195) + random.uniform(-25, 25, 3)
    cells = np.full((24, 24, 3), plain, np.float32)
    for side, strength in ((3, 16), (8, 9), (24, 6)):
        grain = random.standard_normal((side, side, 3), dtype=np.float32) * np.float32(
            random.uniform(0.3, 1) * strength
        )
        cells += cv2.resize(grain, (24, 24), interpolation=cv2.INTER_CUBIC)
    fine = random.standard_normal((SCENE_SIZE, SCENE_SIZE, 1), dtype=np.float32) * np.float32(random.uniform(1, 5))
    if random.random() < 0.5:
        fine += _stripes(random)
    return cv2.resize(cells, (SCENE_SIZE, SCENE_SIZE), interpolation=cv2.INTER_LINEAR) + fine


def _stripes(random: np.random.Generator) -> NDArray[np.float32]:
    angle, waves = random.uniform(0, np.pi), random.uniform(4, 24) * 2 * np.pi / SCENE_SIZE
    along = np.arange(SCENE_SIZE, dtype=np.float32) * np.float32(waves)
    phase = np.add.outer(along * np.float32(np.sin(angle)), along * np.float32(np.cos(angle)))
    stripes: NDArray[np.float32] = np.sin(phase + np.float32(random.uniform(0, 2 * np.pi)))
    return stripes[:, :, np.newaxis] * np.float32(random.uniform(4, 14))


def _enlarged(scan: NDArray[np.uint8], random: np.random.Generator) -> Cover:
    """A scan made large, a little turned and stretched, cut out around its ink: how far ink covers each pixel, 0..1."""
    import cv2

    side = float(np.exp(random.uniform(*np.log(SIDE))))
    wide, high = (side / 8 * random.uniform(0.85, 1.15) for _ in range(2))
    canvas = int(side * 1.6)
    turn = cv2.getRotationMatrix2D((0, 0), random.uniform(-TURN, TURN), 1.0)[:, :2]
    scale = turn @ np.diag([wide, high])
    # The middle of the scan, with a border of one empty pixel, comes to the middle of the canvas.
    matrix = np.column_stack([scale, canvas / 2 - scale @ (4.5, 4.5)])
    padded = np.pad(scan.astype(np.float32) / 16, 1)
    grey = cv2.warpAffine(padded, matrix, (canvas, canvas), flags=cv2.INTER_CUBIC)
    cover = ((grey - 0.25) * 2).clip(0, 1).astype(np.float32)
    rows, columns = (np.flatnonzero(cover.any(axis=axis)) for axis in (1, 0))
    return cover[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _ink(cover: Cover) -> Box:
    """The box around the pixels that are mostly ink: x1, y1, x2, y2 within `cover`."""
    ink = cover >= INK
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _moved(box: Box, top: int, left: int) -> Box:
    return box[0] + left, box[1] + top, box[2] + left, box[3] + top


def _free_place(cover: Cover, ink: Box, boxes: list[Box], *, random: np.random.Generator) -> tuple[int, int] | None:
    """Where (top, left) a digit lies wholly in the scene and hardly overlaps another; None when none is found."""
    for _ in range(TRIES):
        top, left = (int(random.integers(SCENE_SIZE - length + 1)) for length in cover.shape)
        if all(_overlap(_moved(ink, top, left), box) <= OVERLAP for box in boxes):
            return top, left
    return None


def _overlap(a: Box, b: Box) -> float:
    """The area that two boxes share, as a part of the smaller one's."""
    width, height = (min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1))
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(width, 0) * max(height, 0) / smaller


def _paint(ground: NDArray[np.float32], cover: Cover, random: np.random.Generator) -> None:
    """Put ink that is clearly lighter or darker than the ground there onto it, in place."""
    mean = float(ground.mean())
    contrast = random.uniform(*CONTRAST) * (1 if mean < random.uniform(90, 165) else -1)
    ink = (mean + contrast + random.uniform(-20, 20, 3)).astype(np.float32)
    ground += cover[:, :, np.newaxis] * (ink - ground)
