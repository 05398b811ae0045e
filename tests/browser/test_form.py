"""The form in a browser: a run is started, watched, cancelled, started again, and found after the page was loaded anew."""

import re

import pytest
from playwright.sync_api import expect

CODE = "from workbench import ui\n\nui.new_experiment()"


@pytest.mark.timeout(900)
def test_form_starts_cancels_and_finds_a_run_again_when_used_by_hand(page, run_notebook, workspace, shoot):
    run_notebook("form", code=CODE)
    view = page.locator(".workbench-view").first
    view.get_by_label("sample", exact=True).select_option("digits_mobilenet_v1_x0_25")
    view.get_by_role("checkbox", name=re.compile("only see that everything runs")).check()
    expect(view.get_by_text("The recipe is valid: ")).to_be_visible()
    start = view.get_by_role("button", name="Write the recipe and start")
    expect(start).to_be_enabled()
    shoot("lab-form", is_lab=True)
    start.click()

    said = view.get_by_role("status")
    cancel, again = view.get_by_role("button", name="Cancel"), view.get_by_role("button", name="Start again")
    expect(said.filter(has_text="stage 2 of 6")).to_be_visible()
    shoot("lab-form-running", is_lab=True)
    cancel.click()
    expect(said.filter(has_text="cancelled; starting again takes up where it stopped")).to_be_visible()
    again.click()
    expect(said.filter(has_text="stage 2 of 6")).to_be_visible()

    page.reload()
    run_notebook("form")
    expect(said.filter(has_text=re.compile("stage [2-6] of 6"))).to_be_visible()
    cancel.click()
    expect(said.filter(has_text="cancelled; ")).to_be_visible()
    assert len(list((workspace / "runs").glob("digits_mobilenet_v1_x0_25_int8*"))) == 1


def test_form_greys_what_this_machine_cannot_do_and_says_why_when_shown(page, run_notebook):
    run_notebook("form_places", code=CODE)
    view = page.locator(".workbench-view").first
    expect(view.get_by_text("no NVIDIA GPU").first).to_be_visible()
    assert view.locator("input[type=checkbox]:disabled").count() > 2
