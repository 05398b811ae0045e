"""A table that is sorted and searched in the page."""

import pandas as pd
from itables.widget import ITable


class SortableTable(ITable):
    """Rows as they are shown last; hidden while there are none. Text in it is shown as text."""

    def __init__(self) -> None:
        super().__init__(
            style="width: 100%; margin: 0", classes="display compact", maxBytes=0, pageLength=10, scrollX=True
        )
        self.layout.display = "none"

    def show(self, rows: pd.DataFrame) -> None:
        """Show these rows in place of those before."""
        self.layout.display = "none" if rows.empty else ""
        if not rows.empty:
            self.update(rows)
