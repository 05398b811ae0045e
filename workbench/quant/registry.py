"""The quantization methods by name. A new method: its file, one row here, one row in the tests."""

from workbench.quant.base import Method
from workbench.quant.dynamic import DynamicOptions
from workbench.quant.published import PublishedOptions
from workbench.quant.static import StaticOptions
from workbench.quant.training import options as training

STATIC, DYNAMIC = "workbench.quant.static:quantize_job", "workbench.quant.dynamic:quantize_job"
PUBLISHED = "workbench.quant.published:publish_job"
TRAIN = "workbench.quant.training.jobs:train_job"
METHODS = {
    method.name: method
    for method in (
        Method("dynamic", "weight-only post-training quantization", DynamicOptions, job=DYNAMIC, integer=False),
        Method("static", "static post-training quantization", StaticOptions, job=STATIC, integer=True),
        Method("published", "quantized by others, deployed as it is", PublishedOptions, job=PUBLISHED, integer=True),
        Method("qat", "quantization-aware training from labels", training.QatOptions, job=TRAIN, integer=True),
        Method("pact", "quantization-aware training that learns where to clip", training.PactOptions, job=TRAIN, integer=True),
        Method("distill", "quantization-aware distillation without labels", training.DistillOptions, job=TRAIN, integer=True),
        Method("distill_only", "distillation", training.DistillOnlyOptions, job=TRAIN, integer=False),
        Method("prune", "filter pruning and fine-tuning", training.PruneOptions, job=TRAIN, integer=False),
        Method("distill_prune", "filter pruning and distillation", training.DistillPruneOptions, job=TRAIN, integer=False),
        Method("prune_qat", "filter pruning and quantization-aware training", training.PruneQatOptions, job=TRAIN, integer=True),
    )
}  # fmt: skip
