"""The search splits English into words and Chinese into pairs."""

import pytest

from docs.site.search import SearchBilingual


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("INT8 on AVX512, in_place", ["INT8", "on", "AVX512", "in_place"]),
        ("离线量化 post-training", ["离线", "线量", "量化", "post", "training"]),
        ("量化INT8模型", ["量化", "INT8", "模型"]),
        ("第 3 章", ["第", "3", "章"]),
    ],
)
def test_split_gives_words_and_pairs_when_both_languages_are_mixed(text, words):
    assert SearchBilingual({}).split(text) == words
