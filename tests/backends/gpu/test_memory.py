"""What nvidia-smi says of this process's memory."""

import pytest

from workbench.backends.gpu.memory import memory_of, process_memory_mb

SAID = "1234, 512\n99, 24\n1234, 100\n7, [N/A]\n"


@pytest.mark.parametrize(("process", "mebibytes"), [(1234, 612), (99, 24)])
def test_memory_is_summed_when_a_process_is_on_several_gpus(process, mebibytes):
    assert memory_of(process, SAID) == pytest.approx(mebibytes * 1.048576)


@pytest.mark.parametrize(("process", "said"), [(5, SAID), (7, SAID), (1, ""), (1, "No devices were found\n")])
def test_memory_is_none_when_the_process_is_not_listed(process, said):
    assert memory_of(process, said) is None


def test_memory_is_none_when_there_is_no_nvidia_smi(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert process_memory_mb() is None
