"""A user's sentences: tsv or jsonl files of a class and one or two sentences, as those of XNLI and AFQMC."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from workbench.errors import InputError
from workbench.tasks.base import Sample
from workbench.tasks.parts import PartsOptions, PartsTask
from workbench.tasks.text.task import TextOptions, TextTask
from workbench.tasks.text.tokenizer import Text
from workbench.tasks.text_files import read_text_file

FIX = "give a .tsv file with columns, or a .jsonl file with an object a line"
Row = Mapping[str, Any]


class SentencesOptions(TextOptions, PartsOptions):
    """Where the sentences and their classes are."""

    data: Path = Field(description=".tsv or .jsonl file with a sample a line; relative to the recipe")
    training_data: Path | None = Field(
        None, description="such a file to calibrate, search and train on; default: some of `data`, not evaluated on"
    )
    text: str = Field(
        "text_a",
        description="key of the sentence; in a .tsv, a name in its first line, or a number from 0 where it has no names",
    )
    pair: str = Field("", description="key of the second sentence, such as text_b; default: there is none")
    label: str = Field("label", description="key of the class")
    classes: tuple[str, ...] = Field(
        (), description="what a class may be, in the order of the model's outputs; default: numbers from 0"
    )


class Sentences(PartsTask, TextTask):
    """Classification of a user's sentences or pairs of sentences. A text that stands in the data twice counts once."""

    Options: ClassVar[type[SentencesOptions]] = SentencesOptions

    def files(self) -> list[Path]:
        """The vocabulary and the data, classes included."""
        given = (self.options.data, self.options.training_data)
        return [*super().files(), *(self.folder / file for file in given if file is not None)]

    def evaluation_data(self) -> Sequence[Sample]:
        """The samples of `data`."""
        return list(self._read(self.options.data).values())

    def training_data(self) -> Sequence[Sample] | None:
        """The samples of `training_data` that are not in `data`."""
        if self.options.training_data is None:
            return None
        judged = self._read(self.options.data)
        return [sample for text, sample in self._read(self.options.training_data).items() if text not in judged]

    def _read(self, file: Path) -> dict[Text, Sample]:
        """The samples by their texts; the first of equal ones."""
        path = self.folder / file
        found: dict[Text, Sample] = {}
        for number, row in _rows(path, named=not self.options.text.isdecimal()):
            text, truth = self._text_and_class(row, f"data {path}: line {number}")
            content = json.dumps(text).encode()
            found.setdefault(text, _sample(f"{path.name} line {number}", text, content, truth=truth))
        if not found:
            raise InputError(f"data {path}: no sample in it; {FIX}")
        return found

    def _text_and_class(self, row: Row, where: str) -> tuple[Text, int]:
        options = self.options
        wanted = [options.text, *([options.pair] if options.pair else []), options.label]
        if lacking := next((name for name in wanted if row.get(name) is None), None):
            raise InputError(f"{where}: no {lacking!r}, but {', '.join(row)}; name those in `text`, `pair` and `label`")
        first, *second, label = (str(row[name]) for name in wanted)
        text = (first, second[0]) if second else first
        if label in options.classes:
            return text, options.classes.index(label)
        if options.classes or not label.isdecimal():
            raise InputError(f"{where}: class {label!r} is not known; name all of them, in order, in `classes`")
        return text, int(label)


def _sample(key: str, text: Text, content: bytes, *, truth: int) -> Sample:
    return Sample(key=key, truth=truth, read=lambda: content, decode=lambda: text)


def _rows(path: Path, *, named: bool) -> Iterator[tuple[int, Row]]:
    """Each sample with the number of its line. Raises InputError for a line that is not right."""
    lines = [line.rstrip("\r") for line in read_text_file(path, what="data", fix=FIX).split("\n")]
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    match path.suffix:
        case ".jsonl":
            yield from ((number, _json_row(line, f"data {path}: line {number}")) for number, line in numbered)
        case ".tsv":
            names = numbered.pop(0)[1].split("\t") if named and numbered else []
            for number, line in numbered:
                values = line.split("\t")
                if names and len(names) != len(values):
                    raise InputError(
                        f"data {path}: line {number}: {len(values)} columns, and {len(names)} names; mend it"
                    )
                yield number, dict(zip(names or map(str, range(len(values))), values, strict=True))
        case _:
            raise InputError(f"data {path}: its name ends in neither .tsv nor .jsonl; {FIX}")


def _json_row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not valid JSON ({error.msg}); {FIX}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: not an object; {FIX}")
    return row
