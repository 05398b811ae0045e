"""What commands print: lines and tables."""

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

console = Console(soft_wrap=True)
FOLDED = 20
"""Characters in a line of the last column, at least."""
WIDEST = 10_000
"""More characters than any table has."""


def print_frame(title: str, frame: "pd.DataFrame") -> None:
    """Print a frame as a table."""
    print_table(title, list(frame.columns), [[str(value) for value in row] for row in frame.itertuples(index=False)])


def print_table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Print a table of texts, which may hold brackets; columns without any are left out.

    Only the last column is folded. Where the others need more room than the terminal has, or a file's 80 columns, lines run
    on: squeezed columns would show nothing.
    """
    kept = [index for index in range(len(columns)) if not rows or any(row[index] for row in rows)]
    made = Table(title=title, title_justify="left")
    for index in kept:
        width = max(cell_len(text) for text in (columns[index], *(row[index] for row in rows)))
        made.add_column(columns[index], overflow="fold", min_width=min(width, FOLDED) if index == kept[-1] else width)
    for row in rows:
        made.add_row(*(row[index].replace("[", "\\[") for index in kept))
    needed = Console(width=WIDEST).measure(made).minimum
    Console(width=max(console.width, needed), soft_wrap=True).print(made)
