"""The one sentence of a run: no firmer than its intervals."""

import pytest

from workbench.records import Device, Precision, Scope, Status
from workbench.report.headline import headlines

INT8, FP32, BF16 = Precision.INT8, Precision.FP32, Precision.BF16


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "INT8 static (hist) on onnxruntime is 3.1x faster than FP32 there for 0.3 points of top1"),
        ({"drop_low": -0.1}, "3.1x faster than FP32 there; its loss of 0.3 points of top1 is within noise"),
        (
            {"speedup_vs_fp32": 1.01, "speedup_low": 0.9, "speedup_high": 1.1},
            "is as fast as FP32 there, within noise; INT8 loses",
        ),
        (
            {"speedup_vs_fp32": 0.5, "speedup_low": 0.4, "speedup_high": 0.6},
            "is 2x slower than FP32 there; INT8 loses 0.3",
        ),
    ],
)
def test_headline_tells_gain_and_cost_when_int8_was_measured(make_record, columns, said):
    (line,) = headlines([make_record(precision=FP32), make_record(**columns)], [])
    assert said in line
    assert line.endswith("(runtime, 1 thread, batch 1).")


def test_headline_names_the_float_when_it_is_faster_still(make_record):
    fast = make_record(precision=BF16, backend="openvino", latency_mean_ms=2.0, speedup_vs_fp32=6.0)
    (line,) = headlines([make_record(precision=FP32), make_record(), fast], [])
    assert "; BF16 on openvino is faster still (runtime" in line


def test_headline_names_fp32_once_when_int8_is_slower(make_record):
    slow = make_record(latency_mean_ms=20.0, speedup_vs_fp32=0.5, speedup_low=0.4, speedup_high=0.6)
    (line,) = headlines([make_record(precision=FP32), slow], [])
    assert "2x slower than FP32 there" in line
    assert "; FP32" not in line


@pytest.mark.parametrize(("here", "said"), [("m1", "On this CPU, "), ("m2", "On the CPU of machine m1, ")])
def test_headline_says_whose_cpu_it_was_when_measured_here_or_elsewhere(make_record, here, said):
    assert headlines([make_record(precision=FP32), make_record()], [], here=here)[0].startswith(said)


def test_headline_is_of_the_runtime_and_fewest_threads_when_there_are_more(make_record):
    rows = [
        make_record(precision=p, scope=scope, threads=threads)
        for p in (FP32, INT8)
        for scope in reversed(Scope)
        for threads in (4, 2)
    ]
    (line,) = headlines(rows, [])
    assert line.endswith("(runtime, 2 threads, batch 1).")


def test_headlines_are_one_for_each_model_and_device_when_several_were_measured(make_record):
    rows = [
        make_record(model=m, device=d, precision=p)
        for m in "ab"
        for d in (Device.CPU, Device.GPU)
        for p in (FP32, INT8)
    ]
    lines = headlines(rows, [], here="m1")
    assert [line.split(",")[0] for line in lines] == [f"{m}: On this {d}" for m in "ab" for d in ("CPU", "GPU")]


def test_headline_says_what_is_missing_when_int8_or_fp32_is_not_there(make_record, all_unavailable):
    assert headlines(all_unavailable, []) == ["None of these rows was measured."]
    assert "no INT8 row among these was measured" in headlines([make_record(precision=FP32)], [])[0]
    lone = make_record(speedup_vs_fp32=None, speedup_low=None, speedup_high=None)
    assert "takes 4 ms, and FP32 is not among these rows" in headlines([lone], [])[0]
    untimed = make_record(latency_mean_ms=None, status=Status.OK)
    assert "the latency of INT8 was not measured" in headlines([untimed], [])[0]
