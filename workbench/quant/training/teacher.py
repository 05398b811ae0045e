"""The network that a student learns from, where the recipe names another than the student itself."""

from pathlib import Path

from workbench.experiment import ModelSource
from workbench.models.importers import import_job, source_files
from workbench.models.model import Model
from workbench.models.sample import SAMPLES
from workbench.worker import Channel


def teacher_files(teacher: Path, folder: Path) -> list[Path]:
    """The files of a teacher, a sample's name or a path relative to `folder`; raises InputError when they are missing."""
    return source_files(_source(teacher, folder))


def import_teacher(channel: Channel, teacher: Path, *, folder: Path, models: Path) -> Model:
    """The teacher as a float Model below `models`, its tensors named as a student's are; raises InputError when it cannot be read."""
    source = _source(teacher, folder).model_dump(mode="json")
    # Nobody learns from boxes after suppression: it has no gradient.
    made = import_job(channel, source=source, models=str(models), keep_batch_norms=True, strip_nms_if_there=True)
    return Model.open(models / made["digest"])


def _source(teacher: Path, folder: Path) -> ModelSource:
    if str(teacher) in SAMPLES:
        return ModelSource(sample=str(teacher))
    return ModelSource(path=(folder / teacher.expanduser()).resolve())
