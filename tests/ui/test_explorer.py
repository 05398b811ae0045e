"""`explore`: choosing rows changes pictures, sentence and table; nothing is dropped without a word."""

import base64
import json
import re
import subprocess
import sys

import pytest

from workbench import callbacks
from workbench.errors import InputError
from workbench.records import Precision, Scope, read_records
from workbench.ui import explore
from workbench.ui.run_pictures import drawn_rows

HOSTILE = "<img src=x onerror=alert(1)>"


def tick(view, title, *values):
    """Leave only these values ticked."""
    for value, box in view.choices[title].boxes.items():
        box.value = value in values


def pictures(html):
    """The SVG pictures in some HTML, as text."""
    return [base64.b64decode(data).decode() for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)]


def test_explore_shows_all_rows_when_it_is_opened(write_run):
    view = explore(write_run())
    assert len(view.chosen) == 12
    assert set(view.choices) == {"Method", "Backend", "Device", "Precision", "Scope"}
    assert "INT8 static (hist) on openvino is 2.4x faster than FP32 there for 0.4 points of top1" in view._summary.value
    assert len(pictures(view._pictures.value)) == 6
    assert len(view._table.df) == 12


def test_explore_redraws_everything_when_a_backend_is_chosen(write_run):
    view = explore(write_run())
    tick(view, "Backend", "onnxruntime")
    assert "INT8 static (hist) on onnxruntime is 2.4x faster" in view._summary.value
    assert "openvino" not in "".join(pictures(view._pictures.value)) + view._pictures.value
    assert set(view._table.df["Backend"]) == {"onnxruntime"}
    assert callbacks.raised() == []


def test_explore_says_that_a_float_is_faster_still_when_it_is(write_run, make_row, rows):
    view = explore(write_run([*rows, make_row("openvino", Precision.BF16, Scope.RUNTIME)]))
    assert "for 0.4 points of top1; BF16 is faster still" in view._summary.value


def test_explore_lists_what_was_not_measured_with_its_reason_when_shown(write_run):
    view = explore(write_run())
    assert "no NVIDIA GPU; install a driver" in view._below.value
    assert "no NVIDIA GPU; install a driver" in view.static_html()
    assert view.choices["Backend"].boxes["tensorrt"].tooltip == "Backend: tensorrt, 4 rows, none measured"


def test_explore_says_why_nothing_is_shown_when_no_value_is_ticked(write_run):
    view = explore(write_run())
    tick(view, "Precision")
    assert "nothing is ticked under Precision" in view._summary.value
    assert view._pictures.value == view._below.value == ""
    tick(view, "Precision", "FP32")
    tick(view, "Method", "static (hist)")
    assert "none has all that is ticked" in view._summary.value
    assert callbacks.raised() == []


def test_explore_says_what_it_cannot_draw_when_latency_was_not_measured(write_run, make_row):
    none = {"latency_p50_ms": None, "latency_mean_ms": None, "latency_p99_ms": None, "speedup_vs_fp32": None}
    view = explore(
        write_run([make_row("onnxruntime", p, Scope.RUNTIME, **none) for p in (Precision.FP32, Precision.INT8)])
    )
    assert "Latency of each precision is not drawn: no chosen row has the figures." in view._pictures.value
    assert "the latency of INT8 was not measured" in view._summary.value
    assert len(pictures(view._pictures.value)) == 2


def test_explore_says_that_nothing_was_measured_when_all_is_unavailable(write_run, make_unavailable):
    view = explore(write_run([make_unavailable("tensorrt", Precision.INT8, scope) for scope in Scope]))
    assert "None of these rows was measured." in view._summary.value
    assert "install a driver" in view._below.value


def test_explore_says_how_many_bars_it_draws_when_there_are_many(write_run, make_row):
    rows = [
        make_row("onnxruntime", Precision.INT8, Scope.RUNTIME, variant=f"v{i}", latency_p50_ms=40.0 - i)
        for i in range(40)
    ]
    view = explore(write_run(rows))
    assert "The bars are of 30 of 40 measured rows, where the fastest are" in view._pictures.value
    assert "static (v9)" not in pictures(view._pictures.value)[0]
    assert "static (v10)" in pictures(view._pictures.value)[0]


def test_explore_draws_whole_groups_when_there_are_many(write_run, make_row):
    places = [
        (backend, precision, scope)
        for backend in "abcdefgh"
        for precision in (Precision.FP32, Precision.INT8)
        for scope in Scope
    ]
    rows = [make_row(*place, model=model) for model in ("m", "n") for place in places]
    view = explore(write_run(rows))
    drawn = drawn_rows(view.chosen)
    assert len(drawn) == 30
    assert sum(row.is_baseline for row in drawn) == 15


def test_explore_waits_for_results_when_the_run_goes_on(write_run, tmp_path):
    folder = tmp_path / "going"
    (folder / "jobs").mkdir(parents=True)
    (folder / "stages").mkdir()
    (folder / "stages" / "quantize.json").write_text("{}")
    view = explore(folder)
    assert "going: no results yet (stages finished: quantize)" in view._summary.value
    write_run(name="going")
    view._again.click()
    assert len(view.chosen) == 12
    assert "no results yet" not in view._summary.value


def test_explore_refuses_in_one_line_when_the_folder_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"run '.*nowhere': no run folder there or in .*; give one such as runs/demo"):
        explore(tmp_path / "nowhere")
    with pytest.raises(InputError, match="runs: none given"):
        explore([])


def test_explore_tells_runs_apart_when_several_are_given(write_run):
    view = explore([write_run(name="a"), write_run(name="b")])
    assert set(view.choices["Model"].boxes) == {"a: digits", "b: digits"}
    assert "a: digits: On " in view._summary.value


def test_explore_finds_a_run_by_its_path_from_the_checkout_when_the_notebook_is_elsewhere(
    write_run, tmp_path, monkeypatch
):
    for name in ("notebooks", "runs"):
        (tmp_path / name).mkdir()
    (tmp_path / "pyproject.toml").touch()
    write_run(name="runs/demo")
    monkeypatch.chdir(tmp_path / "notebooks")
    assert len(explore("runs/demo").chosen) == len(explore("demo").chosen) == 12


def test_explore_saves_beside_the_plots_and_says_where_when_asked(write_run):
    folder = write_run()
    view = explore(folder)
    tick(view, "Backend", "onnxruntime")
    png, csv = view.content[-2].children[-2:]
    csv.click()
    assert f"Saved in {folder}/explore: results.csv, results.json." in view._said.value
    assert {one.backend for one in read_records(folder / "explore")} == {"onnxruntime"}
    png.click()
    assert (folder / "explore" / "latency.png").read_bytes().startswith(b"\x89PNG")
    assert len(read_records(folder)) == 12
    assert callbacks.raised() == []


def test_explore_offers_no_saving_when_it_may_not(write_run):
    assert len(explore(write_run(), can_save=False).content[-2].children) == 2


def test_explore_says_so_in_one_line_when_it_cannot_save(write_run):
    folder = write_run()
    view = explore(folder)
    (folder / "explore").touch()
    view.content[-2].children[-1].click()
    assert "cannot be written" in view.children[0].value
    assert callbacks.raised() == []


def test_explore_copies_sentence_and_table_when_asked(write_run):
    view, sent = explore(write_run()), []
    button = view.content[-2].children[1]
    button.send = sent.append
    button._asked(button, {"kind": "asked"}, [])
    (message,) = sent
    assert message["text"].startswith("- On the CPU of machine m1, INT8 static (hist) on openvino is 2.4x faster")
    assert message["text"].count("\n| ") == 14
    assert "| tensorrt | gpu | INT8 |" not in view._said.value.replace("&#x27;", "'").split("<pre")[0]


def test_explore_survives_when_every_control_is_moved(write_run):
    view = explore(write_run())
    assert view.exercise() == []
    assert len(view.chosen) == 12


def test_explore_shows_hostile_names_as_text_when_a_run_has_them(write_run, make_row, make_unavailable):
    names = {"model": HOSTILE, "variant": HOSTILE, "metric_name": HOSTILE, "machine_id": HOSTILE}
    rows = [
        make_row(backend, p, Scope.RUNTIME, **names)
        for backend in (HOSTILE, "b")
        for p in (Precision.FP32, Precision.INT8)
    ]
    rows.append(
        make_unavailable(HOSTILE, Precision.INT8, Scope.RUNTIME).model_copy(
            update={"reason": HOSTILE, "model": HOSTILE}
        )
    )
    view = explore(write_run(rows, machine={"machine_id": HOSTILE, "cpu": {"model": HOSTILE, "cores": 1}}))
    shown = [
        view._summary.value,
        view._pictures.value,
        view._below.value,
        view.static_html(),
        view._repr_mimebundle_()["text/html"],
    ]
    shown += pictures(view._pictures.value)
    assert all("onerror=alert" in html for html in shown[1:])
    assert not [html for html in shown if "<img src=x" in html]
    assert "<img" not in json.dumps(view._table._dt_args)
    assert not any(box.description_allow_html for choice in view.choices.values() for box in choice.boxes.values())
    assert "<img" not in view.markdown()
    assert view.exercise() == []


def test_explore_loads_no_inference_runtime_when_it_is_opened(write_run):
    code = f"import sys\nfrom workbench import ui\nui.explore({str(write_run())!r}).static_html()\nprint(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    runtimes = {"onnxruntime", "openvino", "paddle", "paddle2onnx", "paddleslim", "tensorrt", "x2paddle"}
    assert not runtimes & set(finished.stdout.split())
