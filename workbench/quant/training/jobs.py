"""The worker job of the methods that train: it makes a Model from a Model, by what the method's options plan."""

from pathlib import Path
from typing import Any

from workbench.models.model import Model
from workbench.quant.registry import METHODS
from workbench.quant.training.options import TrainedOptions
from workbench.quant.training.train import train_model
from workbench.quant.write import Origin
from workbench.worker import Channel


def train_job(
    channel: Channel, *, model: str, task: dict[str, Any], method: str, options: dict[str, Any], variant: str, kept: str, models: str
) -> dict[str, Any]:  # fmt: skip
    """Worker job: train, from the checkpoint in `kept` where there is one; returns the new Model's digest and the seconds."""
    source, parsed = Model.open(Path(model)), METHODS[method].parse(options)
    assert isinstance(parsed, TrainedOptions)
    origin = Origin(method, variant, options, parent=source.digest)
    return train_model(
        channel, source, parsed.plan(), origin=origin, task=task, checkpoint=Path(kept), models=Path(models)
    )
