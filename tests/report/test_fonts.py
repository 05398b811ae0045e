"""Names in Chinese in plots: no glyph is missing, and where one is, the log says what to install."""

import logging
import warnings

import matplotlib
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from workbench.records import Precision
from workbench.report.bars import Bar, Panel, render
from workbench.report.fonts import CHINESE, _fallbacks, add_chinese, png_of
from workbench.report.series import Chart, Series, render_charts

NAME = "手写数字识别模型"


@pytest.fixture(autouse=True)
def _no_warning_but_ours():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_plots_miss_no_glyph_when_the_model_has_a_chinese_name(caplog):
    bar = Bar(f"{NAME}、后端", f"{NAME}《静态离线量化》", Precision.INT8, 1.0, "快 2.2 倍")
    with caplog.at_level(logging.WARNING):
        named = render([Panel(NAME, "时延、毫秒", [bar])], title=NAME, caption="在这台机器上测得。")
        render_charts([Chart("位数", "分贝", [Series(NAME, [1, 2], [1, 2])])], title=NAME, caption="信噪比。")
    assert named.startswith(b"\x89PNG")
    assert caplog.records == []


def test_plots_log_nothing_when_a_larger_font_of_the_system_has_one_weight(caplog, monkeypatch):
    larger = font_manager.FontEntry(fname=str(CHINESE), name="WenQuanYi Micro Hei", weight=400)
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [*font_manager.fontManager.ttflist, larger])
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["sans-serif"])
    _fallbacks.cache_clear()
    with caplog.at_level(logging.WARNING):
        render([Panel(NAME, NAME, [])], title=NAME, caption=NAME)
    _fallbacks.cache_clear()
    assert caplog.messages == []


def test_plot_names_the_characters_and_the_fix_when_no_font_has_them(caplog):
    with caplog.at_level(logging.WARNING):
        picture = render([Panel("", "x", [Bar("", "a 🦠", Precision.FP32, 1, "1")])], title="t", caption="")
    assert picture.startswith(b"\x89PNG")
    assert [record.message for record in caplog.records] == [
        "plot: no font here has 🦠; install one that has them (Debian: apt-get install fonts-noto-cjk) and remove matplotlib's font "
        "cache, matplotlib.get_cachedir()"
    ]


def test_other_warnings_are_passed_on_when_a_figure_is_saved(monkeypatch):
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: warnings.warn("something else", UserWarning, stacklevel=2))
    with pytest.warns(UserWarning, match="something else"):
        png_of(Figure())


def test_font_has_every_hanzi_of_gb2312_when_read():
    hanzi = [bytes([row, cell]).decode("gb2312", "ignore") for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF)]
    known = font_manager.get_font(str(CHINESE)).get_charmap()
    assert sum(map(len, hanzi)) == 6763
    assert [character for character in hanzi if character and ord(character) not in known] == []


def test_own_fonts_stay_first_when_chinese_is_added(monkeypatch):
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["serif"])
    add_chinese()
    add_chinese()
    assert matplotlib.rcParams["font.family"][0] == "serif"
    assert matplotlib.rcParams["font.family"].count("Droid Sans Fallback") == 1
