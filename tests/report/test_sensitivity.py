"""A sensitivity analysis as table, plots and recipe line."""

import pytest

from workbench.report.sensitivity import draw_sensitivity, sensitivity_table, skip_line, summary_line


@pytest.fixture
def found():
    def row(tensor, kind, sqnr_db):
        return {"tensor": tensor, "kind": kind, "sqnr_db": sqnr_db, "cosine": 0.99, "share": 0.5, "readers": ["a", "b"]}

    return {
        "model": "static-hist", "scheme": "symmetric", "samples": 6, "part": "search", "seconds": 12.3, "sqnr_db": 14.7,
        "rows": [row("pool", "activation", 18.9), row("w0", "weight", 31.2), row("tail", "activation", 40.0)],
        "layers": [{"layer": "first", "sqnr_db": 40.0, "cosine": 1.0}, {"layer": "second", "sqnr_db": 12.0, "cosine": 0.9}],
        "order": [{"tensor": "pool"}, {"tensor": "w0"}],
    }  # fmt: skip


def test_table_has_the_worst_first_when_made(found):
    table = sensitivity_table(found, top=2)
    assert table["tensor"].tolist() == ["pool", "w0"]
    assert table.loc[0].tolist() == ["pool", "activation", "18.9", "0.99000", "50.0 %", "a, b"]
    assert len(sensitivity_table(found)) == 3


def test_skip_line_is_a_line_of_a_recipe_when_made(found):
    assert skip_line(found, count=2) == "skip_tensors: [pool, w0]"


def test_summary_names_the_worst_and_the_cost_when_made(found):
    assert summary_line(found) == (
        "3 tensors of static-hist, int8 around zero, 6 search samples, 12 s. All quantized: 14.7 dB. "
        "Worst alone: activation pool, 18.9 dB."
    )


def test_plots_are_drawn_with_their_facts_when_asked(found, tmp_path):
    worst, layers = draw_sensitivity(found, out_dir=tmp_path, caption="A CPU.")
    assert {worst.path.name, layers.path.name} == {path.name for path in tmp_path.iterdir()}
    assert "pool 18.9 dB; tail 40.0 dB; w0 31.2 dB" in worst.alt
    assert "2 layers, lowest 12 dB at second" in layers.alt
    assert worst.path.read_bytes().startswith(b"\x89PNG")
