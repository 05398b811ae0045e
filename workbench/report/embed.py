"""A run's plots inside a notebook, with the sentence that says the same to whoever does not see them."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.report.page import data_uri

if TYPE_CHECKING:
    from IPython.display import HTML


def show_figures(run: Path, figures: list[dict[str, Any]]) -> "HTML":
    """The plots of a report stage's state, each with its title and alternative text."""
    from IPython.display import HTML

    parts = []
    for figure in figures:
        title, alt, image = escape(figure["title"]), escape(figure["alt"]), data_uri(run / figure["path"])
        parts.append(f'<h3>{title}</h3><img src="{image}" alt="{alt}"><p>{alt}</p>')
    return HTML("\n".join(parts))  # type: ignore[no-untyped-call]
