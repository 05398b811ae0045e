"""Tests of the sentences that explain a missing speed-up: each cause is named when it is there, and only then."""

from collections.abc import Callable
from typing import Any

import pytest

from workbench.records import Metric, Precision, Record, Scope
from workbench.report.why_slow import int8_figures, slow_sentences

Make = Callable[..., Record]
MakeMetric = Callable[..., Metric]
INT8_KEY = {"precision": Precision.INT8, "method": "static", "variant": "hist"}
SLOW = {"latency_mean_ms": 12.0, "speedup_vs_fp32": 1.03, "speedup_low": 0.98, "speedup_high": 1.09, "int8_share": 1.0}
VNNI = [{"machine_id": "m1", "cpu": {"isa": ["avx2", "avx512_vnni"]}}]
NO_VNNI = [{"machine_id": "m1", "cpu": {"isa": ["avx2", "avx512f"]}}]


@pytest.fixture
def slow(make_record: Make, make_metric: MakeMetric) -> Callable[..., list[str]]:
    """What is said of FP32 and a slow INT8 row of these columns and figures."""

    def say(figures: dict[str, float], machines: list[dict[str, Any]] = VNNI, **columns: Any) -> list[str]:
        metrics = [make_metric(name, value, **INT8_KEY) for name, value in figures.items()]
        return slow_sentences([make_record(precision=Precision.FP32), make_record(**SLOW | columns)], metrics, machines)

    return say


def test_nothing_is_said_when_int8_gains_as_it_should(one_backend: list[Record]) -> None:
    assert slow_sentences(one_backend, [], NO_VNNI) == []


@pytest.mark.parametrize(("ratio", "said"), [(1.2, 0), (1.05, 1), (0.5, 1)])
def test_one_sentence_is_said_of_a_backend_when_it_gains_little(slow, ratio: float, said: int) -> None:
    assert len(slow({}, speedup_vs_fp32=ratio, speedup_low=ratio - 0.02, speedup_high=ratio + 0.02)) == said


def test_the_cpu_is_blamed_when_it_has_no_int8_instructions(slow) -> None:
    (said,) = slow({}, NO_VNNI)
    assert said.startswith(
        "onnxruntime on cpu: INT8 brings hardly any speed here (1.03x FP32). This CPU has no INT8 dot "
    )
    assert "no INT8 dot" not in slow({}, VNNI)[0]
    assert "no INT8 dot" not in slow({}, [])[0]


def test_operators_in_float_are_named_when_there_are_any(slow) -> None:
    figures = {
        "float_operators/Conv": 9.0,
        "float_operators/MatMul": 1.0,
        "float_because/Conv: its scale is missing": 9.0,
    }
    (said,) = slow(figures, int8_share=0.86)
    assert "86 % of the convolutions and matrix products run in INT8; in float stay: 9 Conv, 1 MatMul." in said
    assert "lowered with these in float: 9 Conv: its scale is missing." in said


def test_all_of_them_are_in_float_when_the_share_is_zero(slow) -> None:
    (said,) = slow({"float_operators/Conv": 9.0}, int8_share=0.0)
    assert "No convolution or matrix product runs in INT8." in said


def test_unknown_operators_are_named_when_the_lowering_met_them(slow) -> None:
    assert (
        "The lowering knows no INT8 form of: Erf, HardSwish."
        in slow({"unknown_operators/Erf": 1.0, "unknown_operators/HardSwish": 1.0})[0]
    )


def test_time_outside_of_int8_is_told_when_it_is_most_of_the_run(slow) -> None:
    (said,) = slow({"int8_time_share": 0.126})
    assert "INT8 convolutions and matrix products take only 13 % of a run" in said
    assert slow({"int8_time_share": 0.9}) == [
        "onnxruntime on cpu: INT8 brings hardly any speed here (1.03x FP32). INT8 kernels take 90 % of its time and nothing "
        "of weight is in float, so memory may be the limit."
    ]


def test_the_model_is_called_small_when_fp32_takes_next_to_nothing(make_record: Make) -> None:
    rows = [make_record(precision=Precision.FP32, latency_p50_ms=0.12), make_record(**SLOW)]
    assert "The model is small: FP32 takes 0.12 ms" in slow_sentences(rows, [], VNNI)[0]


def test_another_backends_gain_is_told_when_it_is_far_greater(make_record: Make) -> None:
    fast = [make_record(precision=p, backend="openvino") for p in (Precision.FP32, Precision.INT8)]
    row = make_record(speedup_vs_fp32=1.5, latency_mean_ms=14.0)
    (said,) = slow_sentences([*fast, make_record(precision=Precision.FP32), row], [], VNNI)
    assert said.startswith("onnxruntime on cpu: INT8 gains less here (1.5x FP32) than on openvino (3.1x).")
    assert "FP32 on openvino takes less time than INT8 here (12.4 against 14 ms)." in said


def test_figures_of_other_rows_are_left_alone_when_there_are_several(
    make_record: Make, make_metric: MakeMetric
) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(**SLOW)]
    others = [INT8_KEY | {"variant": "mse"}, INT8_KEY | {"backend": "openvino"}, INT8_KEY | {"scope": Scope.END_TO_END}]
    metrics = [make_metric("float_operators/Conv", 9.0, **other) for other in others]
    assert slow_sentences(rows, metrics, VNNI) == [
        "onnxruntime on cpu: INT8 brings hardly any speed here (1.03x FP32). Nothing that was recorded tells why."
    ]


def test_figures_hold_what_session_and_lowering_told_when_both_did() -> None:
    described = {"int8_time_share": 0.4, "float_operators": {"Conv": 2}, "engine": "x"}
    lowered = {
        "float_operators": [{"operator": "Conv", "count": 2, "reason": "kept for accuracy"}],
        "unknown_operators": ["Erf"],
    }
    assert int8_figures(described, lowered) == [
        ("int8_time_share", 0.4, "share"),
        ("float_operators/Conv", 2, "operators"),
        ("float_because/Conv: kept for accuracy", 2, "operators"),
        ("unknown_operators/Erf", 1.0, ""),
    ]
    assert int8_figures({}, {}) == []
    assert int8_figures({"int8_time_share": None}, {}) == []


def test_the_baseline_is_the_untouched_model_when_a_made_one_stands_first(make_record: Make, make_pruned: Make) -> None:
    small = make_pruned(latency_p50_ms=0.1)
    (said,) = slow_sentences([small, make_record(precision=Precision.FP32), make_record(**SLOW)], [], VNNI)
    assert "the model is small" not in said.lower()


def test_a_made_float_of_another_backend_explains_nothing_when_it_is_faster(
    make_record: Make, make_pruned: Make
) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(**SLOW), make_pruned(backend="openvino")]
    assert "openvino" not in slow_sentences(rows, [], VNNI)[0]
