"""What a session calls exists, and the fake GPU takes it as the real one does: TensorRT-RTX is asked here; TensorRT 10.13 and 11.4 and

cuda-python were asked by hand (docs/gpu.md).
"""

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from workbench.backends.tensorrt import execution, session

BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
# The class behind each name that the session has for an object of TensorRT's.
CLASSES = {
    "engine": "ICudaEngine", "_engine": "ICudaEngine", "_context": "IExecutionContext", "context": "IExecutionContext",
    "inspector": "EngineInspector", "tensorrt": "", "_tensorrt": "",
}  # fmt: skip
ASSETS = Path(__file__).parents[2] / "assets"
DOCUMENTED = (
    "import json, tensorrt_rtx_bindings as t\nfind = lambda c, m: getattr(getattr(t, c), m).__doc__\n"
    "print(json.dumps({{name: find(*name.split('.')) for name in {names!r}}}))"
)
# `__version__` and `nptype` are Python's part of the package.
LISTED = "import tensorrt_rtx_bindings as t\nfor c in {classes!r}: print(*[f'{{c}}.{{n}}' for n in dir(getattr(t, c) if c else t)], sep='\\n')"


def used() -> set[str]:
    """`Class.attribute` of everything that a session's source takes from TensorRT."""
    trees = [ast.parse(Path(module.__file__).read_text(encoding="utf-8")) for module in (execution, session)]
    found = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner in CLASSES:
                found.add(f"{CLASSES[owner]}.{node.attr}")
    return found


@BUILDER
def test_every_call_exists_when_tensorrt_rtx_is_asked():
    code = LISTED.format(classes=sorted(set(CLASSES.values())))
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert used() - set(listed) == set()
    assert {
        "IExecutionContext.execute_async_v3",
        "IExecutionContext.set_input_shape",
        "ICudaEngine.get_tensor_dtype",
    } <= used()


def signatures(source: str) -> dict[str, list[str]]:
    """Names of the arguments by `Class.method`, as the fake in assets has them."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    methods = [(kind.name, node) for kind in classes for node in kind.body if isinstance(node, ast.FunctionDef)]
    return {
        f"{kind}.{node.name}": [argument.arg for argument in node.args.args[1:]]
        for kind, node in methods
        if not node.name.startswith("_")
    }


@BUILDER
def test_fakes_methods_take_what_tensorrts_take_when_compared():
    ours = signatures((ASSETS / "fake_gpu" / "tensorrt.py").read_text(encoding="utf-8"))
    code = DOCUMENTED.format(names=sorted(ours))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    for name, arguments in ours.items():
        taken = [
            re.findall(r"(\w+): ", line)[1:]
            for line in theirs[name].splitlines()
            if f"{name.split('.')[1]}(self" in line
        ]
        assert arguments in [found[: len(arguments)] for found in taken], (name, theirs[name])
