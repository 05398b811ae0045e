"""The pins of all install routes agree, the lock is complete, and `make` installs it as promised."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from workbench.backends.gpu import install

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements" / "cpu.lock").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENVIRONMENTS = ("environment.yml", "environment-cpu.yml")
# The conda environments have, under other names, what the package asks for.
TWINS = {
    "paddlepaddle-gpu": "paddlepaddle",
    "onnxruntime-gpu": "onnxruntime",
    "opencv-python": "opencv-python-headless",
}
# Twins whose versions differ on purpose; the comments beside the pins say why.
OTHER_VERSION = {"onnxruntime-gpu", "opencv-python"}
OPTIONAL_RUNTIMES = {"cuda", "openvino", "paddlelite", "paddleseg", "ppdet", "tensorrt", "tensorrt_rtx_bindings"}


def read_requirements(lines: list[str]) -> dict[str, Requirement]:
    return {canonicalize_name(found.name): found for found in map(Requirement, lines)}


def declared() -> dict[str, Requirement]:
    return read_requirements(PYPROJECT["project"]["dependencies"])


def environment(file: str) -> dict[str, Requirement]:
    entries = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["dependencies"]
    by_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    by_conda = [entry for entry in entries if isinstance(entry, str)]
    return read_requirements(by_conda + [line for line in by_pip if not line.startswith("--")])


def gpu_requirements(file: Path) -> list[str]:
    """As `make gpu` gives them to pip."""
    script = ROOT / "requirements" / "gpu_requirements.py"
    return subprocess.run(
        [sys.executable, script, file], capture_output=True, text=True, check=True
    ).stdout.splitlines()


def locked() -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", LOCK, flags=re.MULTILINE))


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_environment_pins_equal_pyproject_when_both_name_a_package(file: str) -> None:
    ours = declared()
    shared = {
        name: found
        for name, found in environment(file).items()
        if TWINS.get(name, name) in ours and name not in OTHER_VERSION
    }
    different = {
        name: (str(found.specifier), str(ours[TWINS.get(name, name)].specifier))
        for name, found in shared.items()
        if found.specifier != ours[TWINS.get(name, name)].specifier
    }
    assert different == {}
    assert {"numpy", "onnx", "paddleslim", "paddle2onnx", "x2paddle"} <= shared.keys()


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_environment_has_every_dependency_when_compared_with_pyproject(file: str) -> None:
    present = {TWINS.get(name, name) for name in environment(file)}
    assert declared().keys() - present == set()


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_environment_has_the_optional_backends_when_the_package_offers_them(file: str) -> None:
    optional = read_requirements(PYPROJECT["project"]["optional-dependencies"]["openvino"])
    assert {name: environment(file)[name].specifier for name in optional} == {
        name: found.specifier for name, found in optional.items()
    }


def test_environment_has_what_the_user_asked_for_when_it_is_the_gpu_one() -> None:
    asked_for = {
        "jupyterlab", "ipywidgets", "papermill", "matplotlib", "pandas",
        "paddleslim", "paddlepaddle-gpu", "onnxruntime-gpu", "tensorrt-cu12",
    }  # fmt: skip
    assert asked_for - environment("environment.yml").keys() == set()


def test_environment_stays_with_one_cuda_when_it_is_the_gpu_one() -> None:
    pins = environment("environment.yml")
    onnxruntime = re.fullmatch(r"==1\.(\d+)\.\d+", str(pins["onnxruntime-gpu"].specifier))
    assert onnxruntime is not None
    assert 23 <= int(onnxruntime[1]) <= 26
    assert re.fullmatch(r"==10(\.\d+)+", str(pins["tensorrt-cu12"].specifier))
    assert pins["cuda-python"].specifier.contains("12.9.4")
    assert not pins["cuda-python"].specifier.contains("13.0.0")
    assert "onnxruntime" not in pins
    assert "paddlepaddle" not in pins
    for line in (install.TENSORRT, install.PADDLE, install.ONNX_RUNTIME):
        for found in map(Requirement, re.findall(r"'(.+?)'", line)):
            assert pins[canonicalize_name(found.name)].specifier == found.specifier, (
                "doctor's install lines and this agree"
            )


def test_environment_names_the_indexes_of_doctors_install_lines_when_it_is_the_gpu_one() -> None:
    lines = gpu_requirements(ROOT / "environment.yml")
    indexes = {line.split()[1] for line in lines if line.startswith("--extra-index-url")}
    assert indexes == {install.PADDLE_INDEX, install.NVIDIA_INDEX}


def test_make_gpu_installs_all_of_the_environment_when_it_uses_pip() -> None:
    lines = [line for line in gpu_requirements(ROOT / "environment.yml") if not line.startswith("--")]
    found = {name: str(one.specifier) for name, one in read_requirements(lines).items()}
    by_the_system = {"python", "pip", "libgl", "libglib"}
    wanted = {name: str(one.specifier) for name, one in environment("environment.yml").items()}
    assert found == {name: specifier for name, specifier in wanted.items() if name not in by_the_system}


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_environment_has_one_opencv_when_paddleslim_pins_its_own(file: str) -> None:
    builds = {name: str(found.specifier) for name, found in environment(file).items() if "opencv" in name}
    assert builds == {"opencv-python": "==4.6.0.66"}


def test_lock_satisfies_every_requirement_when_pyproject_changes() -> None:
    extras = [line for lines in PYPROJECT["project"]["optional-dependencies"].values() for line in lines]
    wanted = declared() | read_requirements(extras + PYPROJECT["dependency-groups"]["build"])
    # venv brings pip itself.
    del wanted["pip"]
    versions = locked()
    unmet = {
        name: (str(found.specifier), versions.get(name))
        for name, found in wanted.items()
        if name not in versions or not found.specifier.contains(versions[name])
    }
    assert unmet == {}


def test_lock_has_a_hash_for_every_package_when_installed_with_require_hashes() -> None:
    blocks = re.split(r"^(?=[a-zA-Z])", LOCK, flags=re.MULTILINE)[1:]
    unhashed = [block.split("\n")[0] for block in blocks if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block)]
    assert unhashed == []
    assert len(blocks) == len(locked()) > 100


@pytest.mark.parametrize("address", ["://", "index-url", "--find-links", "--trusted-host", " @ "])
def test_lock_names_no_address_when_made(address: str) -> None:
    assert address not in LOCK


def test_lock_has_one_opencv_when_paddleslim_pins_its_own() -> None:
    assert [name for name in locked() if "opencv" in name] == ["opencv-python-headless"]


def test_lock_has_nothing_that_reports_on_the_user_when_openvino_asks_for_it() -> None:
    assert "openvino" in locked()
    assert [name for name in locked() if "telemetry" in name] == []


def test_pyproject_declares_every_import_when_the_package_is_searched() -> None:
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in (ROOT / "workbench").rglob("*.py")]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    foreign = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - OPTIONAL_RUNTIMES - {"workbench"}
    providers = packages_distributions()
    undeclared = {
        module
        for module in foreign
        if not {canonicalize_name(name) for name in providers.get(module, ())} & declared().keys()
    }
    assert undeclared == set()
    assert {"numpy", "paddle", "onnx", "pydantic"} <= foreign


def test_pyproject_names_a_function_when_it_names_the_command() -> None:
    target = PYPROJECT["project"]["scripts"]["workbench"]
    assert target == "workbench.cli:main"
    assert callable(EntryPoint("workbench", target, "console_scripts").load())


def test_makefile_help_lists_every_phony_target_when_asked() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^\.PHONY: (.+)$", makefile, flags=re.MULTILINE)[0].split()
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split(maxsplit=1) for line in done.stdout.splitlines() if not line.startswith("make")]
    assert [line[0] for line in listed] == targets
    assert all(len(line) == 2 for line in listed)


# Stands in for python3.11 and for the one in .venv: it notes its arguments, and fails where FAIL_AT occurs in them.
STAND_IN = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *"$FAIL_AT"*) exit 1 ;; esac
case "$*" in "-m venv --clear "*) rm -rf "$4"; mkdir -p "$4/bin"; cp "$0" "$4/bin/python" ;; esac
"""


class Checkout:
    """What `make` needs of the tree, in a folder whose name holds a space, with a stand-in for Python."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        self.root.mkdir()
        shutil.copytree(ROOT / "requirements", self.root / "requirements")
        for name in ("Makefile", "pyproject.toml", "environment.yml"):
            shutil.copy(ROOT / name, self.root)
        self.python = self.root / "python stand-in"
        self.python.write_text(STAND_IN, encoding="utf-8")
        self.python.chmod(0o755)
        self.calls = folder / "calls"

    def make(
        self, target: str, *, python: str | None = None, fail_at: str = "nothing at all"
    ) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("", encoding="utf-8")
        # Not what an outer `make -j test` says to its own recipes.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        return subprocess.run(
            ["make", "-j2", target, f"PYTHON={python or self.python}"], cwd=self.root, capture_output=True, text=True,
            env=inherited | {"CALLS": str(self.calls), "FAIL_AT": fail_at},
        )  # fmt: skip

    def installs(self) -> list[str]:
        calls = self.calls.read_text(encoding="utf-8").splitlines()
        return [call for call in calls if call.startswith("-m pip install")]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_make_installs_the_hashed_lock_then_the_project_when_the_machine_is_fresh(checkout: Checkout) -> None:
    assert checkout.make(".venv/.installed").returncode == 0
    lock, project = checkout.installs()
    assert {"--require-hashes", "--no-deps", "requirements/cpu.lock"} <= set(lock.split())
    assert {"--no-build-isolation", "--no-deps", "-e"} <= set(project.split())


def test_make_installs_the_gpu_list_with_its_dependencies_then_the_project_when_asked_for_gpu(
    checkout: Checkout,
) -> None:
    assert checkout.make(".venv-gpu/.installed").returncode == 0
    everything, project = checkout.installs()
    assert ".venv-gpu/requirements.txt" in everything
    assert "--no-deps" not in everything
    assert {"--no-build-isolation", "--no-deps", "-e"} <= set(project.split())
    assert checkout.make(".venv-gpu/.installed").returncode == 0
    assert checkout.installs() == []


def test_make_downloads_nothing_again_for_gpu_when_the_project_alone_changed(checkout: Checkout) -> None:
    checkout.make(".venv-gpu/.installed")
    later = (checkout.root / ".venv-gpu" / ".installed").stat().st_mtime + 10
    os.utime(checkout.root / "pyproject.toml", (later, later))
    checkout.make(".venv-gpu/.installed")
    assert len(checkout.installs()) == 1


def test_make_installs_nothing_when_run_a_second_time(checkout: Checkout) -> None:
    checkout.make(".venv/.installed")
    assert checkout.make(".venv/.installed").returncode == 0
    assert checkout.installs() == []


@pytest.mark.parametrize(("step", "redone"), [("requirements/cpu.lock", 2), ("--no-build-isolation", 1)])
def test_make_goes_on_where_it_must_when_an_install_was_cut_off(checkout: Checkout, step: str, redone: int) -> None:
    assert checkout.make(".venv/.installed", fail_at=step).returncode != 0
    assert checkout.make(".venv/.installed").returncode == 0
    assert len(checkout.installs()) == redone


@pytest.mark.parametrize(("changed", "installs"), [("requirements/cpu.lock", 2), ("pyproject.toml", 1)])
def test_make_installs_again_when_what_it_read_has_changed(checkout: Checkout, changed: str, installs: int) -> None:
    checkout.make(".venv/.installed")
    later = (checkout.root / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(checkout.root / changed, (later, later))
    checkout.make(".venv/.installed")
    assert len(checkout.installs()) == installs


@pytest.mark.parametrize("target", ["demo", "test", "lab", "gpu"])
def test_make_says_what_to_do_in_one_line_when_python_is_missing(checkout: Checkout, target: str) -> None:
    done = checkout.make(target, python="no-such-python")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert said == ["No no-such-python here: use make PYTHON=/path/to/python3.11"]


@pytest.mark.parametrize(
    ("pretended", "message"),
    [
        ("import sys; sys.version_info = (3, 12, 1)", "The lock is for Python 3.11, not "),
        ("import sysconfig; sysconfig.get_platform = lambda: 'linux-aarch64'", "The lock is for x86-64 Linux"),
        ("import platform; platform.libc_ver = lambda: ('musl', '1.2')", "The lock is for x86-64 Linux"),
        ("import importlib.util as u; u.find_spec = lambda name: None", "apt-get install python3.11-venv"),
        ("import ctypes\ndef CDLL(name): raise OSError\nctypes.CDLL = CDLL", "apt-get install libgomp1"),
    ],
)
def test_check_machine_says_why_in_one_line_when_the_lock_does_not_fit(pretended: str, message: str) -> None:
    script = ROOT / "requirements" / "check_machine.py"
    code = f"{pretended}\nexec(compile(open({str(script)!r}).read(), 'check', 'exec'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_machine_names_the_package_when_a_library_of_opencv_is_missing() -> None:
    script = ROOT / "requirements" / "check_machine.py"
    code = (
        "import ctypes, sys\nreal = ctypes.CDLL\n"
        "def CDLL(name):\n    if 'GL' in name: raise OSError\n    return real(name)\n"
        f"ctypes.CDLL, sys.argv = CDLL, ['check', 'libGL.so.1']\nexec(compile(open({str(script)!r}).read(), 'check', 'exec'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "libGL.so.1, which OpenCV needs, is missing: apt-get install libgl1\n")


def test_check_machine_is_silent_when_the_lock_fits() -> None:
    done = subprocess.run([sys.executable, ROOT / "requirements" / "check_machine.py"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
