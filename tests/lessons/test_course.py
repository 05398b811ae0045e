"""The learning path: its tables stand in the index, and every notebook has its place in it."""

import re

import nbformat
import pytest

from workbench.lessons.course import (
    NOT_MEASURED,
    index_texts,
    measured_times,
    missing_notebooks,
    read_course,
    show_machine,
    told_time,
)
from workbench.notebooks import NOTEBOOKS

FILES = sorted(NOTEBOOKS.rglob("*.ipynb"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CHAPTERS = [chapter for sitting in read_course() for chapter in sitting.chapters]


def test_index_holds_the_tables_when_read():
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOKS / "index.ipynb", 4).cells}
    for name, text in index_texts().items():
        assert cells[name] == text, "write them anew: python -m workbench.lessons.course"


def test_path_has_every_numbered_notebook_once_when_compared_with_the_folder():
    stems = [chapter.stem for chapter in CHAPTERS]
    assert sorted(stems) == sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb"))
    assert missing_notebooks() == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_chapter_has_the_notebooks_title_and_chinese_words_when_read(chapter):
    heading = nbformat.read(NOTEBOOKS / chapter.link, 4).cells[0].source.splitlines()[0]
    assert chapter.title.lower() in heading.lower()
    assert CHINESE.search(chapter.summary_zh)
    assert chapter.answers.endswith("?")


def test_times_name_notebooks_of_the_path_when_measured():
    assert set(measured_times()["seconds"]) <= {chapter.stem for chapter in CHAPTERS}


@pytest.mark.parametrize(("seconds", "said"), [(None, NOT_MEASURED), (3, "10 s"), (44, "40 s"), (150, "2.5 min")])
def test_time_is_rounded_when_told(seconds, said):
    assert told_time(seconds) == said


def test_machine_is_shown_by_its_cpu_when_asked():
    assert "instruction set" in show_machine().data


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_notebook_links_lead_to_files_and_headings_when_relative(path):
    texts = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"]
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", "\n".join(texts))
    headings = {
        f"#{title.strip().replace(' ', '-')}" for title in re.findall(r"^#+ (.*)$", "\n".join(texts), re.MULTILINE)
    }
    assert [t for t in targets if t.startswith("#") and t not in headings] == []
    assert [t for t in targets if not t.startswith("#") and not (path.parent / t.partition("#")[0]).exists()] == []
