"""One process of a training in several, as `paddle.distributed.launch` starts it: `rank.py FOLDER`, which holds the assignment.

It answers as a worker does, one JSON message a line, in a file of the folder: the launcher keeps the streams for itself.
"""

import ctypes
import json
import os
import signal
import sys
import traceback
from dataclasses import asdict
from pathlib import Path

import numpy as np

from workbench.quant.training.learn import Assignment, learn
from workbench.quant.training.parallel import Group
from workbench.worker import PR_SET_PDEATHSIG, Channel, fault_of, reason_of

ASSIGNMENT = "assignment.json"
MESSAGES = "messages"
WEIGHTS = "weights.npz"
RANK = "PADDLE_TRAINER_ID"


def main(folder: Path) -> int:
    """Carry out the assignment; the exit code is 0 when it is done."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the launcher gives us a session of our own
    channel = messages_to(folder / f"{MESSAGES}-{os.environ[RANK]}")
    try:
        given = Assignment.from_json(json.loads((folder / ASSIGNMENT).read_text(encoding="utf-8")))
        group = Group.join()
        learned = learn(channel, given, group)
        if group.rank == 0:
            arrays = {f"weight_{place}": value for place, value in enumerate(learned.weights.values())}
            np.savez(folder / WEIGHTS, **arrays)
            trained = asdict(learned.trained)
            channel.send("result", weights=list(learned.weights), ranges=dict(learned.ranges), trained=trained)
    except BaseException as error:
        traceback.print_exc()
        channel.send("error", fault=fault_of(error), reason=reason_of(error))
        return 1
    return 0


def messages_to(path: Path) -> Channel:
    """A channel that writes into a file and hears nothing."""
    writing = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    return Channel(os.open(os.devnull, os.O_RDONLY), writing)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
