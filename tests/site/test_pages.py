"""What is laid out for Sphinx: the same folders, without solutions where they are not wanted, without this machine's paths."""

from pathlib import Path

import pytest

from docs.site.pages import NOT_EXECUTED, POINTER, lay_out


def test_lay_out_keeps_the_places_of_documents_and_of_what_they_link_to_when_read(checkout, tmp_path):
    lay_out(checkout, tmp_path / "pages", executed={}, solutions=True)
    found = {str(file.relative_to(tmp_path / "pages")) for file in (tmp_path / "pages").rglob("*") if file.is_file()}
    assert found == {
        "index.md", "README.md", "README.zh-CN.md", "CHANGELOG.md", "environment.yml", "data/README.md", "docs/tasks.md",
        "examples/nanodet/README.md", "notebooks/first.ipynb", "notebooks/index.ipynb", "notebooks/second.ipynb",
    }  # fmt: skip


@pytest.mark.parametrize("solutions", [True, False])
def test_lay_out_shows_solutions_when_they_are_wanted(checkout, tmp_path, solutions):
    lay_out(checkout, tmp_path / "pages", executed={}, solutions=solutions)
    text = (tmp_path / "pages/notebooks/first.ipynb").read_text()
    assert ("found by one who thought" in text, "hide-cell" in text, POINTER in text) == (solutions,) * 3


def test_pointer_to_solutions_is_the_courses_own_when_it_is_read():
    assert POINTER in (Path(__file__).parents[2] / "notebooks" / "10_dynamic_vs_static.ipynb").read_text()


def test_lay_out_leaves_out_where_this_machine_kept_results_when_a_copy_is_executed(checkout, tmp_path):
    executed = {"second": checkout / "notebooks" / "second.ipynb"}
    lay_out(checkout, tmp_path / "pages", executed=executed, solutions=True)
    text = (tmp_path / "pages/notebooks/second.ipynb").read_text()
    assert "/elsewhere" not in text
    assert str(checkout) not in text
    assert "runs/demo" in text


def test_lay_out_says_so_when_a_notebook_was_not_executed(checkout, tmp_path):
    lay_out(checkout, tmp_path / "pages", executed={"second": checkout / "notebooks/second.ipynb"}, solutions=True)
    noted = [
        name for name in ("first", "second") if NOT_EXECUTED in (tmp_path / f"pages/notebooks/{name}.ipynb").read_text()
    ]
    assert noted == ["first"]
