"""Fonts for plots: matplotlib's own, and behind it one with Chinese characters, which it has none of."""

import io
import logging
import re
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure

logger = logging.getLogger(__name__)
CHINESE = Path(__file__).with_name("droid_sans_fallback_gb2312.ttf")
FAMILY = "Droid Sans Fallback"
BOLD = 700
# Of systems that have one: with more characters (traditional, Japanese, Korean) than the shipped one.
LARGER = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "PingFang SC", "Microsoft YaHei")
MISSING = re.compile(r"Glyph (\d+) .*missing from")
ADVICE = "install one that has them (Debian: apt-get install fonts-noto-cjk) and remove matplotlib's font cache, matplotlib.get_cachedir()"


def add_chinese() -> None:
    """Let text that is drawn from now on find Chinese characters, behind the fonts that are set."""
    added = _fallbacks()
    families = matplotlib.rcParams["font.family"]
    if lacking := [name for name in added if name not in families]:
        matplotlib.rcParams["font.family"] = [*families, *lacking]


@cache
def _fallbacks() -> tuple[str, ...]:
    manager = font_manager.fontManager
    manager.addfont(CHINESE)
    fonts = {font.name: font for font in manager.ttflist}
    found = tuple(name for name in (*LARGER, FAMILY) if name in fonts)
    # Some have one weight, which does for bold titles too; matplotlib would warn of every one.
    heavy = {font.name for font in manager.ttflist if font.weight in (BOLD, "bold")}
    manager.ttflist.extend(replace(fonts[name], weight=BOLD) for name in found if name not in heavy)
    return found


def png_of(figure: Figure) -> bytes:
    """A figure as PNG. Characters that no font has are drawn as boxes, and a warning says which and what to install."""
    picture = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure.savefig(picture, format="png")
    missing: dict[str, None] = {}
    for warning in caught:
        if found := MISSING.search(str(warning.message)):
            missing[chr(int(found[1]))] = None
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    if missing:
        logger.warning("plot: no font here has %s; %s", " ".join(missing), ADVICE)
    return picture.getvalue()
