"""The fingerprint of a machine."""

import importlib.metadata
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.machine import ISA_MEANING, Machine, package_version, this_machine

MACHINE = Machine(
    cpu="Some CPU @ 2.50GHz",
    cores=2,
    isa=("avx2", "avx512_vnni"),
    memory_gb=25.3,
    gpus=(),
    os="Linux 6.1",
    python="3.11.7",
    versions={"numpy": "1.26.4"},
)


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script in the place of NVIDIA's tool, the first in PATH."""
    script = tmp_path / "nvidia-smi"
    script.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return script


def test_this_machine_agrees_with_the_kernel_when_asked():
    machine = this_machine()
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    assert machine.isa == tuple(flag for flag in ISA_MEANING if flag in flags)
    assert machine.cores == len(os.sched_getaffinity(0))
    total_kb = int(Path("/proc/meminfo").read_text().split()[1])
    assert machine.memory_gb == pytest.approx(total_kb * 1024 / 1e9, abs=0.2)
    assert machine.python == ".".join(map(str, sys.version_info[:3]))
    assert machine.versions["numpy"] == importlib.metadata.version("numpy")
    assert this_machine() is machine


def test_this_machine_loads_no_runtime_when_asked():
    code = "import sys; from workbench.machine import this_machine; this_machine(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "paddle", "onnxruntime", "onnx"} & set(loaded)


def test_as_dict_fits_json_when_written():
    found = json.loads(json.dumps(MACHINE.as_dict()))
    assert found["machine_id"] == MACHINE.machine_id
    assert found["cpu"] == {"model": MACHINE.cpu, "cores": 2, "isa": ["avx2", "avx512_vnni"]}
    assert (found["memory_gb"], found["gpus"], found["versions"]) == (25.3, [], {"numpy": "1.26.4"})


def test_machine_id_is_equal_when_only_software_differs():
    other = replace(MACHINE, os="Linux 6.2", python="3.12.1", versions={}, memory_gb=25.1)
    assert other.machine_id == MACHINE.machine_id
    assert len(MACHINE.machine_id) == 12


@pytest.mark.parametrize(
    "change", [{"cpu": "Other"}, {"cores": 4}, {"isa": ("avx2",)}, {"memory_gb": 64.0}, {"gpus": ({"name": "T4"},)}]
)
def test_machine_id_differs_when_the_hardware_does(change):
    assert replace(MACHINE, **change).machine_id != MACHINE.machine_id


def test_package_version_gives_none_when_nothing_is_installed():
    assert package_version("no-such-distribution") is None
    assert package_version("numpy") == importlib.metadata.version("numpy")


def test_gpus_are_listed_when_the_driver_answers(nvidia_smi):
    nvidia_smi.write_text(
        "#!/bin/sh\nprintf 'NVIDIA H100, 81559 MiB, 550.54, 9.0\\nTesla T4, 15360 MiB, 550.54, 7.5\\n'\n"
    )
    first, second = this_machine.__wrapped__().gpus
    assert first == {
        "name": "NVIDIA H100",
        "memory.total": "81559 MiB",
        "driver_version": "550.54",
        "compute_cap": "9.0",
    }
    assert second["name"] == "Tesla T4"


@pytest.mark.parametrize(
    "script",
    ["echo 'NVIDIA-SMI has failed'; exit 9", "echo 'No devices were found'", "true"],
    ids=["9", "none", "empty"],
)
def test_gpus_are_none_when_the_driver_does_not_answer(nvidia_smi, script):
    nvidia_smi.write_text(f"#!/bin/sh\n{script}\n")
    assert this_machine.__wrapped__().gpus == ()
