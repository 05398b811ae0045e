"""The usual breakages of a GPU environment: each is found, with its cure, and nothing is found where nothing is wrong."""

import pytest

from workbench.backends.gpu.diagnosis import Facts, breaking, diagnose, installed

PROVIDERS = {"libonnxruntime_providers_cuda.so", "libonnxruntime_providers_tensorrt.so"}
GOOD = {
    "onnxruntime-gpu": "1.23.2", "paddlepaddle-gpu": "3.0.0", "tensorrt-cu12": "10.13.3.9", "cuda-bindings": "12.9.4", "numpy": "1.26.4",
}  # fmt: skip


def facts(
    packages=None,
    *,
    capability="8.6",
    driver="550.54.15",
    libraries=frozenset(PROVIDERS | {"libnvinfer.so.10"}),
    gpus=1,
):
    gpu = {"name": "A10", "compute_cap": capability, "driver_version": driver}
    return Facts((gpu,) * gpus, GOOD if packages is None else packages, frozenset(libraries))


def test_nothing_is_found_when_the_environment_agrees_with_itself():
    assert diagnose(facts()) == []


def test_nothing_is_found_when_there_is_neither_a_gpu_nor_a_package_for_one():
    assert diagnose(facts({"onnxruntime": "1.31.1", "paddlepaddle": "3.0.0"}, gpus=0)) == []


@pytest.mark.parametrize("name", ["onnxruntime", "paddlepaddle"])
def test_two_builds_are_found_when_the_cpus_and_the_gpus_are_installed(name):
    (found,) = diagnose(facts(GOOD | {name: "1.0"}))
    assert found.problem == f"{name} and {name}-gpu are both installed and overwrite each other"
    assert found.cure.startswith("pip uninstall -y ")


def test_missing_driver_is_found_when_packages_for_a_gpu_are_there():
    (found,) = diagnose(facts(gpus=0))
    assert found.problem == "onnxruntime-gpu is installed and nvidia-smi shows no GPU"


@pytest.mark.parametrize(
    ("driver", "package", "version", "needed"),
    [
        ("470.199", "onnxruntime-gpu", "1.23.2", "525.60.13"),
        ("525.60.12", "tensorrt-cu12", "10.13.3.9", "525.60.13"),
        ("570.10", "cuda-bindings", "13.0.1", "580.65.6"),
    ],
)
def test_old_driver_is_found_when_a_wheel_is_for_a_newer_cuda(driver, package, version, needed):
    (found,) = breaking(facts({package: version}, driver=driver))
    assert found.problem.startswith(f"driver {driver} is too old for {package} {version}")
    assert found.cure == f"update it to {needed} or later"


def test_driver_is_good_when_it_is_just_the_oldest_one():
    assert breaking(facts({"tensorrt-cu12": "10.13.3.9"}, driver="525.60.13")) == []


def test_missing_provider_is_found_when_the_cpu_build_overwrote_it():
    (found,) = diagnose(facts(libraries={"libonnxruntime_providers_tensorrt.so", "libnvinfer.so.10"}))
    assert found.problem == "onnxruntime-gpu is installed without libonnxruntime_providers_cuda.so"


@pytest.mark.parametrize(
    ("libraries", "said"), [({"libnvinfer.so.11"}, "here is libnvinfer.so.11"), (set(), "none is here")]
)
def test_wrong_libnvinfer_is_found_when_the_provider_wants_another(libraries, said):
    (found,) = diagnose(facts(libraries=PROVIDERS | libraries))
    assert found.problem == f"onnxruntime-gpu 1.23.2 runs TensorRT through libnvinfer.so.10, and {said}"
    assert "tensorrt-cu12" in found.cure


def test_libnvinfer_is_good_when_its_name_has_the_whole_version():
    assert diagnose(facts(libraries=PROVIDERS | {"libnvinfer.so.10.13.3"})) == []


def test_several_cudas_are_found_when_packages_are_for_different_ones():
    (found,) = diagnose(facts(GOOD | {"onnxruntime-gpu": "1.31.1"}, driver="590.1"))
    assert found.problem == (
        "packages for different CUDA versions: cuda-bindings for CUDA 12, onnxruntime-gpu for CUDA 13, tensorrt-cu12 for CUDA 12"
    )


@pytest.mark.parametrize(
    ("package", "version", "capability", "fits"),
    [
        ("tensorrt-cu12", "10.13.3.9", "7.5", True),
        ("tensorrt-cu12", "10.13.3.9", "7.0", False),
        ("tensorrt-cu12", "10.4.0", "7.0", True),
        ("tensorrt-cu12", "10.5.0", "12.0", False),
        ("tensorrt-cu13", "11.4.0.106", "12.0", True),
        ("onnxruntime-gpu", "1.23.2", "12.0", True),
        ("onnxruntime-gpu", "1.31.1", "7.0", False),
        ("paddlepaddle-gpu", "2.6.2", "9.0", False),
        ("paddlepaddle-gpu", "2.6.2", "8.9", True),
    ],
)
def test_architecture_is_found_when_a_wheel_has_no_code_for_it(package, version, capability, fits):
    found = breaking(facts({package: version}, capability=capability, driver="590.1"))
    assert (found == []) is fits
    if not fits:
        assert found[0].problem.startswith(
            f"{package} {version} has no code for A10 (compute capability {capability}): it is for "
        )


def test_findings_are_one_line_each_when_this_machine_is_asked():
    for finding in diagnose(installed()):
        assert "\n" not in finding.problem + finding.cure
