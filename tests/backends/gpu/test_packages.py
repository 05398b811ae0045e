"""What a package for GPUs is for."""

import pytest

from workbench.backends.gpu.packages import architectures_of, cuda_of


@pytest.mark.parametrize(
    ("package", "version", "cuda"),
    [
        ("onnxruntime-gpu", "1.18.1", 11), ("onnxruntime-gpu", "1.19.0", 12), ("onnxruntime-gpu", "1.27.0", 13),
        ("paddlepaddle-gpu", "2.6.2", 11), ("paddlepaddle-gpu", "2.6.2.post120", 12), ("paddlepaddle-gpu", "3.0.0", None),
        ("tensorrt-cu13", "11.4.0.106", 13), ("cuda-bindings", "12.9.4", 12), ("numpy", "1.26.4", None),
    ],
)  # fmt: skip
def test_cuda_is_known_when_a_packages_version_tells_it(package, version, cuda):
    assert cuda_of(package, version) == cuda


def test_every_gpu_fits_when_nothing_is_known_of_a_package():
    lowest, highest = architectures_of("numpy", "1.26.4")
    assert lowest <= (6, 0) <= (12, 0) <= highest
