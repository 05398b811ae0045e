"""The quantization methods by name. A new method: its file, one row here, one row in the tests."""

from workbench.quant.base import Method, MethodOptions
from workbench.quant.dynamic import DynamicOptions
from workbench.quant.static import StaticOptions
from workbench.quant.training.options import (
    DistillOnlyOptions,
    DistillOptions,
    DistillPruneOptions,
    PactOptions,
    PruneOptions,
    PruneQatOptions,
    QatOptions,
)

TRAINING = "workbench.quant.training.jobs"
ROWS: tuple[tuple[str, str, type[MethodOptions], str, bool], ...] = (
    (
        "dynamic",
        "weight-only post-training quantization",
        DynamicOptions,
        "workbench.quant.dynamic:quantize_job",
        False,
    ),
    ("static", "static post-training quantization", StaticOptions, "workbench.quant.static:quantize_job", True),
    ("qat", "quantization-aware training from labels", QatOptions, f"{TRAINING}:qat_job", True),
    ("pact", "quantization-aware training that learns where to clip", PactOptions, f"{TRAINING}:pact_job", True),
    ("distill", "quantization-aware distillation without labels", DistillOptions, f"{TRAINING}:distill_job", True),
    ("distill_only", "distillation", DistillOnlyOptions, f"{TRAINING}:distill_only_job", False),
    ("prune", "filter pruning and fine-tuning", PruneOptions, f"{TRAINING}:prune_job", False),
    ("distill_prune", "filter pruning and distillation", DistillPruneOptions, f"{TRAINING}:distill_prune_job", False),
    ("prune_qat", "filter pruning and quantization-aware training", PruneQatOptions, f"{TRAINING}:prune_qat_job", True),
)
METHODS = {
    name: Method(name, title=title, options=options, job=job, integer=integer)
    for name, title, options, job, integer in ROWS
}
