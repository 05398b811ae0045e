"""What all views share: the fallback without widgets, guarded callbacks, controls that move by themselves."""

import ipywidgets as widgets
import pytest

from workbench import callbacks
from workbench.errors import InputError
from workbench.pipeline import VerdictFailed
from workbench.pipeline.verdict import write_verdict
from workbench.ui.markup import bullets, folded, heading, paragraph, picture, preformatted
from workbench.ui.view import View

HOSTILE = "<img src=x onerror=alert(1)>"


class Doubler(View):
    """Shows twice a number; `break_at` is one that it cannot double."""

    def __init__(self, break_at=None, error=ValueError):
        super().__init__()
        self.number = widgets.Dropdown(options=[1, 2, 3], description="Number")
        self.shown = widgets.HTML()
        self.seen = []
        self.break_at, self.error = break_at, error
        self.number.observe(self.guard(self.redraw), names="value")
        self.content = (self.number, self.shown)

    def redraw(self, change):
        self.seen.append(change["new"])
        if change["new"] == self.break_at:
            raise self.error(f"cannot double {change['new']}: {HOSTILE}")
        self.shown.value = paragraph(str(2 * change["new"]))

    def static_html(self):
        return paragraph(f"twice {self.number.value} {HOSTILE}")


def test_view_has_widgets_and_the_same_without_them_when_it_is_displayed():
    bundle = Doubler()._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"].count("twice 1 &lt;img src=x") == 1


def test_callback_is_shown_logged_and_remembered_when_it_raises(caplog):
    view = Doubler(break_at=2)
    view.number.value = 2
    shown = view.children[0].value
    assert 'role="alert"' in shown
    assert "ValueError: cannot double 2: &lt;img" in shown
    assert "Traceback" in shown
    assert "<img" not in shown
    (line,) = callbacks.raised()
    assert line == f"a callback of Doubler raised ValueError: cannot double 2: {HOSTILE}"
    assert line in caplog.text


def test_alert_goes_when_the_callback_succeeds_again_but_stays_remembered():
    view = Doubler(break_at=2)
    view.number.value = 2
    view.number.value = 3
    assert view.children[0].value == ""
    assert len(callbacks.raised()) == 1


def test_bad_input_is_one_line_and_no_failure_when_a_person_gave_it():
    view = Doubler(break_at=2, error=InputError)
    view.number.value = 2
    assert "cannot double 2" in view.children[0].value
    assert "Traceback" not in view.children[0].value
    assert callbacks.raised() == []


@pytest.mark.parametrize("error", [ValueError, InputError])
def test_failure_is_found_when_the_controls_are_exercised(error):
    (line,) = Doubler(break_at=3, error=error).exercise()
    assert line.startswith(f"a callback of Doubler raised {error.__name__}: cannot double 3")


def test_controls_are_back_where_they_were_when_they_were_exercised():
    view = Doubler()
    assert view.exercise() == []
    assert view.seen == [3, 1]


def test_unguarded_callback_is_found_too_when_the_controls_are_exercised():
    view = Doubler()
    view.number.observe(lambda change: 1 / 0, names="value")
    assert view.exercise() == ["a callback of Doubler raised ZeroDivisionError: division by zero"]


@pytest.mark.parametrize(
    ("control", "values"),
    [
        (widgets.Checkbox(), [True, False]),
        (widgets.SelectMultiple(options=["a", "b"], value=["a"]), [(), ("b",), ("a",)]),
        (widgets.SelectMultiple(), []),
        (widgets.Dropdown(options=["only"]), []),
        (widgets.BoundedIntText(value=1, min=1, max=9), [9, 1]),
        (widgets.ToggleButtons(options=["a", "b"]), ["b", "a"]),
        (widgets.Dropdown(options=["a", "b"], disabled=True), []),
        (widgets.IntProgress(value=1), []),
        (widgets.Text("typed"), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_control_moves_away_and_back_when_it_is_exercised(control, values):
    view, seen = View((widgets.HBox([control]),)), []
    control.observe(lambda change: seen.append(change["new"]), names="value")
    view.exercise()
    assert seen == values


def test_controls_move_by_themselves_when_nobody_watches(monkeypatch):
    view = Doubler()
    view._repr_mimebundle_()
    assert view.seen == []
    monkeypatch.setenv(callbacks.EXERCISE, "1")
    bundle = view._repr_mimebundle_()
    assert view.seen == [3, 1]
    assert set(bundle) == {"text/plain", "text/html"}


def test_static_html_is_guarded_when_it_raises():
    bundle = View()._repr_mimebundle_()
    assert "NotImplementedError" in bundle["text/html"]
    assert len(callbacks.raised()) == 1


def test_verdict_is_bad_when_a_callback_raised(tmp_path):
    path = tmp_path / "result.json"
    assert write_verdict(path, reasons=[], details={})["verdict"] == "passed"
    Doubler(break_at=3).exercise()
    with pytest.raises(VerdictFailed, match="a callback of Doubler raised ValueError"):
        write_verdict(path, reasons=[], details={})
    assert '"verdict": "failed"' in path.read_text()


@pytest.mark.parametrize("made", [paragraph, heading, preformatted, lambda text: bullets([text])])
def test_text_is_shown_as_text_when_it_holds_html(made):
    assert "&lt;img src=x" in made(HOSTILE)
    assert "<img" not in made(HOSTILE)


def test_text_is_no_formula_when_it_holds_dollars():
    assert paragraph("$x$") == paragraph("").replace("></p>", "><span>$</span>x<span>$</span></p>")


def test_attributes_hold_when_the_text_has_quotes():
    assert 'alt="&quot; onload=&quot;x"' in picture(b"", alt='" onload="x')
    assert "<summary>&lt;b&gt;</summary>" in folded("<b>", "x")
