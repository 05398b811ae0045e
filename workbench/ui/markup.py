"""HTML for widgets: text of data is always escaped, a picture always says what it shows, dark themes stay readable."""

import base64
from collections.abc import Iterable
from html import escape
from traceback import format_exception
from typing import TYPE_CHECKING

from workbench.report.tables import cells, headings

if TYPE_CHECKING:
    import pandas as pd

# JupyterLab's own colours where there are any; outside it, the page's.
QUIET = "var(--jp-ui-font-color2, inherit)"
LINE = "var(--jp-border-color2, #8888)"
ALERT = "border-left: 4px solid var(--jp-error-color1, #d32f2f); padding: .25em .75em; margin: .25em 0"
# As wide as there is room: by itself a wide line or table would make its widget as wide.
SCROLLED = "overflow: auto; width: 0; min-width: 100%; box-sizing: border-box"
# The pictures are drawn on white, and stay on it.
CARD = f"display: block; width: 100%; max-width: 100%; height: auto; padding: 8px; box-sizing: border-box; background: #fff; border: 1px solid {LINE}; border-radius: 4px"


def as_text(text: str) -> str:
    """Text as HTML that shows it: no tag in it is one, and no pair of dollars is a formula."""
    return escape(text).replace("$", "<span>$</span>")


def paragraph(text: str, *, quiet: bool = False) -> str:
    """A paragraph of text."""
    style = f"margin: .35em 0; line-height: 1.45; white-space: normal{f'; color: {QUIET}' if quiet else ''}"
    return f'<p style="{style}">{as_text(text)}</p>'


def bullets(lines: Iterable[str]) -> str:
    """Lines of text as a list; empty for none."""
    items = "".join(f'<li style="line-height: 1.45; white-space: normal">{as_text(line)}</li>' for line in lines)
    return f'<ul style="margin: .35em 0; padding-left: 1.5em">{items}</ul>' if items else ""


def heading(text: str) -> str:
    """A heading inside a view."""
    return f'<h4 style="margin: .75em 0 .25em">{as_text(text)}</h4>'


def folded(summary: str, content: str, *, is_open: bool = False) -> str:
    """HTML that opens when its summary, a text, is chosen; empty for no content."""
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{as_text(summary)}</summary>{content}</details>" if content else ""


def picture(png: bytes, *, alt: str) -> str:
    """A PNG picture on a white card, with the sentence that says the same."""
    return _image("image/png", png, alt)


def vector_picture(svg: str, *, alt: str) -> str:
    """An SVG picture, in an `<img>`, where no script in it would run."""
    return _image("image/svg+xml", svg.encode("utf-8"), alt)


def _image(kind: str, data: bytes, alt: str) -> str:
    source = base64.b64encode(data).decode("ascii")
    return f'<img src="data:{kind};base64,{source}" alt="{escape(alt)}" style="{CARD}">'


def gallery(pictures: Iterable[str]) -> str:
    """Pictures side by side where there is room."""
    cells = "".join(f'<div style="flex: 1 1 440px; max-width: 720px; min-width: 0">{one}</div>' for one in pictures)
    return (
        f'<div style="display: flex; flex-wrap: wrap; gap: .6em; align-items: flex-start">{cells}</div>'
        if cells
        else ""
    )


def table(frame: "pd.DataFrame", *, caption: str = "") -> str:
    """A table; numbers stand right. Empty for an empty one."""
    if frame.empty:
        return ""
    body = cells(frame)
    heads = "".join(_cell("th", name, cell.right) for name, cell in zip(headings(frame), body[0], strict=True))
    lines = "".join(f"<tr>{''.join(_cell('td', cell.text, cell.right) for cell in line)}</tr>" for line in body)
    title = f'<caption style="text-align: left; font-weight: 600">{escape(caption)}</caption>' if caption else ""
    return (
        f'<div style="{SCROLLED}; margin: .35em 0" tabindex="0" role="region" aria-label="{escape(caption or "table")}">'
        f'<table style="border-collapse: collapse; border: 0; line-height: 1.35; font-size: .92em">'
        f"{title}<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(tag: str, content: str, is_right: bool) -> str:
    width = "min-width: 18em" if len(content) > 40 else "white-space: nowrap"
    style = f"padding: .25em .6em; text-align: {'right' if is_right else 'left'}; vertical-align: top; border: 0; border-bottom: 1px solid {LINE}; {width}"
    return f'<{tag} style="{style}">{as_text(content)}</{tag}>'


def preformatted(text: str) -> str:
    """Text as it is written: a recipe, a log, a table in Markdown."""
    style = f"{SCROLLED}; max-height: 24em; padding: .5em .75em; border: 1px solid {LINE}; line-height: 1.3; white-space: pre"
    return f'<pre tabindex="0" style="{style}">{as_text(text)}</pre>'


def alert(line: str, error: BaseException | None = None) -> str:
    """One line that says what went wrong; the trace of `error`, for who wants to mend it, folded below."""
    trace = folded("Trace", preformatted("".join(format_exception(error)))) if error else ""
    return f'<div role="alert" style="{ALERT}">{as_text(line)}{trace}</div>'
