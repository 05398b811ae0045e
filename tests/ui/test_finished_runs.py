"""The page of finished runs shows the newest first, moves to another, and offers no way to change one."""

import os

import ipywidgets as widgets
import pytest

from workbench.ui.finished_runs import finished_runs
from workbench.ui.markup import paragraph


def inside(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)


@pytest.fixture
def two_runs(tmp_path, write_run, make_row, monkeypatch):
    (tmp_path / "runs").mkdir()
    for age, name in enumerate(("new", "old")):
        folder = write_run(name=f"runs/{name}")
        os.utime(folder, (1e9 - age, 1e9 - age))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def test_finished_runs_shows_the_newest_and_moves_to_the_one_chosen_when_there_are_two(two_runs):
    view = finished_runs()
    choice, explorer = view.content
    assert (choice.options[0][0], choice.options[1][0]) == ("new", "old")
    assert explorer.chosen
    choice.index = 1
    assert view.content[1] is not explorer
    assert "old" in view.static_html()


def test_finished_runs_shows_no_other_run_when_the_chosen_one_cannot_be_read(two_runs):
    view = finished_runs()
    (two_runs / "old" / "results.json").write_text("{")
    view._choice.index = 1
    assert "results.json: not valid JSON" in view._alert.value
    assert view.static_html() == paragraph("Run old cannot be read.")
    assert view.content == (view._choice,)


def test_finished_runs_offers_the_others_when_the_newest_cannot_be_read(two_runs):
    (two_runs / "new" / "results.json").write_text("{")
    view = finished_runs()
    assert "results.json: not valid JSON" in view._alert.value
    view._choice.index = 1
    assert view.explorer.chosen
    assert view._alert.value == ""


def test_finished_runs_has_no_button_that_writes_when_looked_through(two_runs):
    before = sorted(path for path in two_runs.rglob("*"))
    buttons = [widget for widget in inside(finished_runs()) if isinstance(widget, widgets.Button)]
    assert [button.description for button in buttons] == ["Read again"]
    for button in buttons:
        button.click()
    assert sorted(path for path in two_runs.rglob("*")) == before


def test_finished_runs_says_how_to_make_one_when_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = finished_runs()
    assert "`make demo` makes one" in view.static_html()
    assert "`make demo` makes one" in view.content[0].value
