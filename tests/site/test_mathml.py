"""Formulas become MathML, and those of the course are all known."""

import re
from pathlib import Path

import nbformat
import pytest
from docutils.utils.math import MathError

from docs.site.mathml import mathml

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\s)([^$\n]+?)(?<!\s)\$", re.DOTALL)


def test_mathml_grows_brackets_when_a_size_is_asked_for():
    drawn = mathml(r"\Big(\frac{a}{b}\Big)", block=True)
    assert 'display="block"' in drawn
    assert "<mo>(</mo>" in drawn
    assert "<mo>)</mo>" in drawn


def test_mathml_refuses_when_it_does_not_know_the_formula():
    with pytest.raises(MathError):
        mathml(r"\nosuchcommand x", block=False)


def test_mathml_knows_every_formula_when_the_course_is_read():
    text = "\n".join(
        cell.source
        for file in NOTEBOOKS.glob("*.ipynb")
        for cell in nbformat.read(file, as_version=4).cells
        if cell.cell_type == "markdown"
    )
    formulas = [block or inline for block, inline in FORMULA.findall(text)]
    assert len(formulas) > 40
    for tex in formulas:
        mathml(tex, block=False)
