"""The colours of plots can be told apart by readers who do not see all of them."""

from itertools import combinations

import numpy as np
import pytest

from workbench.records import Precision
from workbench.report.bars import COLOURS, HATCHES
from workbench.report.series import STYLES

# Linear RGB as seen without one kind of cones (Machado, Oliveira and Fernandes 2009, severity 1.0).
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)
FAR = 10  # of CIE L*a*b*'s distance, where about 2 is the least that is seen


def seen(colour, cones):
    """CIE L*a*b* of a colour as it is seen."""
    rgb = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ np.clip(np.array(BLIND.get(cones, np.eye(3))) @ linear, 0, 1) / WHITE
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("cones", ["all", *BLIND])
@pytest.mark.parametrize("colours", [list(COLOURS.values()), [colour for colour, _ in STYLES]], ids=["bars", "lines"])
def test_colours_are_far_apart_when_seen_with_these_cones(colours, cones):
    distances = {(a, b): np.linalg.norm(seen(a, cones) - seen(b, cones)) for a, b in combinations(colours, 2)}
    assert min(distances.values()) > FAR, min(distances, key=distances.get)


def test_precisions_differ_without_colour_when_drawn():
    assert len({HATCHES[precision] for precision in Precision}) == len(Precision)
    assert len({marker for _, marker in STYLES}) == len(STYLES)
