"""The files that travel with a model: how its inputs are prepared, and the names of its classes."""

import shutil
from collections.abc import Iterable
from pathlib import Path

DEPLOY_FILES = ("deploy.yaml", "infer_cfg.yml", "inference.yml", "inference_cls.yaml")
"""Of PaddleSeg, of PaddleDetection (two names) and of PaddleClas."""
NAME_LISTS = ("labels.txt", "label_list.txt", "imagenet1k_label_list.txt", "vocab.txt")
SIDE_FILES = (*DEPLOY_FILES, *NAME_LISTS)


def side_files(folder: Path) -> list[Path]:
    """Those that lie in a model's folder."""
    return [folder / name for name in SIDE_FILES if (folder / name).is_file()]


def find_deploy_file(folder: Path) -> Path | None:
    """The deploy file in a model's folder, if there is one."""
    return next((folder / name for name in DEPLOY_FILES if (folder / name).is_file()), None)


def copy_side_files(files: Iterable[Path], target: Path) -> None:
    """Copy such files into another folder."""
    for file in files:
        shutil.copyfile(file, target / file.name)
