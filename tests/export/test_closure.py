"""Which source files a class needs."""

import importlib.util
import sys

from workbench.export.closure import code_of
from workbench.tasks.digits import DigitsClassification


def test_code_is_the_task_with_what_it_imports_when_it_is_of_the_package():
    code = code_of(DigitsClassification)
    assert code.module == "workbench.tasks.digits"
    assert {
        "workbench/__init__.py",
        "workbench/errors.py",
        "workbench/tasks/base.py",
        "workbench/tasks/digits.py",
    } <= code.files.keys()
    assert not [place for place in code.files if "pipeline" in place or "backends" in place]
    assert all(path.is_file() for path in code.files.values())


def test_code_has_the_modules_beside_it_when_it_is_a_users_file(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import part.inner\nfrom workbench.errors import InputError\nimport json, numpy\nclass Mine: ...\n"
    )
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "__init__.py").write_text("")
    (tmp_path / "part" / "inner.py").write_text("def f():\n    from beside import x\n")
    (tmp_path / "beside.py").write_text("x = 1\n")
    (tmp_path / "stranger.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.spec_from_file_location("user_mine", tmp_path / "mine.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "user_mine", module)
    spec.loader.exec_module(module)
    code = code_of(module.Mine)
    assert code.module == "mine"
    users = {place for place in code.files if not place.startswith("workbench/")}
    assert users == {"mine.py", "part/__init__.py", "part/inner.py", "beside.py"}
    assert "workbench/errors.py" in code.files
    assert [line for line in code.requirements() if line.startswith("numpy==")]
    assert not [line for line in code.requirements() if line.startswith(("json", "quant-workbench"))]
