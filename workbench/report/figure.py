"""A drawn plot with the same facts in words and in a table."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Figure:
    """A drawn plot: its PNG, its title, and the same facts as one sentence and as a table."""

    path: Path
    title: str
    alt: str
    table: pd.DataFrame
