"""Tests of the sentences: they claim no more than the intervals allow."""

from collections.abc import Callable

from workbench.records import Precision, Record, Status
from workbench.report.sentences import fastest_sentences

Make = Callable[..., Record]


def test_sentence_tells_gain_and_cost_when_int8_is_faster(one_backend: list[Record]) -> None:
    first, second = fastest_sentences(one_backend)
    expected = (
        "onnxruntime on cpu: INT8 is 3.1x faster than FP32 (12.4 -> 4 ms, runtime, 1 thread) for 0.3 points of top1."
    )
    assert first == expected
    assert "end to end" in second


def test_sentence_tells_no_difference_when_the_interval_holds_one(make_record: Make) -> None:
    int8 = make_record(latency_mean_ms=12.0, speedup_vs_fp32=1.03, speedup_low=0.98, speedup_high=1.09)
    (said,) = fastest_sentences([make_record(precision=Precision.FP32), int8])
    assert "no difference beyond noise between INT8 and FP32" in said
    assert "interval 0.98 to 1.09" in said
    assert said.endswith("INT8 loses 0.3 points of top1.")


def test_sentence_tells_slower_when_int8_is(make_record: Make) -> None:
    int8 = make_record(latency_mean_ms=24.8, speedup_vs_fp32=0.5, speedup_low=0.48, speedup_high=0.52)
    (said,) = fastest_sentences([make_record(precision=Precision.FP32), int8])
    assert "INT8 is 2x slower than FP32 (12.4 -> 24.8 ms" in said
    assert "faster" not in said


def test_sentence_claims_nothing_when_there_is_no_interval(make_record: Make) -> None:
    int8 = make_record(speedup_low=None, speedup_high=None)
    (said,) = fastest_sentences([make_record(precision=Precision.FP32), int8])
    assert "no interval to tell it from noise" in said
    assert "faster" not in said


def test_sentence_tells_noise_when_the_drop_interval_holds_zero(make_record: Make) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(drop_low=-0.2)]
    assert "its loss of 0.3 points of top1 is within noise" in fastest_sentences(rows)[0]


def test_sentence_tells_the_same_metric_when_nothing_was_lost(make_record: Make) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(metric_drop=0.0, drop_low=0.0, drop_high=0.0)]
    assert fastest_sentences(rows)[0].endswith("at the same top1.")


def test_sentence_names_bf16_when_it_beats_int8(make_record: Make) -> None:
    bf16 = make_record(
        precision=Precision.BF16, latency_mean_ms=3.0, speedup_vs_fp32=4.1, speedup_low=4.0, speedup_high=4.2,
        metric_drop=0.0,
    )  # fmt: skip
    said = fastest_sentences([make_record(precision=Precision.FP32), make_record(), bf16])
    assert said[1].startswith("onnxruntime on cpu: BF16 is faster than INT8 (3 against 4 ms")


def test_sentence_tells_no_difference_when_bf16_and_int8_overlap(make_record: Make) -> None:
    bf16 = make_record(
        precision=Precision.BF16, latency_mean_ms=3.9, speedup_vs_fp32=3.15, speedup_low=3.1, speedup_high=3.2
    )
    said = fastest_sentences([make_record(precision=Precision.FP32), make_record(), bf16])
    assert "no difference beyond noise between BF16 and INT8" in said[1]


def test_sentence_names_the_method_when_there_are_several(make_record: Make) -> None:
    rows = [make_record(precision=Precision.FP32), make_record(), make_record(variant="mse", latency_mean_ms=3.0)]
    assert "INT8 static (mse) is" in fastest_sentences(rows)[0]


def test_sentence_gives_the_reason_once_when_nothing_was_measured(all_unavailable: list[Record]) -> None:
    why = "unavailable (no NVIDIA GPU; install a driver)"
    assert fastest_sentences(all_unavailable) == [f"tensorrt on gpu: INT8 was not measured: {why}."]


def test_sentence_knows_no_speedup_when_fp32_failed(make_record: Make) -> None:
    fp32 = make_record(precision=Precision.FP32, status=Status.CRASHED, reason="signal 6")
    (said,) = fastest_sentences([fp32, make_record(speedup_vs_fp32=None)])
    assert "INT8 takes 4 ms (runtime, 1 thread); FP32 was not measured" in said


def test_sentences_are_none_when_nothing_was_quantized(make_record: Make) -> None:
    assert fastest_sentences([make_record(precision=Precision.FP32)]) == []


def test_sentence_compares_with_the_untouched_fp32_when_a_method_made_a_float_model(
    make_record: Make, make_pruned: Make
) -> None:
    int8, pruned = fastest_sentences([make_pruned(), make_record(), make_record(precision=Precision.FP32)])
    assert "INT8 is 3.1x faster than FP32 (12.4 -> 4 ms" in int8
    assert pruned == (
        "onnxruntime on cpu: FP32 prune (flops0.5) is 1.55x faster than FP32 (12.4 -> 8 ms, runtime, 1 thread) for 0.5 points of top1."
    )


def test_sentence_names_the_method_when_a_made_float_model_is_slower(make_record: Make, make_pruned: Make) -> None:
    slow = make_pruned(speedup_vs_fp32=0.8, speedup_low=0.7, speedup_high=0.9)
    (said,) = fastest_sentences([make_record(precision=Precision.FP32), slow])
    assert said.endswith("FP32 prune (flops0.5) loses 0.5 points of top1.")


def test_sentence_does_not_take_a_made_bf16_for_the_untouched_one_when_it_beats_int8(
    make_record: Make, make_pruned: Make
) -> None:
    rows = [make_record(precision=Precision.FP32), make_record()]
    said = fastest_sentences([*rows, make_pruned(precision=Precision.BF16, latency_mean_ms=3.0)])
    assert [sentence.split(" is ")[0] for sentence in said] == [
        "onnxruntime on cpu: INT8", "onnxruntime on cpu: BF16 prune (flops0.5)",
    ]  # fmt: skip
