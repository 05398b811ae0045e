"""The static course in a browser: its search finds words of both languages, and it works from a file as from a server."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Address of the pages, built with the notebooks as they are in git, and served by a web server that knows nothing of them."""
    from docs.site.__main__ import build
    from docs.site.pages import lay_out

    folder = tmp_path_factory.mktemp("site")
    lay_out(ROOT, folder / "pages", executed={}, solutions=False)
    build(folder / "pages", folder / "site", work=folder)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder / "site")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("wanted", "page_found"),
    [("calibration", "11. Calibration algorithms"), ("量化蒸馏", "量化"), ("词汇表", "Glossary")],
)
def test_site_finds_a_page_when_searched(page, site, shoot, wanted, page_found):
    page.goto(f"{site}/index.html")
    page.get_by_role("textbox", name="Search").fill(wanted)
    page.keyboard.press("Enter")
    results = page.locator("#search-results ul.search li")
    results.first.wait_for()
    assert any(page_found in text for text in results.all_inner_texts())
    shoot(f"site-search-{len(wanted)}")


def test_site_shows_formulas_and_code_when_a_lesson_is_opened(page, site, shoot):
    page.goto(f"{site}/notebooks/10_dynamic_vs_static.html")
    formula = page.locator("math").first
    assert formula.bounding_box()["height"] > 10
    shoot("site-lesson")
