"""Published tables beside our rows, and what the tables say against themselves."""

import pytest

from workbench.records import Device, Precision, Record, Scope, Status
from workbench.report.published import (
    FILE,
    HERE,
    PUBLISHED,
    PublishedRow,
    PublishedTable,
    contradictions,
    published,
    published_sections,
)

COMMON = {"model": "YOLOv7", "device": Device.CPU, "scope": Scope.RUNTIME, "status": Status.OK, "machine_id": "m1"}


def rows(backend="onnxruntime", *, fp32=200.0, int8=(80.0, 50.0), threads=1, model="YOLOv7", **more):
    """FP32 and as many INT8 rows of a model without trained weights."""
    shared = COMMON | {"backend": backend, "threads": threads, "model": model, "weights": "random", "repeats": 6} | more
    baseline = Record(**shared, precision=Precision.FP32, latency_mean_ms=fp32)
    found = [
        Record(**shared, precision=Precision.INT8, method="static", variant=str(number), latency_mean_ms=value)
        for number, value in enumerate(int8)
    ]
    return [baseline, *found]


def section(records, title):
    return next(one for one in published_sections(records) if one.title.startswith(title))


def lines(records, title, model):
    frame = section(records, title).frame
    return frame[frame["Model"].str.startswith(model)].to_dict("records")


def table(**row):
    full = {"model": "M", "backend": "onnxruntime", "device": Device.CPU} | row
    unit = full.pop("unit", "ms")
    return PublishedTable(
        name="t", title="T", source="s", scope=Scope.RUNTIME, unit=unit, hardware={}, rows=[PublishedRow(**full)]
    )


def test_published_data_is_valid_and_names_its_source_when_read():
    data = published()
    assert {one.name for one in data.tables} >= {
        "fastdeploy_runtime",
        "fastdeploy_end_to_end",
        "paddle_x86",
        "ernie_threads",
    }
    for one in data.tables:
        assert data.sources[one.source].url.startswith("https://")
        assert {row.device for row in one.rows} <= set(one.hardware)
    assert "/work/" not in FILE.read_text()


def test_our_row_stands_under_the_published_one_of_the_same_backend_when_there_is_one():
    records = rows("onnxruntime") + rows("paddle_inference", fp32=300.0, int8=(100.0,))
    found = [
        line
        for line in lines(records, "FastDeploy, runtime", "YOLOv7")
        if line["Backend"] in ("onnxruntime", "paddle_inference")
    ]
    pairs = [
        (line["Figures"], line["Backend"], line["FP32"], line["INT8"])
        for line in found
        if line["Hardware"] != "Tesla T4"
    ]
    published_first = pairs.index((PUBLISHED, "onnxruntime", 996.65, 467.15))
    assert pairs[published_first + 1] == (HERE, "onnxruntime", 200.0, 50.0)
    assert (HERE, "paddle_inference", 300.0, 100.0) in pairs
    ours = next(line for line in found if line["Figures"] == HERE and line["Backend"] == "onnxruntime")
    assert ours["Max speed-up"] == 4.0  # by the fastest INT8 row
    assert ours["Runs"] == 6
    assert ours["Model"] == "YOLOv7 (random weights)"


def test_published_figures_stay_as_they_are_when_there_are_rows_of_ours():
    alone = [line for line in lines([], "FastDeploy, runtime", "YOLOv7") if line["Figures"] == PUBLISHED]
    beside = [line for line in lines(rows(), "FastDeploy, runtime", "YOLOv7") if line["Figures"] == PUBLISHED]
    assert [(line["FP32"], line["INT8"], line["Max speed-up"]) for line in alone] == [
        (line["FP32"], line["INT8"], line["Max speed-up"]) for line in beside
    ]


def test_model_is_not_run_when_no_row_of_it_is_there():
    assert [
        line["FP32"] for line in lines(rows(), "FastDeploy, runtime", "ResNet50_vd") if line["Figures"] == HERE
    ] == ["not run"] * 4


def test_throughput_is_ours_too_when_the_table_is_in_images():
    (theirs, ours) = lines(
        rows("paddle_inference", model="VGG16", fp32=200.0, int8=(50.0,)),
        "Paddle, INT8 classifiers on x86 (Quant2)",
        "VGG16",
    )
    assert (theirs["FP32"], theirs["INT8"]) == (3.47, 10.20)
    assert (ours["FP32"], ours["INT8"], ours["Max speed-up"]) == (5.0, 20.0, 4.0)


def test_row_with_several_threads_meets_ours_with_several_when_threads_were_swept():
    records = rows("paddle_inference", model="ERNIE", fp32=100.0, int8=(40.0,))
    records += rows("paddle_inference", model="ERNIE", fp32=60.0, int8=(30.0,), threads=2)
    found = [(line["Figures"], line["Threads"], line["FP32"]) for line in lines(records, "Paddle, ERNIE", "ERNIE")]
    assert found == [(PUBLISHED, 1, 237.21), (HERE, 1, 100.0), (PUBLISHED, 20, 22.08), (HERE, 2, 60.0)]


def test_all_rows_of_ours_follow_when_the_table_has_the_model_on_other_devices_only():
    records = rows("onnxruntime", model="YOLOv3-DarkNet53") + rows("openvino", model="YOLOv3-DarkNet53")
    found = lines(records, "PaddleDetection's slim table, V100", "YOLOv3-DarkNet53")
    assert [(line["Figures"], line["Backend"]) for line in found] == [
        (PUBLISHED, "tensorrt"),
        (HERE, "onnxruntime"),
        (HERE, "openvino"),
    ]
    # But not under a GPU row of a model that the same table has on this machine's backend too.
    beside = [line for line in lines(rows(), "FastDeploy, runtime", "YOLOv7") if line["Figures"] == HERE]
    assert [(line["Backend"], line["FP32"]) for line in beside] == [
        ("tensorrt", "not run"),
        ("paddle_tensorrt", "not run"),
        ("onnxruntime", 200.0),
        ("paddle_inference", "not run"),
    ]


def test_reason_stands_in_the_row_when_ours_failed():
    failed = {"status": Status.FAILED, "reason": "no such operator"}
    (_, ours, *_) = lines(rows("tensorrt", device=Device.GPU, **failed), "FastDeploy, runtime", "YOLOv7")
    assert (ours["FP32"], ours["Why"]) == ("failed", "FP32: no such operator")
    assert ours["Max speed-up"] == ""


def test_notes_say_where_suppression_is_when_it_differs():
    notes = " ".join(section(rows(model="YOLOv3-DarkNet53", nms="outside"), "PaddleDetection's slim table, V100").notes)
    assert "NMS is not in the same place" in notes
    assert "YOLOv3-DarkNet53 (tensorrt: inside, here: outside)" in notes
    assert "NMS is not in the same place" not in " ".join(section(rows(), "Paddle, ERNIE").notes)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"fp32": 100.0, "int8": 50.0, "speedup": 2.0}, []),
        ({"fp32": 100.0, "int8": 50.0, "int8_fp16": 40.0, "speedup": 2.5}, []),
        ({"fp32": 100.0, "int8": 50.0, "speedup": 2.1}, ["M, onnxruntime on cpu: its figures give 2.00x, the table says 2.10x"]),
        ({"fp32": 10.0, "int8": 25.0, "speedup": 2.5, "unit": "images/s"}, []),
        ({"fp32": 10.0, "int8": 25.0, "speedup": 2.0, "unit": "images/s"}, ["M, onnxruntime on cpu: its figures give 2.50x, the table says 2.00x"]),
        ({"fp32": 10.0}, []),
    ],
)  # fmt: skip
def test_ratio_is_flagged_only_when_its_latencies_do_not_give_it(row, said):
    assert contradictions(table(**row)) == said


def test_end_to_end_is_flagged_when_it_is_not_above_its_runtime():
    ends = next(one for one in published().tables if one.name == "fastdeploy_end_to_end")
    said = [line for line in contradictions(ends) if "end to end" in line]
    assert "YOLOv7, onnxruntime on cpu: end to end in FP32 is 988.85 ms, below its runtime's 996.65 ms" in said
    assert any(line.startswith("YOLOv6s, paddle_inference on cpu: end to end in INT8") for line in said)
    assert not [line for line in said if line.startswith("ResNet50_vd")]
