"""The small encoder of the text sample. Importing this imports Paddle: after `import_paddle()`, in workers only."""

from typing import Any

import paddle
from paddle import nn

from workbench.tasks.digits_sentences import LENGTH, Answer, vocabulary

WIDTH, HEADS, LAYERS = 96, 4, 2
MASKED = -1e4  # added to the attention of tokens that only fill up
PAD = 0


class Encoder(nn.Layer):
    """BERT-like encoder (Devlin et al., 2019), with ReLU and normalized before each part, and classes read from its first token."""

    def __init__(self) -> None:
        super().__init__()
        start = nn.initializer.Normal(std=0.5)
        self.words = nn.Embedding(len(vocabulary()), WIDTH, weight_attr=start)
        self.sentences = nn.Embedding(2, WIDTH, weight_attr=start)
        self.positions = nn.Embedding(LENGTH, WIDTH, weight_attr=start)
        self.norm = nn.LayerNorm(WIDTH)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.0, activation="relu", normalize_before=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, nn.LayerNorm(WIDTH))
        self.classes = nn.Linear(WIDTH, len(Answer))

    def forward(self, input_ids: Any, token_type_ids: Any) -> Any:
        """Tokens and number of their sentence, int64 [n, 24] each, to logits float32 [n, 3]: less, equal, more."""
        mask = (input_ids == PAD).astype("float32").unsqueeze([1, 2]) * MASKED
        embedded = self.words(input_ids) + self.sentences(token_type_ids) + self.positions(paddle.arange(LENGTH))
        return self.classes(self.layers(self.norm(embedded), mask)[:, 0])
