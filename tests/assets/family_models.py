"""Tiny networks of three families whose right answers are known: `python family_models.py FOLDER`, in a process of its own."""

import os
import sys
from pathlib import Path

os.environ["FLAGS_enable_pir_api"] = "0"

import numpy as np
import paddle
from paddle import nn

LENGTH, WORDS, WIDTH = 8, 12, 16


class Segmenter(nn.Layer):
    """The strongest of the three colours of each pixel, after a blur of 3 x 3: scores [N, 3, h, w], or the class [N, h, w]."""

    def __init__(self, *, argmax: bool) -> None:
        super().__init__()
        self.argmax = argmax
        self.blur = nn.Conv2D(3, 8, 3, padding=1)
        self.head = nn.Conv2D(8, 3, 1)
        blur, head = np.zeros((8, 3, 3, 3), np.float32), np.zeros((3, 8, 1, 1), np.float32)
        for colour in range(3):
            blur[colour, colour] = 1 / 9
            head[colour, colour] = 4.0
        self.blur.weight.set_value(blur)
        self.blur.bias.set_value(np.full(8, 1.0, np.float32))  # inputs are in -1..1: none is lost in the ReLU
        self.head.weight.set_value(head)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        scores = self.head(nn.functional.relu(self.blur(x)))
        return paddle.argmax(scores, axis=1, dtype="int32") if self.argmax else scores


class TextClassifier(nn.Layer):
    """Whether more words of the upper half of the vocabulary than of the lower are in the text: scores [N, 2]."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.types = nn.Embedding(WORDS, WIDTH), nn.Embedding(2, WIDTH)
        self.dense, self.head = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2)
        words = np.zeros((WORDS, WIDTH), np.float32)
        words[4:8, 0], words[8:12, 1] = 1.0, 1.0
        self.words.weight.set_value(words)
        self.types.weight.set_value(np.zeros((2, WIDTH), np.float32))
        self.dense.weight.set_value(np.eye(WIDTH, dtype=np.float32))
        head = np.zeros((WIDTH, 2), np.float32)
        head[0, 0] = head[1, 1] = 2.9  # no whole number: Paddle takes a float weight of such for int8
        self.head.weight.set_value(head)

    def forward(self, input_ids: paddle.Tensor, token_type_ids: paddle.Tensor) -> paddle.Tensor:
        seen = self.words(input_ids) + self.types(token_type_ids)
        return self.head(nn.functional.relu(self.dense(seen.sum(axis=1))))


class Classifier(nn.Layer):
    """The strongest colour of an image: probabilities [N, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Segmenter(argmax=False)

    def forward(self, inputs: paddle.Tensor) -> paddle.Tensor:
        return nn.functional.softmax(self.body(inputs).mean(axis=[2, 3]))


def save(layer: nn.Layer, path: Path, *specs: paddle.static.InputSpec) -> None:
    layer.eval()
    paddle.jit.save(paddle.jit.to_static(layer, input_spec=list(specs), full_graph=True), str(path))


def main(folder: Path) -> None:
    paddle.seed(0)
    image = [-1, 3, -1, -1]
    for name, argmax in (("scores", False), ("argmax", True)):
        save(Segmenter(argmax=argmax), folder / name / "model", paddle.static.InputSpec(image, "float32", name="x"))
    save(Classifier(), folder / "classes" / "model", paddle.static.InputSpec(image, "float32", name="inputs"))
    tokens = [paddle.static.InputSpec([-1, LENGTH], "int64", name=n) for n in ("input_ids", "token_type_ids")]
    save(TextClassifier(), folder / "text" / "model", *tokens)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
