"""What Sphinx reads: the executed notebooks and the documents, laid out as in the checkout so that their links lead on."""

import re
import shutil
from pathlib import Path

import nbformat
from nbformat import NotebookNode

DOCUMENTS = (
    "README*.md", "CHANGELOG.md", "data/README.md", "docs/*.md", "examples/**/*.md",
)  # fmt: skip
LINK = re.compile(r"\]\(([^)#:\s]+)[^)]*\)")
# Added by papermill: where this machine kept the results.
INJECTED = "injected-parameters"
SOLUTION = "solution"
WIDGET = "application/vnd.jupyter.widget-view+json"
POINTER = "The cell below, folded away, has a solution."
NOT_EXECUTED = "*This notebook was not executed for these pages; they show its text and code.*"


def lay_out(root: Path, pages: Path, *, executed: dict[str, Path], solutions: bool) -> None:
    """Fill the folder `pages` anew. `executed`: the executed copies of the course's notebooks, by name; others are shown as they are."""
    shutil.rmtree(pages, ignore_errors=True)
    for pattern in DOCUMENTS:
        for file in root.glob(pattern):
            _copy(file, root, pages)
            for linked in (file.parent / link for link in LINK.findall(file.read_text(encoding="utf-8"))):
                if linked.is_file() and linked.suffix not in {".md", ".ipynb"}:
                    _copy(linked.resolve(), root, pages)
    shutil.copy(Path(__file__).with_name("index.md"), pages)
    folder = pages / "notebooks"
    folder.mkdir()
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        page = nbformat.read(executed.get(notebook.stem, notebook), as_version=4)
        page.cells = [prepared(cell, solutions=solutions) for cell in page.cells if shown(cell, solutions=solutions)]
        if notebook.stem not in executed:
            page.cells.insert(1, nbformat.v4.new_markdown_cell(NOT_EXECUTED))
        text = nbformat.writes(page).replace(f"{root}/", "")
        (folder / notebook.name).write_text(text, encoding="utf-8")


def shown(cell: NotebookNode, *, solutions: bool) -> bool:
    """Whether a cell is on the page."""
    tags = cell.metadata.get("tags", [])
    return INJECTED not in tags and (solutions or SOLUTION not in tags)


def prepared(cell: NotebookNode, *, solutions: bool) -> NotebookNode:
    """The cell as it is on the page: a solution is folded, and no text points to one that is not there.

    A widget that says nothing in HTML, such as a progress bar, is left out.
    """
    if SOLUTION in cell.metadata.get("tags", []):
        cell.metadata.tags.append("hide-cell")
    if not solutions and cell.cell_type == "markdown":
        cell.source = cell.source.replace(POINTER, "")
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if not _is_mute(output.get("data", {}))]
    return cell


def _is_mute(data: dict[str, object]) -> bool:
    return WIDGET in data and "text/html" not in data


def _copy(file: Path, root: Path, pages: Path) -> None:
    target = pages / file.relative_to(root)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)
