"""What FP32 and another model make of the same sample: the difference in words."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from workbench.measure.predict import Shown
from workbench.pipeline.predict import Answer
from workbench.report.labels import class_name, count, number
from workbench.tasks.segmentation.class_maps import unpack

SHOWN_SCORE = 0.25
SAME_PLACE = 0.5
"""Overlap (intersection over union) from which two boxes of one class are the same."""
EQUAL_DB = 200.0


def answer_name(answer: Answer) -> str:
    """Precision and model: `INT8 static-hist`; plain `FP32` for the float model."""
    precision = str(answer.cell.precision).upper()
    return precision if answer.cell.model == "fp32" else f"{precision} {answer.cell.model}"


def difference(shown: Shown, names: Sequence[str], first: Answer, other: Answer) -> str:
    """Two sentences: what differs in the prediction, and how much noise and time lie between the two."""
    told = {
        Shown.RANKING: _rankings,
        Shown.BOXES: _boxes,
        Shown.CLASS_MAP: _class_maps,
        Shown.CLASS: _classes,
        Shown.OTHER: _others,
    }[shown](names, first.prediction, other.prediction)
    return f"{answer_name(other)} against {answer_name(first)}: {told}. {_noise(other)}{_time(first, other)}"


def _rankings(names: Sequence[str], first: Sequence[int], other: Sequence[int]) -> str:
    if list(first) == list(other):
        return f"the same {len(first)} choices in the same order, {class_name(names, first[0])} first"
    if set(first) == set(other) and first[0] == other[0]:
        return f"the same first choice, {class_name(names, first[0])}, and the others in another order"
    shared = count(len(set(first) & set(other)), "choice")
    if first[0] == other[0]:
        return f"the same first choice, {class_name(names, first[0])}; of the {len(first)}, {shared} shared"
    return f"another first choice, {class_name(names, other[0])} in place of {class_name(names, first[0])}; {shared} shared"


def _classes(names: Sequence[str], first: int, other: int) -> str:
    if first == other:
        return f"the same answer, {class_name(names, first)}"
    return f"another answer, {class_name(names, other)} in place of {class_name(names, first)}"


def _others(names: Sequence[str], first: Any, other: Any) -> str:
    return "the same prediction" if first == other else "another prediction"


def _class_maps(names: Sequence[str], first: dict[str, Any], other: dict[str, Any]) -> str:
    a, b = unpack(first), unpack(other)
    differing = a != b
    if not differing.any():
        return "the same class for every pixel"
    pairs = Counter(zip(a[differing].tolist(), b[differing].tolist(), strict=True))
    (before, after), _ = pairs.most_common(1)[0]
    most = f"most of them {class_name(names, after)} in place of {class_name(names, before)}"
    return f"another class for {differing.mean():.2%} of the pixels, {most}"


def rows_of(prediction: Any) -> list[list[float]]:
    """The boxes of a detector's prediction that a program would show: [class, score, x1, y1, x2, y2], best first."""
    rows = prediction["boxes"] if isinstance(prediction, dict) else prediction
    return [row for row in rows if row[1] >= SHOWN_SCORE]


def _boxes(names: Sequence[str], first: Any, other: Any) -> str:
    found, left = rows_of(first), rows_of(other)
    total, shifts = len(left), []
    for row in found:
        same = max((r for r in left if r[0] == row[0]), key=lambda r: overlap(r[2:], row[2:]), default=None)
        if same is not None and overlap(same[2:], row[2:]) >= SAME_PLACE:
            left.remove(same)
            shifts.append(abs(same[1] - row[1]))
    shift = f", with scores that differ by at most {max(shifts):.2f}" if shifts else ""
    return (
        f"{len(shifts)} of the {count(len(found), 'box').replace('boxs', 'boxes')} again{shift}; "
        f"{len(found) - len(shifts)} lost, {total - len(shifts)} new"
    )


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0


def _noise(other: Answer) -> str:
    if other.sqnr_db is None:
        return ""
    if other.sqnr_db >= EQUAL_DB:
        return "The outputs are equal. "
    if other.sqnr_db < 0:
        return f"The noise of quantization is {number(-other.sqnr_db, digits=3)} dB above the signal in the outputs. "
    return f"The signal in the outputs is {number(other.sqnr_db, digits=3)} dB above the noise of quantization. "


def _time(first: Answer, other: Answer) -> str:
    ratio = first.run_ms / other.run_ms
    return (
        f"A call takes {number(other.run_ms, digits=3)} ms where {answer_name(first)} takes {number(first.run_ms, digits=3)} ms "
        f"({number(ratio, digits=2)} times as fast; the fastest of five calls, no measurement)."
    )
