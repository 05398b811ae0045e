"""How much of the GPU's memory this process holds."""

import os
import subprocess

MEBIBYTE = 1024 * 1024
QUERY = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]


def process_memory_mb() -> float | None:
    """GPU memory of this process in MB (1e6 bytes), CUDA's own share included; None where the driver does not tell."""
    try:
        said = subprocess.run(QUERY, capture_output=True, text=True, timeout=20, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return None
    return memory_of(os.getpid(), said)


def memory_of(process: int, said: str) -> float | None:
    """The memory of a process in MB (1e6 bytes), summed over GPUs, from nvidia-smi's lines of process id and MiB.

    None when the process is not among them, as in a container with process ids of its own.
    """
    pairs = [[cell.strip() for cell in line.split(",")] for line in said.splitlines()]
    found = [
        int(used)
        for number, used in (pair for pair in pairs if len(pair) == 2)
        if number == str(process) and used.isdigit()
    ]
    return sum(found) * MEBIBYTE / 1e6 if found else None
