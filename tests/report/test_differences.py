"""A comparison in sentences, bars and a table: the same facts, with intervals."""

import pytest

from workbench.records import Precision, Status
from workbench.report.compare import compare_runs
from workbench.report.differences import (
    change_sentences,
    difference_panels,
    difference_table,
    panel_sentence,
    summary_of,
)


@pytest.fixture
def changed(make_record):
    """INT8 became slower, less accurate and larger; one row is lost, one was never there."""
    worse = {
        "latency_p50_ms": 5.0,
        "metric_value": 95.0,
        "metric_drop": 3.0,
        "drop_low": 2.7,
        "drop_high": 3.3,
        "model_size_mb": 3.0,
    }
    a = [
        make_record(precision=Precision.FP32),
        make_record(),
        make_record(backend="openvino"),
        make_record(backend="x", status=Status.FAILED),
    ]
    b = [
        make_record(precision=Precision.FP32),
        make_record(**worse),
        make_record(backend="openvino", status=Status.CRASHED, reason="SIGSEGV"),
    ]
    return compare_runs(a, b, same_machine=True)


def test_summary_counts_everything_when_rows_changed(changed):
    assert summary_of(changed, "old", "new") == (
        "From old (A) to new (B), beyond the noise: 1 slower, 1 less accurate, 1 larger, 1 missing in B; 3 the same within noise; 1 not compared."
    )


def test_summary_says_nothing_changed_when_it_did_not(one_backend):
    found = compare_runs(one_backend, one_backend, same_machine=True)
    assert "beyond the noise: nothing changed; 8 the same within noise." in summary_of(found, "a", "b")
    assert change_sentences(found) == []


def test_summary_says_why_when_the_machines_differ(one_backend):
    found = compare_runs(one_backend, one_backend, same_machine=False)
    assert "latencies compare on one machine only." in summary_of(found, "a", "b")
    assert "Latency" not in [panel.title for panel in difference_panels(found)]


def test_change_is_told_with_its_interval_when_it_is_beyond_noise(changed):
    lines = change_sentences(changed)
    assert len(lines) == 4
    assert "INT8 static (hist), runtime: 28.2 % slower (3.9 -> 5 ms; change 23.6 % to 32.8 %)" in lines[0] + lines[1]
    assert any(
        "2.7 points less accurate (97.7 -> 95 points; change 2.31 points to 3.09 points)" in line for line in lines
    )
    assert any("ok in A, crashed in B (SIGSEGV)" in line for line in lines)


def test_bars_have_their_interval_when_drawn(changed):
    panels = {panel.title: panel for panel in difference_panels(changed)}
    assert list(panels) == ["Latency", "Accuracy", "Model size"]
    slower = panels["Latency"].bars[-1]
    assert (slower.text, slower.place) == ("+28.2 %", "onnxruntime on cpu, runtime")
    assert slower.low == pytest.approx(23.6, abs=0.1)
    assert "Latency, onnxruntime on cpu, runtime, INT8 static (hist): +28.2 % (23.6 to 32.8)" in panel_sentence(
        list(panels.values())
    )


def test_table_has_every_difference_when_some_were_not_compared(changed):
    table = difference_table(changed)
    assert len(table) == len(changed) == 8
    assert set(table["Verdict"]) >= {"slower", "missing in B", "not compared", "the same within noise"}
    assert "not in B" in " ".join(table["Reason"])
