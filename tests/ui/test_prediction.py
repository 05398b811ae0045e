"""FP32 and INT8 on one sample: what is shown, what is said of the difference, and what happens to input that is none."""

import re

import numpy as np
import pytest

from workbench import callbacks, ui
from workbench.errors import InputError
from workbench.measure.predict import Shown
from workbench.pipeline.plan import Cell
from workbench.pipeline.predict import Answer, Answers, SampleList
from workbench.records import Device, Precision
from workbench.tasks.segmentation.class_maps import pack
from workbench.ui import prediction
from workbench.ui.prediction_picture import draw_answers
from workbench.ui.prediction_text import difference

HOSTILE = "<script>alert(1)</script>"
PNG = b"\x89PNG"


def cell(precision, model):
    return Cell(model, "static", "hist", "onnxruntime", Device.CPU, precision, False, 1, 1, False)


def answer(value, precision=Precision.FP32, model="fp32", **figures):
    return Answer(cell(precision, model), value, str(value), **{"run_ms": 4.0, "sqnr_db": None} | figures)


def pair(first, second):
    return [answer(first), answer(second, Precision.INT8, "static-hist", run_ms=2.0, sqnr_db=31.4)]


BOX = [1, 0.9, 10.0, 10.0, 50.0, 50.0]


@pytest.mark.parametrize(
    ("shown", "first", "second", "said"),
    [
        (Shown.RANKING, [2, 0, 1], [2, 0, 1], "the same 3 choices in the same order, bird first"),
        (Shown.RANKING, [2, 0, 1], [2, 1, 7], "the same first choice, bird; of the 3, 2 choices shared"),
        (Shown.RANKING, [2, 0, 1], [2, 1, 0], "the same first choice, bird, and the others in another order"),
        (Shown.RANKING, [2, 0], [0, 2], "another first choice, cat in place of bird; 2 choices shared"),
        (Shown.CLASS, 1, 1, "the same answer, dog"),
        (Shown.CLASS, 1, 9, "another answer, 9 in place of dog"),
        (Shown.OTHER, {"a": 1}, {"a": 2}, "another prediction"),
        (Shown.BOXES, [BOX], [BOX], "1 of the 1 box again, with scores that differ by at most 0.00; 0 lost, 0 new"),
        (Shown.BOXES, [BOX, [0, 0.5, 0, 0, 5, 5]], [[1, 0.7, 11, 10, 50, 50], [2, 0.3, 0, 0, 5, 5], [2, 0.1, 0, 0, 5, 5]],
         "1 of the 2 boxes again, with scores that differ by at most 0.20; 1 lost, 1 new"),
        (Shown.BOXES, [], [], "0 of the 0 boxes again; 0 lost, 0 new"),
        (Shown.CLASS_MAP, pack(np.zeros((2, 2), np.uint8)), pack(np.zeros((2, 2), np.uint8)), "the same class for every pixel"),
        (Shown.CLASS_MAP, pack(np.zeros((2, 2), np.uint8)), pack(np.array([[0, 0], [0, 1]], np.uint8)),
         "another class for 25.00% of the pixels, most of them dog in place of cat"),
    ],
)  # fmt: skip
def test_difference_is_told_in_words_when_two_models_answer(shown, first, second, said):
    told = difference(shown, ("cat", "dog", "bird"), *pair(first, second))
    assert told.startswith(f"INT8 static-hist against FP32: {said}. ")
    assert "31.4 dB above the noise" in told
    assert "takes 2 ms where FP32 takes 4 ms (2 times as fast" in told


@pytest.mark.parametrize(
    ("decibels", "said"),
    [
        (31.4, "The signal in the outputs is 31.4 dB above the noise of quantization. "),
        (-3.1, "The noise of quantization is 3.1 dB above the signal in the outputs. "),
        (300.0, "The outputs are equal. "),
        (None, ""),
    ],
)
def test_noise_is_told_by_which_is_larger_when_two_models_answer(decibels, said):
    told = difference(Shown.CLASS, ("cat",), answer(0), answer(0, Precision.INT8, "static-hist", sqnr_db=decibels))
    assert (
        told
        == f"INT8 static-hist against FP32: the same answer, cat. {said}A call takes 4 ms where FP32 takes 4 ms (1 times as fast; the fastest of five calls, no measurement)."
    )


@pytest.mark.parametrize(
    ("shown", "first", "second"),
    [
        (Shown.BOXES, [BOX], []),
        (Shown.CLASS_MAP, pack(np.zeros((60, 80), np.uint8)), pack(np.full((60, 80), 255, np.uint8))),
        (Shown.RANKING, [0], [1]),
    ],
)
def test_picture_is_drawn_when_the_sample_is_one(shown, first, second):
    picture = np.zeros((60, 80, 3), np.uint8)
    assert draw_answers(shown, (HOSTILE, "$x^$"), Answers(picture, pair(first, second)), title="a_b $").startswith(PNG)


# The view, on a finished run


@pytest.fixture(scope="module")
def view(finished_run):
    return ui.predict(finished_run.folder)


def test_view_offers_what_the_run_has_when_opened(view):
    assert view.backend.options == ("paddle_inference on cpu", "onnxruntime on cpu")
    assert [label for label, _ in view.model.options] == ["INT8 static-hist"]
    assert view.given.options == ("evaluation sample", "upload", "file on this machine")
    assert view.sample.options[1] == ("evaluation_001 (truth 1)", 1)


def test_view_shows_the_controls_of_the_chosen_input_alone_when_it_changes(view):
    controls = {"evaluation sample": view.sample, "upload": view.upload, "file on this machine": view.path}
    for chosen in (*controls, "evaluation sample"):
        view.given.value = chosen
        assert [name for name, control in controls.items() if control.layout.display != "none"] == [chosen]


def test_view_shows_both_answers_when_asked(view):
    view.backend.value, view.sample.value = "onnxruntime on cpu", 2
    view.ask.click()
    first, second = view.answers.answers
    assert [(a.cell.backend, a.cell.precision) for a in (first, second)] == [
        ("onnxruntime", "fp32"),
        ("onnxruntime", "int8"),
    ]
    assert first.sqnr_db is None
    assert second.sqnr_db > 5
    html = view.static_html()
    assert "INT8 static-hist against FP32: " in html
    assert re.search(r"<th [^>]*>FP32</th><th [^>]*>INT8 static-hist</th>", html)
    assert callbacks.raised() == []


def test_view_says_in_a_line_when_the_input_is_none(view, tmp_path):
    view.given.value = "upload"
    view.ask.click()
    assert "upload: no image yet; choose one" in view._alert.value
    view.given.value = "file on this machine"
    view.path.value = "7"  # what the tiny task reads
    view.ask.click()
    assert view._alert.value == ""
    view.given.value = "evaluation sample"
    assert callbacks.raised() == []


def test_no_callback_raises_when_the_view_is_exercised(view):
    assert view.exercise() == []


def test_folder_is_refused_in_a_line_when_it_is_no_run(tmp_path):
    with pytest.raises(InputError, match="no run folder there"):
        ui.predict(tmp_path)


@pytest.fixture
def faked(monkeypatch, finished_run):
    """A view whose task has such samples and answers."""

    def build(shown, samples, found):
        monkeypatch.setattr(prediction, "sample_list", lambda experiment: SampleList(samples, shown, [HOSTILE, "dog"]))
        monkeypatch.setattr(prediction, "answers", lambda *given, **options: found)
        return ui.predict(finished_run.folder)

    return build


def test_names_are_shown_as_text_when_they_are_hostile(faked):
    view = faked(
        Shown.RANKING,
        [{"key": HOSTILE, "text": "", "truth": ""}],
        Answers(np.zeros((8, 8, 3), np.uint8), pair([0, 1], [1, 0])),
    )
    view.ask.click()
    assert HOSTILE not in view.static_html()
    assert view.static_html().count("&lt;script&gt;") >= 3


def test_sentence_is_asked_for_when_the_task_takes_text(faked):
    view = faked(Shown.CLASS, [{"key": "a", "text": "one / two", "truth": "1"}], Answers(None, pair(0, 1)))
    assert view.given.options == ("evaluation sample", "sentence")
    assert view.sample.options[0] == ("one / two (truth 1)", 0)
    view.given.value = "sentence"
    view.first.value, view.second.value = "five", "six"
    assert view._input() == "five\tsix"
    view.ask.click()
    assert "another answer, dog in place of &lt;script&gt;" in view.static_html()
