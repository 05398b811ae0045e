"""`python -m docs.site`: execute what changed, then build the course without and with the solutions of its exercises."""

import argparse
import logging
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.site.execution import executed_copy, known_parameters
from docs.site.pages import lay_out
from workbench.errors import WorkbenchError

ROOT = Path(__file__).resolve().parents[2]
# Enough to see that executed notebooks become pages, in a minute.
SMOKE = ("index", "05a_fundamentals", "07_choose_a_method")
logger = logging.getLogger("docs.site")


def execute(root: Path, copies: Path, *, smoke: bool) -> dict[str, Path]:
    """Executed copies of the course's notebooks by name, of a few when `smoke`. Raises WorkbenchError when one is not green."""
    found = {}
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        if smoke and notebook.stem not in SMOKE:
            continue
        logger.info("%s ...", notebook.stem)
        own = {"output_dir": str(copies / "runs" / notebook.stem), "smoke": True} if smoke else {}
        copy = copies / notebook.name
        executed_copy(notebook, copy, parameters=known_parameters(notebook, own))
        found[notebook.stem] = copy
    return found


def build(pages: Path, site: Path, *, work: Path) -> None:
    """Make the HTML, in place of what is there. Raises WorkbenchError when Sphinx warns: of a dead link, an unknown formula."""
    settings = ["-c", str(Path(__file__).parent), "-d", str(work / "doctrees"), "-q", "-E", "-W", "--keep-going"]
    if build_main(["-b", "html", *settings, str(pages), str(work / "html")]):
        raise WorkbenchError(f"{site}: not built; Sphinx says why above")
    shutil.rmtree(site, ignore_errors=True)
    shutil.move(work / "html", site)


def main(arguments: list[str]) -> int:
    """Build both courses; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="execute a few short notebooks only")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "runs", help="folder of site/, site-with-solutions/ and site-work/"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("papermill").setLevel(logging.WARNING)
    work = options.out.resolve() / "site-work"
    try:
        executed = execute(ROOT, work / ("smoke" if options.smoke else "executed"), smoke=options.smoke)
        for name, solutions in (("site", False), ("site-with-solutions", True)):
            lay_out(ROOT, work / "pages", executed=executed, solutions=solutions)
            build(work / "pages", options.out / name, work=work)
            logger.info("%s", options.out / name / "index.html")
    except WorkbenchError as error:
        logger.error("docs.site: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
