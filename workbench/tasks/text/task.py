"""Sentences and pairs of sentences in classes: tokens in, a class out. Where the samples come from is a subclass's matter."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from workbench.errors import InputError
from workbench.tasks.base import Inputs, Outputs, Task, TaskOptions
from workbench.tasks.class_scores import class_loss
from workbench.tasks.text.tokenizer import Text, TextInput, WordPieces


class TextOptions(TaskOptions):
    """How a sentence becomes inputs."""

    vocabulary: Path = Field(description="vocab.txt of the model: a token a line; relative to the recipe")
    lower_case: bool = Field(True, description="lower the letters and strip their accents, as uncased models want it")
    max_length: int = Field(
        128, ge=3, description="tokens that every sample is cut or filled up to, [CLS] and [SEP] included"
    )
    inputs: dict[TextInput, str] = Field(
        {TextInput.TOKEN_IDS: "input_ids", TextInput.TOKEN_TYPE_IDS: "token_type_ids"},
        min_length=1,
        description="what the model takes (input_ids, token_type_ids, attention_mask, position_ids), and its name for it",
    )
    output: str = Field("", description="name of the output with the scores of the classes; default: the first")


class TextTask(Task):
    """Classification of a decoded sample that is a sentence or a pair of sentences; the truth is a class, counted from 0.

    Subclasses give the samples. One that ships its vocabulary overrides `vocabulary`.
    """

    Options: ClassVar[type[TextOptions]] = TextOptions
    primary_metric = "accuracy"

    @property
    def vocabulary(self) -> Path:
        """The vocabulary file."""
        return self.folder / Path(self.options.vocabulary)

    @cached_property
    def tokenizer(self) -> WordPieces:
        """Raises InputError when the vocabulary cannot be used."""
        return WordPieces(self.vocabulary, max_length=self.options.max_length, lower_case=self.options.lower_case)

    def files(self) -> list[Path]:
        """The vocabulary, on which every figure depends."""
        return [self.vocabulary]

    def labels(self, truth: int) -> Inputs:
        """The class, int64 [1]."""
        return {"label": np.array([truth], np.int64)}

    def loss(self, outputs: dict[str, Any], labels: dict[str, Any]) -> Any:
        """Cross entropy of the scores, float [N, classes]."""
        return class_loss(self._scores(outputs), labels["label"])

    def read(self, given: str) -> Text:
        """A sentence, or a pair with a tab between. Raises InputError for an empty one."""
        first, tab, second = given.partition("\t")
        if not first.strip() or (tab and not second.strip()):
            raise InputError(f"sentence {given!r}: it is empty; write one")
        return (first, second) if tab else first

    def preprocess(self, image: Text) -> tuple[Inputs, None]:
        """Turn a sentence or a pair into the inputs that the options name, int64 [1, max_length] each."""
        values = self.tokenizer(image)
        return {name: values[kind] for kind, name in self.options.inputs.items()}, None

    def postprocess(self, outputs: Outputs, meta: None) -> int:
        """Turn scores, float [1, classes], into the likeliest class."""
        return int(self._scores(outputs)[0].argmax())

    def metric(self, predictions: Sequence[int], truths: Sequence[int]) -> dict[str, float]:
        """Percent of the samples in their right class."""
        right: NDArray[np.bool_] = np.asarray(predictions) == np.asarray(truths)
        return {"accuracy": 100 * float(right.mean())}

    def _scores(self, outputs: dict[str, Any]) -> Any:
        return outputs[self.options.output] if self.options.output else next(iter(outputs.values()))
