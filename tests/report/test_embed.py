"""Tests of what a notebook shows."""

import pandas as pd

from workbench.report.embed import show_tables


def test_show_tables_shows_long_text_whole_and_as_text_when_it_holds_markup() -> None:
    note = "<b>" + "long " * 30
    shown = show_tables({"Notes & more": pd.DataFrame({"Note": [note], "ms": [12.34567]}, dtype=object)}).data
    assert "<h4>Notes &amp; more</h4>" in shown
    assert note.replace("<", "&lt;").replace(">", "&gt;").strip() in shown
    assert "12.35" in shown
