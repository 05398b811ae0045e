"""`compare`: what changed from one run to another, and nothing that is noise."""

import pytest

from workbench import callbacks
from workbench.errors import InputError
from workbench.records import Precision
from workbench.ui import compare

HOSTILE = "<img src=x onerror=alert(1)>"


def slower(row):
    """The row, INT8 on ONNX Runtime twice as slow."""
    is_it = row.precision is Precision.INT8 and row.backend == "onnxruntime"
    return row.model_copy(update={"latency_p50_ms": 10.0}) if is_it else row


@pytest.fixture
def view(write_run, rows):
    return compare(write_run(name="a"), write_run([slower(row) for row in rows], name="b"))


def test_compare_tells_what_became_slower_when_opened(view):
    assert "From a (A) to b (B), beyond the noise: 2 slower; " in view._summary.value
    assert "100 % slower (5 -&gt; 10 ms; change" in view._summary.value
    assert "data:image/svg+xml" in view._picture.value
    assert "+100 % (" in view._picture.value
    assert len(view._table.df) == len(view.differences)
    assert list(view._table.df["Verdict"][:2]) == ["slower", "slower"]


def test_compare_shows_only_changes_when_asked(view):
    view.only_changes.value = True
    assert [one.verdict for one in view.chosen] == ["slower", "slower"]
    view.choices["Backend"].boxes["onnxruntime"].value = False
    assert view.chosen == []
    assert "Nothing that is chosen was compared." in view._picture.value
    assert callbacks.raised() == []


def test_compare_refuses_latency_when_the_machines_differ(write_run, rows):
    other = [row.model_copy(update={"machine_id": "m2"}) for row in rows]
    view = compare(write_run(name="a"), write_run(other, name="b"))
    assert "latencies compare on one machine only" in view._summary.value
    assert "change of p50" not in view._picture.value


def test_compare_refuses_in_one_line_when_a_run_has_no_results(write_run, tmp_path):
    with pytest.raises(InputError, match="no run folder there"):
        compare(write_run(), tmp_path / "absent")
    (tmp_path / "going" / "jobs").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no results\.json in it"):
        compare(write_run(), tmp_path / "going")


def test_compare_survives_when_every_control_is_moved(view):
    assert view.exercise() == []


def test_compare_shows_hostile_names_as_text_when_a_run_has_them(write_run, make_row):
    names = {"model": HOSTILE, "variant": HOSTILE, "metric_name": HOSTILE}
    a = [make_row(HOSTILE, Precision.INT8, "runtime", **names)]
    view = compare(
        write_run(a, name="a"),
        write_run([a[0].model_copy(update={"latency_p50_ms": 90.0, "metric_name": "x"})], name="b"),
    )
    for html in (view._summary.value, view._picture.value, view.static_html()):
        assert "<img src=x" not in html
        assert "onerror=alert" in html
    assert "<img" not in str(view._table._dt_args)
