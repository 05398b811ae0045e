"""Suppression outside of the network against Paddle's own operators, on random and adversarial boxes."""

from itertools import product

import numpy as np
import pytest

from workbench.tasks.detection.graph_suppression import read_suppression

CHANGES = {
    "plain": {},
    "few": {"nms_top_k": 7, "keep_top_k": 5},
    "all": {"nms_top_k": -1, "keep_top_k": -1, "score_threshold": 0.05},
    "pixels": {"normalized": False, "background_label": 2},
    "strict": {"nms_threshold": 0.9, "nms_eta": 0.9},
    "smooth": {"use_gaussian": True, "post_threshold": 0.1},
}
SCENES = ("random", "crowded", "empty", "degenerate", "many", "ties")


def scene(name):
    """Boxes [1, n, 4] and scores [1, 4, n]."""
    random = np.random.default_rng(SCENES.index(name))
    count = {"many": 2000}.get(name, 120)
    corners = random.uniform(0, 20 if name == "crowded" else 300, (count, 2))
    sides = random.uniform(0 if name == "degenerate" else 2, 40, (count, 2))
    if name == "degenerate":
        sides[::2] = 0
        corners[::3] = 50
    boxes = np.hstack([corners, corners + sides]).astype(np.float32)
    if name == "ties":
        return boxes[np.newaxis], (random.integers(0, 9, (1, 4, count)) / 9).astype(np.float32)
    scores = random.permutation(4 * count).reshape(4, count) / (4 * count) * (0.05 if name == "empty" else 1)
    return boxes[np.newaxis], scores[np.newaxis].astype(np.float32)


def fits(kind, name, changes):
    if kind == "multiclass_nms3":
        return "use_gaussian" not in changes
    return name != "ties" and "nms_eta" not in changes  # of equal scores, matrix_nms keeps now these, now those


CASES = {
    f"{kind} {name} {change}": (kind, CHANGES[change], name)
    for kind, name, change in product(("multiclass_nms3", "matrix_nms"), SCENES, CHANGES)
    if fits(kind, name, CHANGES[change])
}


@pytest.fixture(scope="module")
def paddles(run_native, tmp_path_factory):
    """What Paddle's operators give, by case."""
    file = tmp_path_factory.mktemp("scenes") / "scenes.npz"
    arrays = {}
    for name in SCENES:
        arrays[f"{name}-boxes"], arrays[f"{name}-scores"] = scene(name)
    np.savez(file, **arrays)
    outcome = run_native("nms_nets:run_operators", cases=CASES, arrays=file)
    assert outcome.status == "ok", outcome.reason
    return outcome.value


@pytest.mark.parametrize("case", CASES)
def test_suppression_is_paddles_when_done_outside(paddles, case):
    expected = np.array(paddles[case]["rows"]).reshape(-1, 6)
    expected = expected[expected[:, 0] >= 0]
    boxes, scores = scene(CASES[case][2])
    found = read_suppression(paddles[case]["settings"])(boxes[0], scores[0])
    assert (np.diff(found.scores) <= 0).all()
    rows = np.column_stack([found.classes, found.scores, found.boxes])
    np.testing.assert_allclose(in_order(rows), in_order(expected), rtol=1e-5, atol=1e-6)


def in_order(rows):
    return rows[np.lexsort(rows[:, [5, 4, 3, 2, 1, 0]].T.round(4))]


def test_suppression_takes_class_and_row_in_turn_when_scores_tie(paddles):
    settings = paddles["multiclass_nms3 random plain"]["settings"] | {"keep_top_k": 3}
    boxes = np.array([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], np.float32)
    found = read_suppression(settings)(boxes, np.full((2, 3), 0.5, np.float32))
    assert (found.classes.tolist(), found.rows.tolist()) == ([0, 0, 0], [0, 1, 2])
