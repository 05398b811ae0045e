"""An encoder of ERNIE 1.0's size: 12 layers, 768 wide, 12 heads, ReLU (Sun et al., 2019), with a classifier of three classes."""

from typing import Any

import paddle
from paddle import nn

VOCABULARY, POSITIONS, KINDS = 18000, 513, 2
WIDTH, HEADS, LAYERS, INNER, CLASSES = 768, 12, 12, 3072, 3
PADDING, MASKED = 0, -1e4


class Attention(nn.Layer):
    """Self-attention of several heads (Vaswani et al., 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.join = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Any, mask: Any) -> Any:
        """x: [n, length, 768]; mask: [n, 1, 1, length], added to the scores."""
        query, key, value = (self._heads(layer(x)) for layer in (self.query, self.key, self.value))
        scores = paddle.matmul(query * (WIDTH // HEADS) ** -0.5, key, transpose_y=True) + mask
        mixed = paddle.matmul(nn.functional.softmax(scores), value)
        return self.join(mixed.transpose([0, 2, 1, 3]).reshape([0, 0, WIDTH]))

    def _heads(self, x: Any) -> Any:
        return x.reshape([0, 0, HEADS, WIDTH // HEADS]).transpose([0, 2, 1, 3])


class EncoderLayer(nn.Layer):
    """Attention and two matrix products, each added to its input and normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.after_attention, self.after_products = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.products = nn.Sequential(nn.Linear(WIDTH, INNER), nn.ReLU(), nn.Linear(INNER, WIDTH))

    def forward(self, x: Any, mask: Any) -> Any:
        """Keeps the shape [n, length, 768]."""
        x = self.after_attention(x + self.attention(x, mask))
        return self.after_products(x + self.products(x))


class Ernie(nn.Layer):
    """100 M parameters; two int64 [n, length] to logits [n, 3]."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.tokens, self.kinds = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(KINDS, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.normalise = nn.LayerNorm(WIDTH)
        self.encoder = nn.LayerList([EncoderLayer() for _ in range(LAYERS)])
        self.pool = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh())
        self.classify = nn.Linear(WIDTH, CLASSES)
        self.register_buffer("places", paddle.arange(length, dtype="int64")[None])

    def forward(self, input_ids: Any, token_type_ids: Any) -> Any:
        """Token 0 is padding, which nothing attends to."""
        mask = (input_ids == PADDING).astype("float32").unsqueeze([1, 2]) * MASKED
        x = self.normalise(self.tokens(input_ids) + self.positions(self.places) + self.kinds(token_type_ids))
        for layer in self.encoder:
            x = layer(x, mask)
        return self.classify(self.pool(x[:, 0]))


def ernie_base(input_ids: tuple[int, ...], token_type_ids: tuple[int, ...]) -> Any:
    """The encoder for sentences of a length, at most 513 tokens."""
    return Ernie(input_ids[1])
