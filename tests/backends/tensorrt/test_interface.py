"""What the session calls exists: in TensorRT-RTX here; in TensorRT 10.13 and 11.4 it was looked up by hand (docs/gpu.md)."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from workbench.backends.tensorrt import session

BUILDER = pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="tensorrt_rtx is not installed")
# The class behind each name that the session has for an object of TensorRT's.
CLASSES = {
    "_engine": "ICudaEngine", "_context": "IExecutionContext", "context": "IExecutionContext", "inspector": "EngineInspector",
    "_tensorrt": "",
}  # fmt: skip
# `__version__` and `nptype` are Python's part of the package.
LISTED = "import tensorrt_rtx_bindings as t\nfor c in {classes!r}: print(*[f'{{c}}.{{n}}' for n in dir(getattr(t, c) if c else t)], sep='\\n')"


def used() -> set[str]:
    """`Class.attribute` of everything that the session's source takes from TensorRT."""
    tree = ast.parse(Path(session.__file__).read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
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
