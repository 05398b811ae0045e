"""The answers of the exercises: the right one is accepted, and each known mistake is refused with its own words."""

import numpy as np
import pytest

from workbench.lessons.answers import (
    choosing,
    distillation,
    families,
    fundamentals,
    instruction_sets,
    pruning,
    range_choice,
    rounding_in_training,
    sensitivity,
    weight_only,
)
from workbench.lessons.exercises import State, check
from workbench.records import Device, Metric, Precision, Record, Scope, Status

ROW = {"model": "tiny", "backend": "onnxruntime", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK, "precision": Precision.INT8}  # fmt: skip
TIGHT, TRAINED = (Record(**ROW, method=method, metric_drop=drop) for method, drop in (("static", 40.0), ("pact", 10.0)))
HALF = Record(**ROW, method="prune", speedup_vs_fp32=1.6)
SMALL = Record(**ROW, method="static", model_size_mb=3.4)
TENSORS = {"rows": [{"tensor": name, "kind": "activation", "sqnr_db": db} for name, db in (("a", 30.0), ("b", 12.0), ("c", 40.0))]}  # fmt: skip
X = np.linspace(0.05, 10, 200)
SHARE = np.exp(-X) / np.exp(-X).sum()
PARTS = [
    Metric(model="tiny", model_digest="d", device=Device.CPU, scope=Scope.END_TO_END, unit="ms", backend="onnxruntime", precision=Precision.FP32, name=name, value=value)
    for name, value in (("preprocess_ms", 1.0), ("run_ms", 6.0), ("postprocess_ms", 1.0))
]  # fmt: skip
ANSWERS = {
    "zero_point": (fundamentals.zero_point(-1, 3), 64),
    "weight_bits": (fundamentals.most_weight_bits(), 7),
    "tiles": (fundamentals.tile_products(12544, 32, 27), 1568),
    "noisiest": (sensitivity.noisiest_activation(TENSORS), "b"),
    "noise_ratio": (sensitivity.noise_ratio(12, 32), 100),
    "recommended": (choosing.recommended(data="none", time="minutes", device="x86_vnni", goal="size"), "dynamic"),
    "more_bits": (weight_only.sqnr_of_more_bits(2, [11, 12], [62.0, 68.0]), 80.04),
    "rest_of_file": (weight_only.beside_the_integers([SMALL], {"w": np.zeros(3_200_000)}, ["w"]), 0.2),
    "threshold": (range_choice.threshold_of_share(0.99, X, SHARE), 4.6),
    "smallest_error": (range_choice.smallest_error({"abs_max": 10.0, "mse": 5.0}, X, (X - 4) ** 2), "mse"),
    "unsigned": (range_choice.gained_by_unsigned(), 6.05),
    "clip": (rounding_in_training.gradient_of_clip([-2, -0.5, 0.3, 1.4, 3, 1.2], 1.0), 2),
    "won_back": (rounding_in_training.won_back(TIGHT, TRAINED), 75),
    "entropy": (distillation.entropy_of_nothing(10), 3.3219),
    "distance": (distillation.squared_distance([1.0, 2.0], [0.0, 0.0]), 2.5),
    "filters": (pruning.filters_for_flops(0.64), 20),
    "width": (pruning.wide_enough(128, 0.42), 72),
    "gap": (pruning.gap_to_flops(0.5, HALF), 1.25),
    "amdahl": (families.most_end_to_end(PARTS, "onnxruntime"), 4),
    "points": (families.points_of_a_sample(400), 0.25),
    "iou": (families.intersection_over_union((10, 10, 30, 30), (12, 10, 32, 30)), 0.818),
    "thresholds": (families.thresholds_passed((10, 10, 30, 30), (12, 10, 32, 30)), 7),
    "miou": (families.mean_overlap([[910, 20], [10, 60]]), 81.74),
    "pixels": (families.pixel_accuracy([[910, 20], [10, 60]]), 97),
    "products": (families.products_left_in_float(128, 768), 2.7027),
    "tokens": (families.tokens_for_half(768), 4608),
    "instructions": (instruction_sets.best_by_instructions(3), 4 / 3),
    "saved": (instruction_sets.time_saved(2.5), 60),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_is_right_and_each_mistake_is_told_when_checked(name):
    expected, by_hand = ANSWERS[name]
    assert check(by_hand, expected).state is State.RIGHT
    for value, words in expected.mistakes.items():
        checked = check(value, expected)
        assert checked.state is State.WRONG, value
        assert words in checked.text


def test_cases_are_counted_as_the_table_has_them_when_asked():
    expected = choosing.times_recommended("dynamic")
    assert 0 < expected.value < 108
    assert "108 cases" in expected.why
