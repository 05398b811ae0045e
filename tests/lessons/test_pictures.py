"""Pictures of the teaching notebooks: a file, and the words for who does not see it."""

from workbench.lessons.drops import show_drops
from workbench.lessons.losses import show_losses
from workbench.lessons.pictures import curve, show_charts
from workbench.records import Device, Precision, Record, Scope, Status
from workbench.report.series import Chart

PNG = b"\x89PNG\r\n"


def test_picture_is_saved_and_told_in_words_when_shown(tmp_path):
    chart = Chart("x", "y", [curve("a", range(3), [1, 2, 4], style=0)])
    shown = show_charts([chart], name="rise", title="A rise", seen='From 1 to "4".', folder=tmp_path).data
    assert (tmp_path / "plots" / "rise.png").read_bytes().startswith(PNG)
    assert 'alt="Chart: A rise. From 1 to &quot;4&quot;."' in shown


def test_losses_are_drawn_when_there_are_fewer_than_a_window(tmp_path):
    show_losses({"qat": [1.0, 0.5]}, window=8, axis="loss", guessing=2.3, seen="It falls by 0.5.", folder=tmp_path)
    assert (tmp_path / "plots" / "losses.png").read_bytes().startswith(PNG)


def test_drops_leave_out_fp32_when_drawn(tmp_path):
    same = {
        "model": "tiny",
        "backend": "onnxruntime",
        "device": Device.CPU,
        "scope": Scope.RUNTIME,
        "status": Status.OK,
    }
    rows = [
        Record(**same, precision=Precision.FP32, method="none", metric_name="top1", metric_drop=0.0),
        Record(**same, precision=Precision.INT8, method="qat", metric_name="top1", metric_drop=-0.5),
    ]
    shown = show_drops(rows, title="Lost", seen="qat gains 0.5 points.", folder=tmp_path).data
    assert "qat gains 0.5 points." in shown
