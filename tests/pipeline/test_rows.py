"""What the rows and the secondary figures of a run hold of the proof that INT8 runs."""

import pytest

from workbench.records import Precision, read_metrics, read_records
from workbench.report.why_slow import TIME_SHARE

ON_CPU = ("paddle_inference", "onnxruntime")


@pytest.fixture(scope="module")
def rows(finished_run):
    found = [row for row in read_records(finished_run.folder) if row.backend in ON_CPU]
    assert {row.precision for row in found} == {Precision.FP32, Precision.INT8}
    return found


def test_every_cpu_row_tells_its_share_in_int8_when_a_run_is_finished(rows):
    assert all(row.int8_share == 0 for row in rows if row.precision is Precision.FP32)
    assert all(row.int8_share is not None and row.int8_share > 0.5 for row in rows if row.precision is Precision.INT8)


def test_quantized_rows_have_the_share_of_time_when_the_runtime_was_profiled(finished_run, rows):
    found = [metric for metric in read_metrics(finished_run.folder) if metric.name == TIME_SHARE]
    assert {(metric.backend, metric.precision) for metric in found} == {(name, Precision.INT8) for name in ON_CPU}
    assert all(0 < metric.value < 1 for metric in found)
    assert len(found) == sum(row.precision is Precision.INT8 for row in rows)
