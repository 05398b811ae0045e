"""Training in several processes, which `paddle.distributed.launch` starts: one a GPU, or so many on the CPU."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError, WorkbenchError
from workbench.files import write_json
from workbench.quant.training import rank
from workbench.quant.training.learn import Assignment, Learned
from workbench.quant.training.loop import Trained
from workbench.quant.training.options import Training, TrainingDevice
from workbench.worker import PR_SET_PDEATHSIG, Channel

POLL_S = 0.2
GRACE_S = 10.0


def learn_together(channel: Channel, given: Assignment) -> Learned:
    """Train in as many processes as the plan says; they all learn the same.

    Raises InputError as `learn` does, WorkbenchError when a process fails otherwise.
    """
    train = given.plan.train
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_json(folder / rank.ASSIGNMENT, given.as_json())
        with _launched(folder, train) as launcher:
            result = _follow(channel, launcher, [folder / f"{rank.MESSAGES}-{n}" for n in range(train.processes)])
        with np.load(folder / rank.WEIGHTS, allow_pickle=False) as stored:
            weights = {name: stored[f"weight_{place}"] for place, name in enumerate(result["weights"])}
    trained = result["trained"]
    return Learned(weights, result["ranges"], Trained(**trained | {"losses": tuple(trained["losses"])}))


@contextlib.contextmanager
def _launched(folder: Path, train: Training) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable,
        "-m",
        "paddle.distributed.launch",
        "--log_dir",
        str(folder / "logs"),
        "--log_level",
        "WARNING",
    ]
    on_gpus = train.device is TrainingDevice.GPU
    command += ["--devices", ",".join(map(str, range(train.processes)))] if on_gpus else ["--nproc_per_node", str(train.processes)]  # fmt: skip
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS", "1")) // train.processes)
    # They find what this process finds; without the safe path, modules beside rank.py would be taken for others of their names.
    path = os.pathsep.join(folder or str(Path.cwd()) for folder in sys.path)
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
    end_with_us = ctypes.CDLL(None).prctl
    launcher = subprocess.Popen(
        [*command, str(Path(rank.__file__)), str(folder)],
        env=environment,
        preexec_fn=lambda: end_with_us(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0),
    )
    try:
        yield launcher
        with contextlib.suppress(subprocess.TimeoutExpired):
            launcher.wait(GRACE_S)
    finally:
        launcher.kill()
        launcher.wait()


def _follow(channel: Channel, launcher: subprocess.Popen[bytes], files: list[Path]) -> dict[str, Any]:
    """Pass on the progress of the first process until it has a result; raises what stopped any of them."""
    read = [0] * len(files)
    while True:
        ended = launcher.poll() is not None
        for number, file in enumerate(files):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True) if file.is_file() else []
            for line in lines[read[number] :]:
                if not line.endswith("\n"):
                    break
                read[number] += 1
                message = json.loads(line)
                if message["kind"] == "error":
                    raise (InputError if message["fault"] == "input" else WorkbenchError)(message["reason"])
                if message["kind"] == "result":
                    return dict(message)
                if number == 0:
                    channel.progress(message["done"], message["total"], message["label"])
        if ended:
            raise WorkbenchError(f"training in {len(files)} processes: they ended (exit code {launcher.returncode}) without an answer")  # fmt: skip
        time.sleep(POLL_S)
