"""A run's tables and plots inside a notebook, each plot with the sentence that says the same to whoever does not see it."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.report.labels import number
from workbench.report.page import data_uri

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import HTML


def show_tables(tables: "Mapping[str, pd.DataFrame]") -> "HTML":
    """Tables under their titles."""
    from IPython.display import HTML

    return HTML(tables_html(tables))  # type: ignore[no-untyped-call]


def tables_html(tables: "Mapping[str, pd.DataFrame]") -> str:
    """Tables under their titles as HTML, text in them whole, and no formula where a name has dollars."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None, "display.html.use_mathjax", False):
        parts = [
            f"<h4>{escape(title)}</h4>{table.to_html(index=False, float_format=number)}"
            for title, table in tables.items()
        ]
    return "\n".join(parts)


def show_figures(run: Path, figures: list[dict[str, Any]]) -> "HTML":
    """The plots of a report stage's state, each with its title and alternative text."""
    from IPython.display import HTML

    parts = []
    for figure in figures:
        title, alt, image = escape(figure["title"]), escape(figure["alt"]), data_uri(run / figure["path"])
        parts.append(f'<h3>{title}</h3><img src="{image}" alt="{alt}"><p>{alt}</p>')
    return HTML("\n".join(parts))  # type: ignore[no-untyped-call]
