"""What the plots on weight-only quantization say of hand-made rows."""

import re

import pytest

from workbench.lessons.weight_only import show_rounding_noise, show_sizes, show_speedups
from workbench.records import Device, Precision, Record, Scope, Status

ROW = {"model": "tiny", "backend": "onnxruntime", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK}


@pytest.fixture
def rows():
    """FP32, its weights in 8 bits, and static INT8."""
    fp32 = Record(**ROW, model_digest="a", precision=Precision.FP32, model_size_mb=4.0, speedup_vs_fp32=1.0)
    figures = {"latency_p50_ms": 8.0, "speedup_low": 0.9, "speedup_high": 1.1}
    made = fp32.model_copy(update=figures | {"model_digest": "b", "method": "dynamic", "variant": "w8", "int8_share": 0.0, "model_size_mb": 1.0})  # fmt: skip
    fast = {
        "method": "static",
        "variant": "hist",
        "precision": Precision.INT8,
        "int8_share": 1.0,
        "speedup_vs_fp32": 2.5,
    }
    return [fp32, made, made.model_copy(update=fast | {"model_digest": "c"})]


def alternative(html):
    return re.search(r' alt="([^"]+)">', html.data).group(1)


def test_rounding_noise_says_what_a_bit_gains_when_drawn(tmp_path):
    said = alternative(show_rounding_noise(range(2, 5), {"one scale": [6.0, 12.5, 18.0]}, folder=tmp_path))
    assert "From 2 to 4 bits: one scale, 6.00 dB a bit" in said
    assert (tmp_path / "plots" / "rounding_noise.png").read_bytes().startswith(b"\x89PNG")


def test_sizes_say_each_model_once_with_its_share_when_it_runs_on_two_backends(rows, tmp_path):
    twice = [*rows, *(row.model_copy(update={"backend": "openvino"}) for row in rows)]
    said = alternative(show_sizes(twice, folder=tmp_path))
    assert "Of FP32's 4 MB" in said.replace("&#x27;", "'")
    assert said.count("dynamic (w8) 25%") == 1


def test_speedups_say_ratio_and_integer_share_of_each_model_but_fp32_when_drawn(rows, tmp_path):
    said = alternative(show_speedups(rows, folder=tmp_path))
    assert "INT8 static (hist) on onnxruntime 2.50x, 8 ms" in said
    assert "FP32 dynamic (w8) 0%, INT8 static (hist) 100%" in said
    assert "machine" in said


def test_speedups_leave_out_what_was_not_measured_when_a_backend_is_missing(rows, tmp_path):
    missing = Record(**ROW | {"backend": "openvino", "status": Status.UNAVAILABLE}, precision=Precision.INT8, method="static", reason="no openvino")  # fmt: skip
    assert "openvino" not in alternative(show_speedups([*rows, missing], folder=tmp_path))
