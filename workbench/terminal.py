"""What commands print: lines and tables."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

console = Console(soft_wrap=True)


def print_frame(title: str, frame: "pd.DataFrame") -> None:
    """Print a frame as a table."""
    console.print(
        table(title, list(frame.columns), [[str(value) for value in row] for row in frame.itertuples(index=False)])
    )


def table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    """A table of texts, which may hold brackets."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column != columns[-1])
    for row in rows:
        made.add_row(*(cell.replace("[", "\\[") for cell in row))
    return made
