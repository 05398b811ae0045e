"""Tests of the sentence that says when INT8 is not the best choice."""

from collections.abc import Callable

from workbench.records import Precision, Record, Status
from workbench.report.best_choice import best_choice_sentences

Make = Callable[..., Record]


def test_nothing_is_said_when_int8_is_fastest(one_backend: list[Record]) -> None:
    assert best_choice_sentences(one_backend, []) == []


def test_bf16_is_named_when_it_beats_every_int8(make_record: Make) -> None:
    rows = [make_record(precision=p) for p in (Precision.FP32, Precision.INT8)]
    rows += [make_record(backend="openvino", precision=Precision.BF16, latency_mean_ms=2.0, metric_drop=0.0)]
    (said,) = best_choice_sentences(rows, [])
    assert said == (
        "INT8 is not the best choice here (cpu, runtime, 1 thread, batch 1): BF16 on openvino is faster than the fastest INT8, "
        "on onnxruntime (2 against 4 ms); they lose 0 and 0.3 points of top1."
    )


def test_the_backend_is_named_once_when_both_are_of_it(make_record: Make) -> None:
    (said,) = best_choice_sentences([make_record(), make_record(precision=Precision.BF16, latency_mean_ms=2.0)], [])
    assert "BF16 on onnxruntime is faster than the fastest INT8, there too (2 against 4 ms)" in said


def test_fp32_of_another_backend_is_named_when_it_is_the_fastest(make_record: Make) -> None:
    rows = [make_record(), make_record(precision=Precision.FP32, backend="openvino", latency_mean_ms=3.0)]
    (said,) = best_choice_sentences(rows, [])
    assert "FP32 on openvino is faster than the fastest INT8, on onnxruntime (3 against 4 ms)" in said


def test_nothing_is_said_when_the_difference_is_within_noise(make_record: Make) -> None:
    wide = {"speedup_vs_fp32": 3.2, "speedup_low": 2.6, "speedup_high": 3.8}
    rows = [make_record(), make_record(precision=Precision.BF16, latency_mean_ms=3.9, **wide)]
    assert best_choice_sentences(rows, []) == []


def test_settings_are_not_mixed_when_they_differ(make_record: Make) -> None:
    rows = [make_record(), make_record(precision=Precision.BF16, latency_mean_ms=2.0, threads=4)]
    assert best_choice_sentences(rows, []) == []


def test_nothing_is_said_when_one_side_was_not_measured(make_record: Make) -> None:
    failed = make_record(status=Status.FAILED, reason="x")
    assert best_choice_sentences([failed, make_record(precision=Precision.BF16)], []) == []


def test_a_made_float_model_is_named_with_its_method_when_it_is_the_fastest(
    make_record: Make, make_pruned: Make
) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(), make_pruned(latency_mean_ms=2.0)]
    (said,) = best_choice_sentences(rows, [])
    assert "FP32 prune (flops0.5) on onnxruntime is faster than the fastest INT8, there too (2 against 4 ms)" in said
    assert said.endswith("they lose 0.5 and 0.3 points of top1.")


def test_the_untouched_float_is_named_too_when_it_and_a_made_one_beat_int8(
    make_record: Make, make_pruned: Make
) -> None:
    rows = [make_record(precision=Precision.FP32, latency_mean_ms=3.0), make_record(), make_pruned(latency_mean_ms=2.0)]
    said = best_choice_sentences(rows, [])
    assert ["FP32 on onnxruntime" in said[0], "FP32 prune (flops0.5) on" in said[1]] == [True, True]


def test_the_untouched_float_alone_is_named_when_a_made_one_is_as_fast(make_record: Make, make_pruned: Make) -> None:
    fp32 = make_record(precision=Precision.FP32, latency_mean_ms=3.0)
    (said,) = best_choice_sentences([fp32, make_record(), make_pruned(latency_mean_ms=2.99)], [])
    assert "FP32 on onnxruntime" in said
