"""Where a recipe's models come from: those that it names by their place in the zoo are fetched, the others are there."""

from typing import TYPE_CHECKING

from workbench.experiment import ModelSource
from workbench.models.zoo import Archive, float_archive
from workbench.pipeline.progress import Bar

if TYPE_CHECKING:
    from workbench.models.zoo_cache import ModelFiles


def at_hand(source: ModelSource) -> ModelSource:
    """The same model by its path; a zoo model is fetched first. Raises InputError when it cannot be had."""
    if source.zoo is None:
        return source
    files = fetched(source.zoo, float_archive(source.zoo, source.archive))
    found = {"path": files.path, "params": files.params, "name": source.label, "zoo": None, "archive": None}
    return source.model_copy(update=found)


def fetched(model: str, archive: Archive) -> "ModelFiles":
    """The files of an archive, with a bar while it is fetched; raises InputError when they cannot be had."""
    from workbench.models.zoo_cache import CachedArchive  # loads what speaks https

    with Bar(f"fetch {archive.file_name}", unit="B") as bar:
        return CachedArchive(model, archive).fetch(progress=bar)
