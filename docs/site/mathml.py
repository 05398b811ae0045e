"""Formulas as MathML, made while the page is built: browsers draw it, screen readers read it, and no script is loaded."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
# What docutils' converter lacks. Brackets of a given size become brackets that grow with what they hold.
REWRITES = (
    (re.compile(r"\\[bB]igg?l?(?=[(\[]|\\\{)"), r"\\left"),
    (re.compile(r"\\[bB]igg?r?(?=[)\]]|\\\})"), r"\\right"),
    (re.compile(r"\\dots(?![a-zA-Z])"), r"\\ldots "),
)


def mathml(tex: str, *, block: bool) -> str:
    """A formula as a `<math>` element. Raises MathError when docutils does not know a command of it."""
    for pattern, replacement in REWRITES:
        tex = pattern.sub(replacement, tex)
    return str(tex2mathml(tex, as_block=block))


def _draw(translator: Any, node: nodes.Element, *, block: bool) -> None:
    tex = node.astext()
    try:
        drawn = mathml(tex, block=block)
    except MathError as error:
        logger.warning("formula %r: %s", tex, error, location=node)
        drawn = f"<code>{translator.encode(tex)}</code>"
    translator.body.append(f'<div class="math">{drawn}</div>' if block else drawn)
    raise nodes.SkipNode


def _inline(translator: Any, node: nodes.Element) -> None:
    _draw(translator, node, block=False)


def _display(translator: Any, node: nodes.Element) -> None:
    _draw(translator, node, block=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Make it the renderer `mathml`."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
