"""The page of finished runs in a browser: it asks for the token, follows the hand, and changes nothing on disk."""


def test_app_shows_a_run_and_changes_nothing_when_a_reader_looks_around(page, app, workspace, hostile_name, shoot):
    before = {path: path.stat().st_mtime_ns for path in (workspace / "runs").rglob("*")}
    page.goto(app.url("/", token=""))
    assert page.url.startswith(app.url("/login", token=""))
    page.goto(app.url("/"))
    page.get_by_text("On this CPU, ").first.wait_for()
    assert page.get_by_role("button", name="Save").count() == 0
    assert page.locator(".jp-CodeCell .jp-InputArea:visible").count() == 0
    shoot("app")
    page.get_by_role("checkbox", name="INT8", exact=True).uncheck()
    page.get_by_text("no INT8 row").first.wait_for()
    page.get_by_label("Run", exact=True).select_option("hostile")
    page.get_by_text(hostile_name).first.wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() != "hostile"
    assert {path: path.stat().st_mtime_ns for path in (workspace / "runs").rglob("*")} == before


def test_app_is_dark_when_asked(page, app, shoot):
    page.goto(app.url("/?theme=dark"))
    page.get_by_text("On this CPU, ").first.wait_for()
    assert page.locator("body.theme-dark").count() == 1
    shoot("app-dark-theme")
