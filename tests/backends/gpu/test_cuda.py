"""Faults of CUDA in one line."""

from workbench.backends.gpu.cuda import fault


def test_fault_names_error_and_function_when_a_call_fails():
    said = fault(
        "cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version", "cudaSetDevice"
    )
    assert said == (
        "CUDA: CUDA driver version is insufficient for CUDA runtime version (cudaErrorInsufficientDriver in cudaSetDevice)"
    )


def test_fault_tells_what_is_free_when_memory_ran_out():
    said = fault(
        "cudaErrorMemoryAllocation",
        "out of memory",
        "cudaMalloc",
        wanted=2_100_000_000,
        memory=(300_000_000, 15_800_000_000),
    )
    assert said.startswith("out of GPU memory: 2100.0 MB more asked for, 0.3 of 15.8 GB free; lower the batch")


def test_fault_blames_the_host_when_pinned_memory_ran_out():
    said = fault("cudaErrorMemoryAllocation", "out of memory", "cudaHostAlloc", wanted=5_000_000, memory=(1, 2))
    assert said == "out of pinned host memory: 5.0 MB more asked for; deploy with pinned: false"


def test_fault_says_no_more_than_it_knows_when_memory_ran_out_elsewhere():
    said = fault("cudaErrorMemoryAllocation", "out of memory", "cudaGraphLaunch", memory=(None, None))
    assert said.startswith("out of GPU memory: more asked for; ")
