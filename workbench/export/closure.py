"""The source files that a class needs, found by following imports."""

import ast
import importlib.metadata
import sys
from dataclasses import dataclass
from pathlib import Path

import workbench

PACKAGE = "workbench"
ALWAYS = ("workbench.tasks",)
"""What a user's file may mean by `from workbench import Task`."""


@dataclass(frozen=True)
class Code:
    """A class's module, and the files that must be importable for it: place below a folder of `sys.path` -> file."""

    module: str
    files: dict[str, Path]

    def requirements(self) -> list[str]:
        """Distributions, with the versions installed here, of all that the files import from elsewhere."""
        known = importlib.metadata.packages_distributions()
        tops = {name.partition(".")[0] for file in self.files.values() for name in imports(file)}
        wanted = {known[top][0] for top in tops - sys.stdlib_module_names - {PACKAGE} if top in known}
        return sorted(f"{name}=={importlib.metadata.version(name)}" for name in wanted)


def code_of(kind: type) -> Code:
    """The code of a class of the package, or of a user's file with the modules beside it."""
    home = Path(str(sys.modules[kind.__module__].__file__))
    module = kind.__module__ if kind.__module__.startswith(f"{PACKAGE}.") else home.stem
    found: dict[str, Path] = {}
    waiting = [module, PACKAGE, *ALWAYS]
    while waiting:
        name = waiting.pop()
        root = Path(str(workbench.__file__)).parents[1] if name.partition(".")[0] == PACKAGE else home.parent
        stem = root.joinpath(*name.split("."))
        file = next((path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()), None)
        if file is None or str(file.relative_to(root)) in found:
            continue  # from elsewhere, or `from a import b` where b is no module
        found[str(file.relative_to(root))] = file
        waiting += [name.rpartition(".")[0]] if "." in name else []
        waiting += imports(file) if name != PACKAGE else []  # which imports the whole package, but only when asked
    return Code(module, found)


def imports(file: Path) -> list[str]:
    """All modules that a file may import, inside its functions too; of `from a import b` both a and a.b."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
