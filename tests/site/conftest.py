"""A checkout with two notebooks, and its folder `docs` on the path: the site's code is no part of the package."""

import sys
from pathlib import Path

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from docs.site.pages import POINTER

HOSTILE = "<img src=x onerror=alert(1)>"
WIDGET = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "0", "version_major": 2, "version_minor": 0},
    "text/html": "<p>FP32 beside INT8</p>",
    "text/plain": "Explorer()",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Documents, and the notebooks `index`, `first` (links, a formula, an exercise) and `second` (a widget's output)."""
    root = tmp_path / "checkout"
    for folder in ("notebooks", "data", "docs", "examples/nanodet"):
        (root / folder).mkdir(parents=True)
    (root / "README.md").write_text("# About\n\n[first](notebooks/first.ipynb), [the pins](environment.yml)\n")
    (root / "environment.yml").write_text("name: pins\n")
    for name in ("CHANGELOG", "README.zh-CN", "data/README", "docs/tasks", "examples/nanodet/README"):
        (root / f"{name}.md").write_text(f"# {name}\n")
    cells = nbformat.v4
    first = [
        cells.new_markdown_cell(
            f"# First 量化蒸馏训练\n\n$q = \\big(x / s\\big)$ as in [second](second.ipynb). {POINTER}"
        ),
        cells.new_code_cell("answer = 2", metadata={"tags": ["parameters"]}),
        cells.new_code_cell("print('found by one who thought')", metadata={"tags": ["solution"]}),
    ]
    shown = cells.new_output("display_data", data=WIDGET)
    progress = {key: value for key, value in WIDGET.items() if key != "text/html"} | {"text/plain": "0%| | 0/3"}
    mute = cells.new_output("display_data", data=progress)
    told = cells.new_output("stream", text=f"{HOSTILE}\n{root}/runs/demo\n")
    second = [
        cells.new_markdown_cell("# Second"),
        cells.new_code_cell("output_dir = '/elsewhere'", metadata={"tags": ["injected-parameters"]}),
        cells.new_code_cell("show()", outputs=[mute, shown, told], execution_count=1),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, content in (("index", [cells.new_markdown_cell("# Index")]), ("first", first), ("second", second)):
        metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
        nbformat.write(cells.new_notebook(cells=content, metadata=metadata), root / "notebooks" / f"{name}.ipynb")
    return root
