import pytest

from workbench.terminal import print_table


def test_print_table_shows_every_cell_when_the_terminal_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    columns = [f"column {number}" for number in range(8)]
    print_table("wide", columns, [[f"cell {number}" for number in range(7)] + ["a reason " * 20]])
    shown = capsys.readouterr().out
    for number in range(7):
        assert f"column {number}" in shown
        assert f"cell {number}" in shown
    assert shown.count("a reason") < shown.count("reason")  # the last column is folded


def test_print_table_leaves_columns_out_when_nothing_is_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("holes", ["model", "fp16", "int8"], [["[a]", "", "1"], ["b", "", ""]])
    shown = capsys.readouterr().out
    assert "fp16" not in shown
    assert "[a]" in shown
    assert "int8" in shown
