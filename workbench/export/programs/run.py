"""Runs this model without the workbench: `python run.py IMAGE...` predicts, `python run.py --check` compares with what the workbench got.

network.py opens the model; lib/ holds the pre- and post-processing; settings.json says how both are set.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETTINGS = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
os.environ.setdefault("OMP_NUM_THREADS", str(SETTINGS["threads"]))
sys.path[:0] = [str(HERE / "lib"), str(HERE)]


def load_task() -> Any:
    """The object that turns an image into inputs, and outputs into a prediction."""
    kind = getattr(importlib.import_module(SETTINGS["task"]["module"]), SETTINGS["task"]["class"])
    task = kind(kind.Options.model_validate(SETTINGS["task"]["options"]), HERE)
    task.left_to_task = SETTINGS["task"]["left_to_task"]
    return task


def run(network: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Outputs by name, from inputs by name."""
    values = [inputs[spec["name"]] for spec in SETTINGS["inputs"]]
    return dict(zip((spec["name"] for spec in SETTINGS["outputs"]), network.run(values), strict=True))


def predict(network: Any, task: Any, given: str) -> str:
    """The prediction for an image, or whatever else the task reads, in a line."""
    inputs, meta = task.preprocess(task.read(given))
    text: str = task.tell(task.postprocess(run(network, inputs), meta))
    return text


def check(network: Any) -> float:
    """The largest difference from the workbench's own outputs, relative to the largest of them."""
    import numpy as np

    worst = 0.0
    for sample in sorted((HERE / "check").iterdir()):
        wanted = read_tensors(sample / "outputs")
        for value, want in zip(network.run(read_tensors(sample / "inputs")), wanted, strict=True):
            far = np.abs(value.astype(np.float64) - want).max(initial=0.0)
            worst = max(worst, float(far / max(1.0, np.abs(want).max(initial=0.0))))
    return worst


def read_tensors(folder: Path) -> list[Any]:
    """The tensors 0, 1, ... of a folder: values in a .bin file, type and shape in a .txt file."""
    import numpy as np

    found = []
    for file in sorted(folder.glob("*.txt"), key=lambda file: int(file.stem)):
        kind, *shape = file.read_text(encoding="utf-8").split()
        found.append(np.fromfile(file.with_suffix(".bin"), kind).reshape([int(axis) for axis in shape]))
    return found


def main() -> int:
    """The exit code is 1 when the check fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("given", nargs="*", metavar="IMAGE", help="images, or what else the model reads")
    parser.add_argument("--check", action="store_true", help="compare with the outputs in check/")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="largest difference that passes the check")
    args = parser.parse_args()
    if not args.given and not args.check:
        parser.error("give an image, or --check")
    network = importlib.import_module("network").Network(SETTINGS, HERE)
    task = load_task() if args.given else None
    for given in args.given:
        print(f"{given}: {predict(network, task, given)}")
    if args.check:
        worst = check(network)
        print(f"largest difference from the workbench's outputs: {worst:.3g}")
        return int(worst > args.tolerance)
    return 0


if __name__ == "__main__":
    sys.exit(main())
