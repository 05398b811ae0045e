"""Scenes of digits: the same each time, tight boxes, held-out scans in evaluation alone."""

from dataclasses import asdict

import numpy as np
import pytest

from workbench.tasks import digits_scenes
from workbench.tasks.digits import VALIDATION_SCANS, Digits, load_digits
from workbench.tasks.digits_parts import Part
from workbench.tasks.digits_scenes import OVERLAP, SCENE_SIZE, draw_scene, part_scene, weights_scenes


@pytest.fixture(scope="module")
def digits() -> Digits:
    return load_digits()[0].part(slice(50))


def test_scene_is_the_same_when_drawn_again(digits):
    first, second = (asdict(draw_scene(digits, 1, 2)) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("seed", [(1, 3), (2, 2), (1,)])
def test_scene_has_other_ground_and_layout_when_the_seed_differs(digits, seed):
    one, other = draw_scene(digits, 1, 2), draw_scene(digits, *seed)
    assert np.abs(one.image.astype(int) - other.image).mean() > 5
    assert not np.array_equal(one.boxes, other.boxes)


@pytest.mark.parametrize("seed", range(8))
def test_scene_has_the_stated_forms_when_drawn(digits, seed):
    scene = draw_scene(digits, seed)
    count = len(scene.digits)
    assert (scene.image.shape, scene.image.dtype) == ((SCENE_SIZE, SCENE_SIZE, 3), np.uint8)
    assert (scene.class_map.shape, scene.class_map.dtype) == ((SCENE_SIZE, SCENE_SIZE), np.uint8)
    assert 1 <= count <= 6
    assert (scene.boxes.shape, scene.boxes.dtype) == ((count, 4), np.float32)
    assert scene.boxes.min() >= 0
    assert scene.boxes.max() <= SCENE_SIZE
    assert {*np.unique(scene.class_map)} == {0, *(scene.digits + 1)}


def test_boxes_are_tight_around_the_ink_when_nothing_lies_over_it(digits):
    seen = 0
    for seed in range(20):
        scene = draw_scene(digits, seed)
        for digit, box in zip(scene.digits, scene.boxes, strict=True):
            if (scene.digits == digit).sum() > 1 or any(touches(box, other) for other in scene.boxes):
                continue
            rows, columns = np.nonzero(scene.class_map == digit + 1)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            seen += 1
    assert seen > 20


def touches(box: np.ndarray, other: np.ndarray) -> bool:
    apart = (box[:2] >= other[2:]).any() or (other[:2] >= box[2:]).any()
    return not np.array_equal(box, other) and not apart


def test_boxes_hardly_overlap_when_there_are_many(digits):
    for seed in range(20):
        boxes = draw_scene(digits, seed).boxes
        for index, box in enumerate(boxes):
            low, high = np.maximum(box[:2], boxes[:index, :2]), np.minimum(box[2:], boxes[:index, 2:])
            shared = (high - low).clip(0).prod(axis=1)
            smaller = np.minimum(np.prod(box[2:] - box[:2]), (boxes[:index, 2:] - boxes[:index, :2]).prod(axis=1))
            assert (shared <= OVERLAP * smaller + 1e-6).all()


def test_ink_stands_out_from_its_ground_when_painted(digits):
    scene = draw_scene(digits, 4)
    for digit, (left, top, right, bottom) in zip(scene.digits, scene.boxes.astype(int), strict=True):
        inside = np.s_[top:bottom, left:right]
        ink = scene.class_map[inside] == digit + 1
        grey = scene.image[inside].mean(axis=2)
        assert abs(np.median(grey[ink]) - np.median(grey[~ink])) > 25


def test_evaluation_alone_has_the_held_out_scans_when_parts_are_drawn(monkeypatch):
    used: dict[Part, set[int]] = {}

    def keep(digits: Digits, part: Part, *rest: int) -> None:
        used.setdefault(Part(part), set()).update(digits.indices.tolist())

    monkeypatch.setattr(digits_scenes, "draw_scene", keep)
    for part in Part:
        part_scene.__wrapped__(part, 0)
    next(weights_scenes(0))
    train, held_out = load_digits()
    assert used.pop(Part.EVALUATION) == {*held_out.indices.tolist()}
    assert set.union(*used.values()) == {*train.indices.tolist()}
    assert not used[Part.VALIDATION] & used[Part.WEIGHTS]
    assert len(used[Part.VALIDATION]) == VALIDATION_SCANS
