"""How long *Run All* of each notebook takes on this machine, as CPU time of all its processes; for the course's index.

`python benchmarks/notebook_times.py [NAME ...]` runs the named notebooks, or all of the learning path in its order, in a fresh folder, writes what
it took to `workbench/lessons/notebook_times.json`, and the index anew. Notebooks on one recipe share a run, as they do for whoever follows
the path. CPU time, since a machine that does other things as well takes longer, and not more.
"""

import json
import logging
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import papermill

from workbench.files import write_text
from workbench.lessons.course import TIMES_FILE, measured_times, read_course, write_index
from workbench.machine import this_machine
from workbench.notebooks import NOTEBOOKS
from workbench.report.labels import count

logger = logging.getLogger(__name__)


def cpu_seconds(stem: str, runs: Path) -> float:
    """Execute a notebook by papermill; the CPU time of it and of all that it started. Raises CalledProcessError when it fails."""
    notebook = NOTEBOOKS / f"{stem}.ipynb"
    parameters = papermill.inspect_notebook(str(notebook))
    recipe = parameters["recipe"]["default"].strip("\"'") if "recipe" in parameters else stem
    before = _used()
    subprocess.run(
        [sys.executable, "-m", "papermill", notebook, runs / f"{stem}.ipynb", "--no-progress-bar", "-k", "python3",
         "-p", "output_dir", str(runs / recipe)],
        check=True, capture_output=True,
    )  # fmt: skip
    return _used() - before


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, and write what was measured."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    machine = this_machine()
    told = f"{machine.cpu}, {count(machine.cores, 'core')} (machine {machine.machine_id})"
    known = measured_times()
    seconds = known["seconds"] if known["machine"] == told else {}
    path = [chapter.stem for sitting in read_course() for chapter in sitting.chapters]
    with tempfile.TemporaryDirectory() as runs:
        for stem in sys.argv[1:] or path:
            seconds[stem] = round(cpu_seconds(stem, Path(runs)), 1)
            logger.info("%s: %.1f s", stem, seconds[stem])
            ordered = {name: seconds[name] for name in path if name in seconds}
            write_text(
                TIMES_FILE, json.dumps({"machine": told, "seconds": ordered}, indent=1, ensure_ascii=False) + "\n"
            )
    write_index()


if __name__ == "__main__":
    main()
