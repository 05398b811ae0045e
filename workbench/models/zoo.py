"""The zoo: published models by name, with their archives and preprocessing, as zoo.yaml states them."""

import functools
import re
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Self
from urllib.parse import urlsplit

import yaml
from pydantic import Field, field_validator, model_validator

from workbench.errors import InputError
from workbench.experiment import Strict, validate
from workbench.tasks.detection.decoders import Decoder as DecoderKind
from workbench.tasks.preparation import Preparation

ZOO_FILE = Path(__file__).with_name("zoo.yaml")
ARCHIVE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.(tar|tgz|tar\.gz|tar\.bz2|tar\.xz|zip|onnx)")
Axis = Annotated[int, Field(ge=-1)]


class Family(StrEnum):
    """The task that a model is for."""

    CLASSIFICATION = "classification"
    DETECTION = "detection"
    SEGMENTATION = "segmentation"
    TEXT = "text"


class Strategy(StrEnum):
    """How others quantized a model."""

    PTQ = "PTQ"
    QAT = "QAT"


class Input(Strict):
    """One input of a model, float32 unless the file says otherwise; -1 is an axis of any length."""

    name: str
    also: tuple[str, ...] = Field((), description="what other archives of the same model call it")
    shape: tuple[Axis, ...]


class Archive(Strict):
    """A file that holds a model, as somebody publishes it."""

    url: str = Field(pattern=r"^https?://[^\s?#]+$")
    source: str = Field(description="where the address was published: a key of `sources`")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="of the file, where its publisher states it"
    )
    folder: str | None = Field(
        None, description="folder of the archive that the model lies in, where there are several"
    )
    note: str = ""

    @field_validator("url")
    @classmethod
    def _names_an_archive(cls, value: str) -> str:
        if not ARCHIVE_NAME.fullmatch(PurePosixPath(urlsplit(value).path).name):
            raise ValueError("must end in the name of an archive (tar, tgz, tar.gz, zip) or of an .onnx file")
        return value

    @property
    def file_name(self) -> str:
        """Name of the file, by which an archive of a model is chosen."""
        return PurePosixPath(urlsplit(self.url).path).name


class Int8Archive(Archive):
    """An archive of a model that others quantized."""

    strategy: Strategy


class Decoder(Strict):
    """How outputs become boxes, and the thresholds that the publisher deploys with."""

    name: DecoderKind
    score: float | None = Field(None, ge=0, le=1)
    iou: float | None = Field(None, ge=0, le=1)
    multi_label: bool = False
    masks: bool = Field(False, description="whether the model gives instance masks too")


class Entry(Strict):
    """One model of the zoo."""

    title: str
    task: Family
    metric: str
    licence: str
    inputs: tuple[Input, ...] = Field((), description="what the file itself says counts; empty: nowhere stated")
    preparation: Preparation | None = Field(None, description="how an image becomes the input")
    decoder: Decoder | None = None
    architecture: str | None = Field(None, description="the network without weights, had offline")
    fp32: tuple[Archive, ...] = Field(min_length=1, description="the first is taken unless another is asked for")
    int8: tuple[Int8Archive, ...] = Field(min_length=1, description="the first is taken unless another is asked for")
    published_as: tuple[str, ...] = Field((), description="its names in the published tables (report/published.yaml)")

    @property
    def archives(self) -> tuple[Archive, ...]:
        """All archives, FP32 first."""
        return (*self.fp32, *self.int8)

    @model_validator(mode="after")
    def _file_names_differ(self) -> Self:
        names = [archive.file_name for archive in self.archives]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two archives are called {twice}")
        return self


class Zoo(Strict):
    """All of zoo.yaml."""

    schema_version: int = Field(ge=1, le=1)
    sources: dict[str, str]
    models: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Entry]

    @model_validator(mode="after")
    def _sources_are_there(self) -> Self:
        for name, entry in self.models.items():
            stated = [found.source for found in entry.archives]
            if unknown := next((source for source in stated if source not in self.sources), None):
                raise ValueError(f"{name}: source {unknown!r} is not in `sources`")
        return self


def read_zoo() -> Zoo:
    """All of zoo.yaml; raises InputError when it breaks the format."""
    return _read(ZOO_FILE)


@functools.cache
def _read(file: Path) -> Zoo:
    return validate(Zoo, yaml.safe_load(file.read_text(encoding="utf-8")), where=str(file))


def zoo_entry(name: str) -> Entry:
    """An entry by name; raises InputError, with the names, when there is none."""
    models = read_zoo().models
    if name not in models:
        raise InputError(f"zoo model {name!r}: not known; models are: {', '.join(models)}")
    return models[name]


def float_archive(name: str, file_name: str | None = None) -> Archive:
    """The FP32 archive of a model: the one with this file name, or the first; raises InputError."""
    return _chosen(name, zoo_entry(name).fp32, file_name)


def int8_archive(name: str, file_name: str | None = None) -> Archive:
    """The archive of the model as others quantized it: the one with this file name, or the first; raises InputError."""
    return _chosen(name, zoo_entry(name).int8, file_name)


def _chosen(name: str, archives: tuple[Archive, ...], file_name: str | None) -> Archive:
    found = next((archive for archive in archives if file_name in (None, archive.file_name)), None)
    if found is None:
        choices = ", ".join(archive.file_name for archive in archives)
        raise InputError(f"zoo model {name!r}: it has no archive {file_name!r} here; archives are: {choices}")
    return found
