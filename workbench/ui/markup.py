"""HTML for widgets: text of data is always escaped, a picture always says what it shows, dark themes stay readable."""

import base64
from collections.abc import Iterable
from html import escape
from traceback import format_exception

# JupyterLab's own colours where there are any; outside it, the page's.
QUIET = "var(--jp-ui-font-color2, inherit)"
LINE = "var(--jp-border-color2, #8888)"
ALERT = "border-left: 4px solid var(--jp-error-color1, #d32f2f); padding: .25em .75em; margin: .25em 0"
# The pictures are drawn on white, and stay on it.
CARD = f"display: block; max-width: 100%; height: auto; padding: 6px; background: #fff; border: 1px solid {LINE}; border-radius: 4px"


def paragraph(text: str, *, quiet: bool = False) -> str:
    """A paragraph of text."""
    style = f"margin: .35em 0; line-height: 1.45; white-space: normal{f'; color: {QUIET}' if quiet else ''}"
    return f'<p style="{style}">{escape(text)}</p>'


def bullets(lines: Iterable[str]) -> str:
    """Lines of text as a list; empty for none."""
    items = "".join(f'<li style="line-height: 1.45; white-space: normal">{escape(line)}</li>' for line in lines)
    return f'<ul style="margin: .35em 0; padding-left: 1.5em">{items}</ul>' if items else ""


def heading(text: str) -> str:
    """A heading inside a view."""
    return f'<h4 style="margin: .75em 0 .25em">{escape(text)}</h4>'


def folded(summary: str, content: str, *, is_open: bool = False) -> str:
    """HTML that opens when its summary, a text, is chosen; empty for no content."""
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{escape(summary)}</summary>{content}</details>" if content else ""


def picture(png: bytes, *, alt: str) -> str:
    """A PNG picture on a white card, with the sentence that says the same."""
    source = base64.b64encode(png).decode("ascii")
    return f'<img src="data:image/png;base64,{source}" alt="{escape(alt)}" style="{CARD}">'


def preformatted(text: str) -> str:
    """Text as it is written: a recipe, a log, a table in Markdown."""
    style = f"overflow: auto; max-height: 24em; padding: .5em .75em; border: 1px solid {LINE}; line-height: 1.3; white-space: pre"
    return f'<pre tabindex="0" style="{style}">{escape(text)}</pre>'


def alert(line: str, error: BaseException | None = None) -> str:
    """One line that says what went wrong; the trace of `error`, for who wants to mend it, folded below."""
    trace = folded("Trace", preformatted("".join(format_exception(error)))) if error else ""
    return f'<div role="alert" style="{ALERT}">{escape(line)}{trace}</div>'
