"""JupyterLab in a browser: it asks for the token, the course's notebooks run, and views follow the hand."""

import re

from playwright.sync_api import expect


def test_lab_asks_for_the_token_and_opens_with_it_when_visited(page, lab):
    page.goto(lab.url("/lab", token=""))
    assert page.url.startswith(lab.url("/login", token=""))
    page.goto(lab.url("/lab"))
    page.locator("#jp-main-dock-panel").wait_for()


def test_lab_runs_the_index_when_all_cells_are_run(page, run_notebook, shoot):
    run_notebook("index")
    page.get_by_text("'verdict': 'passed'").wait_for()
    page.get_by_role("heading", name="十次课").wait_for()
    shoot("lab-index", is_lab=True)
    assert page.get_by_text("Jupyter news").count() == 0


def test_lab_runs_the_report_when_all_cells_are_run(page, run_notebook, shoot):
    run_notebook("05_report")
    page.get_by_text("'verdict': 'passed'").wait_for()
    pictures = page.locator(".jp-Notebook .jp-OutputArea img")
    assert all(pictures.nth(number).get_attribute("alt") for number in range(pictures.count()))
    shoot("lab-report", is_lab=True)


def test_explore_redraws_plot_and_sentence_when_backend_and_precision_are_changed(page, run_notebook, shoot):
    run_notebook("explore", code="from workbench import ui\n\nui.explore('runs/tiny')")
    view = page.locator(".workbench-view")
    plot, sentences = view.locator("img[alt]").first, view.locator("p")
    shown = [(sentences.first.inner_text(), plot.get_attribute("alt"))]
    assert shown[0][0].startswith("On this CPU, ")
    shoot("lab-explore", is_lab=True)
    # Of so small a network onnxruntime's INT8 is by far the fastest, so the sentence is about it.
    for name in ("onnxruntime", "INT8"):
        view.get_by_role("checkbox", name=name, exact=True).uncheck()
        expect(plot).not_to_have_attribute("alt", shown[-1][1])
        shown.append((sentences.first.inner_text(), plot.get_attribute("alt")))
    told = ["onnxruntime" in sentence for sentence, _ in shown]
    drawn = [("onnxruntime" in alternative, "INT8" in alternative) for _, alternative in shown]
    assert (told, drawn) == ([True, False, False], [(True, True), (False, True), (False, False)])
    assert "INT8 row" in shown[2][0]


def test_explore_sorts_and_filters_its_table_by_keyboard_and_hand_when_asked(page, run_notebook):
    run_notebook("explore_table", code="from workbench import ui\n\nui.explore('runs/tiny')")
    table = page.locator(".workbench-view table.dataTable").last
    page.get_by_role("searchbox").fill("onnxruntime")
    page.get_by_text(re.compile("filtered from")).wait_for()
    assert all("onnxruntime" in row for row in table.locator("tbody tr").all_inner_texts())


def test_explore_shows_hostile_names_as_text_when_a_model_has_one(page, run_notebook, hostile_name, shoot):
    run_notebook("hostile", code="from workbench import ui\n\nui.explore(['runs/hostile', 'runs/tiny'])")
    page.locator(".workbench-view").get_by_text(hostile_name).first.wait_for()
    shoot("lab-hostile", is_lab=True)
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "hostile"


def test_view_shows_what_its_callback_raised_in_one_line_when_it_does(page, run_notebook):
    code = """import ipywidgets as widgets
from workbench.ui.view import View


class Failing(View):
    def static_html(self):
        return ""


view = Failing()
button = widgets.Button(description="Press")
button.on_click(view.guard(lambda _: 1 / 0))
view.content = (button,)
view"""
    run_notebook("failing", code=code)
    page.get_by_role("button", name="Press").click()
    page.get_by_role("alert").filter(has_text="ZeroDivisionError: division by zero").wait_for()
