"""The learning path: ten sittings of the notebooks, with what each answers, how long it takes and what it needs.

`python -m workbench.lessons.course` writes its tables into `notebooks/index.ipynb`, where they can be read without running anything.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from workbench.files import write_text
from workbench.machine import ISA_MEANING, this_machine
from workbench.notebooks import NOTEBOOKS
from workbench.report.embed import show_tables
from workbench.report.labels import count

if TYPE_CHECKING:
    from IPython.display import HTML

PATH_FILE = Path(__file__).with_name("course.yaml")
TIMES_FILE = Path(__file__).with_name("notebook_times.json")
INDEX = NOTEBOOKS / "index.ipynb"
ANY_MACHINE = "any x86-64 CPU"
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Chapter:
    """One notebook of the path; `needs` is the hardware."""

    stem: str
    title: str
    answers: str
    title_zh: str
    summary_zh: str
    needs: str = ANY_MACHINE

    @property
    def link(self) -> str:
        """Its file, as seen from the index."""
        return f"{self.stem}.ipynb"


@dataclass(frozen=True)
class Sitting:
    """What is taken at one go."""

    title: str
    title_zh: str
    chapters: tuple[Chapter, ...]


def read_course() -> list[Sitting]:
    """The sittings in order. Raises KeyError for a sitting whose notebook is not described."""
    found = yaml.safe_load(PATH_FILE.read_text(encoding="utf-8"))
    chapters = {stem: Chapter(stem, **described) for stem, described in found["notebooks"].items()}
    return [
        Sitting(part["title"], part["title_zh"], tuple(chapters[stem] for stem in part["notebooks"]))
        for part in found["sittings"]
    ]


def measured_times() -> dict[str, Any]:
    """What `benchmarks/notebook_times.py` measured: the machine, and by notebook the CPU seconds of a whole run."""
    times: dict[str, Any] = json.loads(TIMES_FILE.read_text(encoding="utf-8"))
    return times


def english_table() -> str:
    """The path in Markdown."""
    seconds = measured_times()["seconds"]
    lines = ["| sitting | notebook | what it answers | CPU time | needs |", "| --- | --- | --- | --- | --- |"]
    for number, sitting in enumerate(read_course(), start=1):
        for place, chapter in enumerate(sitting.chapters):
            first = f"{number}. {sitting.title}" if place == 0 else ""
            time = told_time(seconds.get(chapter.stem))
            lines.append(
                f"| {first} | [{chapter.stem}]({chapter.link}) | {chapter.answers} | {time} | {chapter.needs} |"
            )
    return "\n".join(lines)


def chinese_table() -> str:
    """The path in Markdown, in Chinese."""
    lines = ["| 课次 | 笔记本 | 标题 | 内容 |", "| --- | --- | --- | --- |"]
    for number, sitting in enumerate(read_course(), start=1):
        for place, chapter in enumerate(sitting.chapters):
            first = f"{number}. {sitting.title_zh}" if place == 0 else ""
            lines.append(f"| {first} | [{chapter.stem}]({chapter.link}) | {chapter.title_zh} | {chapter.summary_zh} |")
    return "\n".join(lines)


def missing_notebooks() -> list[str]:
    """The notebooks of the path that are not there."""
    return [
        chapter.stem
        for sitting in read_course()
        for chapter in sitting.chapters
        if not (NOTEBOOKS / chapter.link).is_file()
    ]


def show_machine() -> "HTML":
    """This machine's CPU, and a line for each of its instruction sets that matter to INT8."""
    machine = this_machine()
    rows = [{"instruction set": flag, "what it means": ISA_MEANING[flag]} for flag in machine.isa]
    return show_tables({f"{machine.cpu}, {count(machine.cores, 'core')}": pd.DataFrame(rows)})


def told_time(seconds: float | None) -> str:
    """A time in words, no finer than it repeats."""
    if seconds is None:
        return NOT_MEASURED
    return f"{max(1, round(seconds / 10)) * 10} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def told_machine() -> str:
    """On what the times were measured, as a sentence."""
    return f"Times are the CPU time of *Run All*, the first time, on {measured_times()['machine']}."


def write_index() -> None:
    """Put the tables into the cells of the index that hold them, by their ids."""
    notebook = json.loads(INDEX.read_text(encoding="utf-8"))
    texts = index_texts()
    for cell in notebook["cells"]:
        if cell["id"] in texts:
            cell["source"] = texts[cell["id"]].splitlines(keepends=True)
    write_text(INDEX, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def index_texts() -> dict[str, str]:
    """The generated cells of the index, by id."""
    return {
        "index-path": f"## Ten sittings\n\n{english_table()}\n\n{told_machine()}",
        "index-zh": f"## 十次课\n\n{chinese_table()}",
    }


if __name__ == "__main__":
    write_index()
