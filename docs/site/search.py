"""A search that finds Chinese words too: a run of Chinese characters counts as its pairs, on the page and in the question."""

import re

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

CHINESE = "\u3400-\u4dbf\u4e00-\u9fff"
_PIECE = re.compile(rf"[{CHINESE}]+|[^\W{CHINESE}]+")


class SearchBilingual(SearchEnglish):
    """English by its stems, Chinese by pairs of characters."""

    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/[\u3400-\u4dbf\u4e00-\u9fff]+|(?:(?![\u3400-\u4dbf\u4e00-\u9fff])[\p{Letter}\p{Number}_])+/gu) || [])
    .flatMap((piece) => /^[\u3400-\u4dbf\u4e00-\u9fff]{2,}$/.test(piece)
      ? Array.from({ length: piece.length - 1 }, (_, start) => piece.slice(start, start + 2)) : [piece]);
"""

    def split(self, input: str) -> list[str]:
        """Words, and pairs of neighbouring Chinese characters."""
        return [word for piece in _PIECE.findall(input) for word in _pairs(piece)]


def _pairs(piece: str) -> list[str]:
    if not re.match(f"[{CHINESE}]{{2}}", piece):
        return [piece]
    return [piece[start : start + 2] for start in range(len(piece) - 1)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Make it the search of pages in English."""
    app.add_search_language(SearchBilingual)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
