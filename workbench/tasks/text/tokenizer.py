"""From sentences to the numbers that an encoder of the BERT family takes, by the `tokenizers` library."""

from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.errors import InputError
from workbench.tasks.text_files import read_text_file

UNKNOWN, FIRST, BETWEEN, FILL = "[UNK]", "[CLS]", "[SEP]", "[PAD]"

Text = str | tuple[str, str]
"""One sentence, or a pair of them."""


class TextInput(StrEnum):
    """What an encoder may take, each int64 [1, length]."""

    TOKEN_IDS = "input_ids"
    TOKEN_TYPE_IDS = "token_type_ids"
    ATTENTION_MASK = "attention_mask"
    POSITION_IDS = "position_ids"


class WordPieces:
    """WordPiece tokens with [CLS] and [SEP] around the sentences, cut and filled up to one length."""

    def __init__(self, vocabulary: Path, *, max_length: int, lower_case: bool) -> None:
        """`vocabulary`: a vocab.txt, one token a line, whose line number is its id. Raises InputError."""
        from tokenizers import BertWordPieceTokenizer

        ids = {token: number for number, token in enumerate(_tokens(vocabulary))}
        if lacking := [token for token in (UNKNOWN, FIRST, BETWEEN, FILL) if token not in ids]:
            raise InputError(
                f"vocabulary {vocabulary}: {lacking[0]} is not in it; give the vocab.txt that belongs to the model"
            )
        self._tokenizer = BertWordPieceTokenizer(ids, lowercase=lower_case, strip_accents=lower_case)
        self._tokenizer.enable_truncation(max_length)
        self._tokenizer.enable_padding(length=max_length, pad_id=ids[FILL], pad_token=FILL)
        self._positions = np.arange(max_length, dtype=np.int64)

    def __call__(self, text: Text) -> dict[TextInput, NDArray[np.int64]]:
        """Everything that an encoder may take, int64 [1, max_length] each."""
        found = self._tokenizer.encode(*((text,) if isinstance(text, str) else text))
        values = {
            TextInput.TOKEN_IDS: found.ids,
            TextInput.TOKEN_TYPE_IDS: found.type_ids,
            TextInput.ATTENTION_MASK: found.attention_mask,
            TextInput.POSITION_IDS: self._positions,
        }
        return {name: np.array([value], np.int64) for name, value in values.items()}


def _tokens(vocabulary: Path) -> list[str]:
    """The tokens in the order of their ids; what stands behind a tab, as in ERNIE's first files, is left out."""
    text = read_text_file(
        vocabulary, what="vocabulary", fix="give a vocab.txt with a token a line, its path relative to the recipe"
    )
    # Not splitlines, which also breaks at characters that are tokens themselves.
    return [line.rstrip("\r").split("\t")[0] for line in text.removesuffix("\n").split("\n")]
