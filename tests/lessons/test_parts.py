"""The end-to-end time in its parts."""

from workbench.lessons.parts import show_parts, splits
from workbench.records import Device, Metric, Precision, Scope

SAME = {"model": "tiny", "model_digest": "d", "device": Device.CPU, "scope": Scope.END_TO_END, "unit": "ms"}


def metrics() -> list[Metric]:
    def rows(backend: str, precision: Precision, method: str, *values: float) -> list[Metric]:
        names = ("preprocess_ms", "run_ms", "postprocess_ms")
        row = SAME | {"backend": backend, "precision": precision, "method": method}
        return [Metric(**row, name=name, value=value) for name, value in zip(names, values, strict=True)]

    other = Metric(**SAME, backend="onnxruntime", precision=Precision.FP32, name="aa_control", value=1.0)
    return [
        *rows("onnxruntime", Precision.FP32, "none", 1, 10, 2),
        other,
        *rows("onnxruntime", Precision.INT8, "static", 1, 4, 2),
        *rows("openvino", Precision.INT8, "static", 1, 3, 2.5),
    ]


def test_splits_are_one_for_each_row_when_other_figures_stand_between():
    found = splits(metrics())
    assert [(split.place, split.label) for split in found] == [
        ("onnxruntime on cpu", "FP32"),
        ("onnxruntime on cpu", "INT8 static"),
        ("openvino on cpu", "INT8 static"),
    ]
    assert [split.total for split in found] == [13, 7, 6.5]


def test_parts_are_told_in_words_when_shown(tmp_path):
    shown = show_parts(metrics(), folder=tmp_path).data
    assert "onnxruntime on cpu, INT8 static: 1 + 4 + 2" in shown
    assert (tmp_path / "plots" / "parts.png").stat().st_size > 5000
