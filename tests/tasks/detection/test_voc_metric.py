"""Pascal VOC's average precision against the development kit's procedure, written here box by box."""

import numpy as np
import pytest

from workbench.tasks.detection.voc_metric import VocMetric


def reference(predictions, truths):
    """(area, 11-point) in percent, mean over the classes that the truth has without difficulty."""
    labels = sorted({box[0] for t in truths for box, hard in zip(t["boxes"], t["difficult"], strict=True) if not hard})
    found = [reference_class(predictions, truths, label) for label in labels]
    return tuple(100 * np.mean(found, axis=0))


def reference_class(predictions, truths, label):
    rows = [(row[1], image, row[2:]) for image, rows in enumerate(predictions) for row in rows if row[0] == label]
    rows.sort(key=lambda row: -row[0])
    wanted, used, total = {}, {}, 0
    for image, truth in enumerate(truths):
        wanted[image] = [(b[1:], d) for b, d in zip(truth["boxes"], truth["difficult"], strict=True) if b[0] == label]
        used[image] = [False] * len(wanted[image])
        total += sum(not hard for _, hard in wanted[image])
    right, wrong, curve = 0, 0, []
    for _, image, box in rows:
        shares = [iou(box, other) for other, _ in wanted[image]]
        best = int(np.argmax(shares)) if shares else None
        if best is None or shares[best] < 0.5:
            wrong += 1
        elif wanted[image][best][1]:
            continue
        elif used[image][best]:
            wrong += 1
        else:
            used[image][best] = True
            right += 1
        curve.append((right / total, right / (right + wrong)))
    points = [max([p for r, p in curve if r >= t], default=0) for t in np.linspace(0, 1, 11)]
    area, before = 0.0, 0.0
    for recall in sorted({r for r, _ in curve}):
        area += (recall - before) * max(p for r, p in curve if r >= recall)
        before = recall
    return area, float(np.mean(points))


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width < 0 or height < 0:
        return 0
    inside = width * height
    return inside / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inside)


def scene(seed):
    random = np.random.default_rng(seed)
    predictions, truths = [], []
    for _ in range(7):
        count = int(random.integers(1, 6))
        corners = random.uniform(0, 60, (count, 2))
        boxes = np.column_stack([random.integers(0, 3, count), corners, corners + random.uniform(8, 30, (count, 2))])
        rows = [
            [box[0], float(random.uniform()), *(box[1:] + random.normal(0, 3, 4))]
            for box in np.repeat(boxes, 2, axis=0)
        ]
        rows.append([float(random.integers(0, 4)), float(random.uniform()), 0.0, 0.0, 20.0, 20.0])
        predictions.append([[float(value) for value in row] for row in rows])
        difficult = (random.uniform(size=count) < 0.3).astype(int).tolist()
        truths.append({"width": 100, "height": 100, "boxes": boxes.tolist(), "difficult": difficult})
    return predictions, truths


@pytest.mark.parametrize("seed", range(8))
def test_metric_is_the_development_kits_when_images_come_in_any_mixture(seed):
    predictions, truths = scene(seed)
    metric, random = VocMetric(), np.random.default_rng(seed)
    assert metric(predictions, truths) == pytest.approx(reference(predictions, truths))
    for _ in range(4):
        chosen = random.integers(0, len(truths), len(truths))
        mixture = [predictions[i] for i in chosen], [truths[i] for i in chosen]
        assert metric(*mixture) == pytest.approx(reference(*mixture))


def test_metric_forgives_what_is_difficult_when_it_is_found_or_missed():
    truth = {"width": 50, "height": 50, "boxes": [[0, 0, 0, 10, 10], [0, 20, 20, 40, 40]], "difficult": [0, 1]}
    right, hard = [0, 0.8, 0, 0, 10, 10], [0, 0.9, 20, 20, 40, 40]
    assert VocMetric()([[right]], [truth]) == pytest.approx((100, 100))
    assert VocMetric()([[right, hard, hard]], [truth]) == pytest.approx((100, 100))


def test_metric_takes_a_second_box_for_wrong_when_an_object_is_found_twice():
    truth = {"width": 50, "height": 50, "boxes": [[0, 0, 0, 10, 10], [0, 30, 30, 40, 40]]}
    rows = [[0, 0.9, 0, 0, 10, 10], [0, 0.8, 0, 0, 10, 10], [0, 0.7, 30, 30, 40, 40]]
    assert VocMetric()([rows], [truth])[0] == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))


def test_metric_is_not_a_number_when_there_is_no_truth():
    assert np.isnan(VocMetric()([[[0, 0.9, 1, 1, 5, 5]]], [{"width": 9, "height": 9, "boxes": []}])).all()
