"""The worker jobs of the methods that train: each makes a Model from a Model, by what its options plan."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.models.model import Model
from workbench.quant.training.options import (
    DistillOnlyOptions,
    DistillOptions,
    DistillPruneOptions,
    PactOptions,
    PruneOptions,
    PruneQatOptions,
    QatOptions,
    TrainedOptions,
)  # fmt: skip
from workbench.quant.training.train import train_model
from workbench.quant.training.write import Origin
from workbench.worker import Channel

TrainJob = Callable[..., dict[str, Any]]


def _job(method: str, kind: type[TrainedOptions]) -> TrainJob:
    def job(
        channel: Channel, *, model: str, task: dict[str, Any], options: dict[str, Any], variant: str, kept: str, models: str
    ) -> dict[str, Any]:  # fmt: skip
        """Worker job: train, from the checkpoint in `kept` where there is one; returns the new Model's digest and the seconds."""
        source, plan = Model.open(Path(model)), kind.model_validate(options).plan()
        origin = Origin(method, variant, options, parent=source.digest)
        return train_model(channel, source, plan, origin=origin, task=task, checkpoint=Path(kept), models=Path(models))

    return job


qat_job = _job("qat", QatOptions)
pact_job = _job("pact", PactOptions)
distill_job = _job("distill", DistillOptions)
distill_only_job = _job("distill_only", DistillOnlyOptions)
prune_job = _job("prune", PruneOptions)
distill_prune_job = _job("distill_prune", DistillPruneOptions)
prune_qat_job = _job("prune_qat", PruneQatOptions)
