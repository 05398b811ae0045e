"""Configuration files of any kind, read as a recipe with its account."""

from collections.abc import Sequence
from pathlib import Path

from workbench.compress.account import Account
from workbench.compress.act import read_act
from workbench.compress.choices import CompressMethod
from workbench.compress.fastdeploy import is_fastdeploy, read_fastdeploy
from workbench.compress.layers import parse_overrides, read_layers
from workbench.compress.paddledetection import read_paddledetection
from workbench.compress.reading import Flags, Reading


def read_config(
    path: Path, *, method: CompressMethod | None = None, overrides: Sequence[str] = (), flags: Flags | None = None
) -> Reading:
    """Read FastDeploy's or ACT's one file; raises InputError."""
    layers = [*read_layers(path), parse_overrides(overrides)]
    read = read_fastdeploy if is_fastdeploy(Account(layers)) else read_act
    return read(layers, path.name, method, flags or Flags())


def read_pair(model: Path, slim: Path, *, overrides: Sequence[str] = (), flags: Flags | None = None) -> Reading:
    """Read PaddleDetection's model and slim configuration; raises InputError."""
    return read_paddledetection(read_layers(model), read_layers(slim), parse_overrides(overrides), flags or Flags())
