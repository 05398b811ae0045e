"""The quantization methods by name. A new method: its file, one row here, one row in the tests."""

from workbench.quant.base import Method
from workbench.quant.dynamic import DynamicOptions
from workbench.quant.static import StaticOptions

METHODS = {
    method.name: method
    for method in (
        Method(
            "static",
            title="static post-training quantization (PaddleSlim)",
            options=StaticOptions,
            job="workbench.quant.static:quantize_job",
            integer=True,
        ),
        Method(
            "dynamic",
            title="weight-only post-training quantization (PaddleSlim)",
            options=DynamicOptions,
            job="workbench.quant.dynamic:quantize_job",
            integer=False,
        ),
    )
}
