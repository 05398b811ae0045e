"""The shipped text task: is the number that one sentence spells less than, equal to or more than another's?"""

from pathlib import Path

from pydantic import Field

from workbench.models.sample import data_folder
from workbench.tasks.base import Sample
from workbench.tasks.digits_parts import Part, PartSamples, SampleCounts
from workbench.tasks.digits_sentences import LENGTH, Pair, part_pairs
from workbench.tasks.text import Text, TextOptions, TextTask

VOCABULARY = Path("digits_text_vocabulary.txt")


class DigitsTextOptions(SampleCounts, TextOptions):
    """How many pairs of sentences to use, and how they become inputs."""

    vocabulary: Path = Field(VOCABULARY, description="a token a line; default: the shipped one, in data/")
    max_length: int = Field(LENGTH, ge=3, description="tokens that every pair is cut or filled up to")
    evaluation_samples: int = Field(600, ge=1)


class DigitsText(PartSamples, TextTask):
    """Three classes: less, equal, more. Evaluation has pairs of held-out sentences."""

    Options = DigitsTextOptions

    @property
    def vocabulary(self) -> Path:
        """The vocabulary file."""
        given: Path = self.options.vocabulary
        return data_folder() / given if given == VOCABULARY else self.folder / given

    def part(self, part: Part, amount: int) -> list[Sample]:
        """The first pairs of a part."""
        return [
            _sample(f"{part.name.lower()}_{index:04d}", pair) for index, pair in enumerate(part_pairs(part, amount))
        ]


def _sample(key: str, pair: Pair) -> Sample:
    def text() -> Text:
        return pair.first, pair.second

    return Sample(key, truth=pair.answer, read=lambda: "\n".join(text()).encode(), decode=text)
