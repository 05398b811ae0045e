"""The pages that Sphinx makes: nothing from other servers, views as HTML, text as text; a dead link stops it."""

import json
import re

import pytest

from docs.site.__main__ import build
from docs.site.pages import lay_out
from workbench.errors import WorkbenchError

pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")
LOADED = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"([^\"]*)|<link[^>]*\shref=\"([^\"]*)")


def built(checkout, tmp_path):
    executed = {"second": checkout / "notebooks" / "second.ipynb"}
    lay_out(checkout, tmp_path / "pages", executed=executed, solutions=False)
    build(tmp_path / "pages", tmp_path / "site", work=tmp_path)
    return tmp_path / "site"


def test_build_makes_pages_that_load_nothing_from_elsewhere_when_all_is_well(checkout, tmp_path):
    site = built(checkout, tmp_path)
    pages = {str(file.relative_to(site)): file.read_text() for file in site.rglob("*.html")}
    assert {"index.html", "search.html", "README.html", "notebooks/first.html", "notebooks/second.html"} <= pages.keys()
    loaded = [one or other for text in pages.values() for one, other in LOADED.findall(text)]
    assert len(loaded) > 20
    assert [address for address in loaded if "//" in address] == []
    assert "<math" in pages["notebooks/first.html"]
    assert 'href="second.html"' in pages["notebooks/first.html"]
    assert "<p>FP32 beside INT8</p>" in pages["notebooks/second.html"]
    assert "0/3" not in pages["notebooks/second.html"]
    assert "&lt;img src=x onerror" in pages["notebooks/second.html"]
    assert "<img src=x" not in pages["notebooks/second.html"]
    index = json.loads((site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    assert {"量化", "蒸馏", "训练"} <= index["titleterms"].keys()


def test_build_stops_and_keeps_the_old_site_when_a_link_is_dead(checkout, tmp_path, capfd):
    site = built(checkout, tmp_path)
    (checkout / "README.md").write_text("# About\n\n[gone](docs/gone.md)\n")
    with pytest.raises(WorkbenchError, match="not built"):
        built(checkout, tmp_path)
    assert "docs/gone.md" in capfd.readouterr().err
    assert (site / "README.html").is_file()
