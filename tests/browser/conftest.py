"""A browser, a checkout of notebooks and small runs, and JupyterLab on it; nothing is asked of any other machine."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
sys.path[:0] = [str(ROOT), str(TESTS / "assets")]

from local_server import LocalServer  # noqa: E402

SCREENSHOTS = ROOT / "runs" / "browser"
LOOPBACK = re.compile(r"^(https?|wss?)://127\.0\.0\.1[:/]|^(data|blob|about):")
HOSTILE = "<img src=x onerror=document.title='hostile'>"
SETTINGS = {
    "apputils-extension/themes": {"adaptive-theme": True},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
# JupyterLab and the app as `make` starts them, but on other folders.
LAB = """
import sys
from pathlib import Path
from workbench.servers.lab import arguments, start
start(arguments(sys.argv[2:], root=Path(sys.argv[1])))
"""
APP = """
import sys
from pathlib import Path
from workbench.servers.app import Explorer, arguments
Explorer.launch_instance(arguments(sys.argv[2:], page=Path(sys.argv[1])))
"""
LIMIT_MS = 120_000
# Every code cell has its number: none waits, runs, or was left out after an error.
EXECUTED = """() => {
  const cells = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell")];
  const failed = document.querySelector('.jp-OutputArea [data-mime-type="application/vnd.jupyter.error"]');
  return failed !== null || (cells.length > 0 && cells.every(
    (cell) => /\\[\\d+\\]/.test(cell.querySelector(".jp-InputPrompt").textContent)));
}"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in (item for item in items if Path(__file__).parent in item.path.parents):
        item.add_marker(pytest.mark.browser)
        if shutil.which("chromium") is None:
            item.add_marker(pytest.mark.skip(reason="no Chromium here; make test-browser installs Debian's"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Keep what the page showed when a test failed."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if report.failed and call.when == "call" and page is not None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"failed-{item.name.partition('[')[0]}.png")
    return report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium; root has to do without its sandbox, which only pages of this machine notice."""
    from playwright.sync_api import expect, sync_playwright

    # Containers have little shared memory.
    flags = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    expect.set_options(timeout=LIMIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """An empty page. At the end: no request went to another machine, and no script of a page failed."""
    asked: list[str] = []
    failed: list[str] = []

    def pass_on(route: Any) -> None:
        asked.append(route.request.url)
        if LOOPBACK.match(route.request.url):
            route.continue_()
        else:
            route.abort()

    context = chromium.new_context(viewport={"width": 1280, "height": 1500})
    context.set_default_timeout(LIMIT_MS)
    context.route("**/*", pass_on)
    page = context.new_page()
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("websocket", lambda socket: asked.append(socket.url))
    yield page
    context.close()
    assert [address for address in asked if not LOOPBACK.match(address)] == []
    assert failed == []


@pytest.fixture
def shoot(page: Any) -> Callable[..., None]:
    """Take a screenshot in the dark and in the light theme, into runs/browser/."""

    def take(name: str, *, is_lab: bool = False) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            if is_lab:
                page.wait_for_selector(
                    f'body[data-jp-theme-light="{str(scheme == "light").lower()}"]', state="attached"
                )
            page.wait_for_timeout(500)  # until colours have faded over
            page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png")

    return take


@pytest.fixture(scope="session")
def hostile_name() -> str:
    """The name that an enemy gave to a model."""
    return HOSTILE


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, finished_run: Any) -> Path:
    """A checkout: the course's notebooks, the run `tiny`, and the run `hostile`, whose model and method an enemy named."""
    root = tmp_path_factory.mktemp("workspace")
    (root / "pyproject.toml").touch()
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    tiny, hostile = root / "runs" / "tiny", root / "runs" / "hostile"
    shutil.copytree(finished_run.folder, tiny)
    report = root / "notebooks" / "05_report.ipynb"
    text = report.read_text().replace('recipe: str = \\"demo\\"', f'recipe: str = \\"{finished_run.recipe}\\"')
    report.write_text(text.replace('output_dir: str = \\"\\"', f'output_dir: str = \\"{tiny}\\"'))
    hostile.mkdir()
    for name in ("metrics.csv", "machine.json", "recipe.yaml"):
        shutil.copy(tiny / name, hostile)
    (hostile / "results.json").write_text(json.dumps(_renamed(json.loads((tiny / "results.json").read_text()))))
    os.utime(hostile, (0, 0))
    return root


def _renamed(found: Any) -> Any:
    if isinstance(found, list):
        return [_renamed(one) for one in found]
    if isinstance(found, dict):
        return {key: HOSTILE if key in {"model", "variant"} and one else _renamed(one) for key, one in found.items()}
    return found


@pytest.fixture(scope="session")
def lab(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """JupyterLab on the workspace, in the theme that the browser asks for."""
    home = tmp_path_factory.mktemp("lab-home")
    for name, settings in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    places = {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    with LocalServer(
        LAB, workspace, "--no-browser", log=home / "log", environment={"HOME": str(home), **places}
    ) as server:
        yield server


@pytest.fixture(scope="session")
def app(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """The page of finished runs, on the workspace's runs."""
    page = workspace / "notebooks" / "explorer.ipynb"
    shutil.copy(ROOT / "workbench" / "servers" / "explorer.ipynb", page)
    log = tmp_path_factory.mktemp("app") / "log"
    with LocalServer(APP, page, "--no-browser", log=log, environment={}) as server:
        yield server


@pytest.fixture
def run_notebook(page: Any, lab: LocalServer, workspace: Path) -> Callable[..., None]:
    """Open a notebook of the workspace in JupyterLab and run all its cells; with `code`, a new one of that cell alone."""

    def run(name: str, *, code: str = "") -> None:
        if code:
            notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
            notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(notebook, workspace / "notebooks" / f"{name}.ipynb")
        page.goto(lab.url(f"/lab/workspaces/{name}/tree/notebooks/{name}.ipynb"))
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(EXECUTED)
        wrong = page.locator('.jp-OutputArea [data-mime-type="application/vnd.jupyter.error"]').all_inner_texts()
        assert wrong == []

    return run
