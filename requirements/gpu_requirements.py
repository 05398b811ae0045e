"""Print environment.yml as pip takes it, for `make gpu`: conda's names are PyPI's, but for what the system has to bring."""

import re
import sys
from pathlib import Path

NOT_ON_PYPI = {"python", "pip", "libgl", "libglib"}


def requirements(text: str) -> list[str]:
    """The requirements and index options of a conda environment's file, in its order."""
    _, _, listed = text.partition("\ndependencies:\n")
    entries = re.findall(r"^ +- (.+?)(?:\s+#.*)?$", listed, re.MULTILINE)
    names = [re.split(r"[<>=!\[ ]", entry, maxsplit=1)[0] for entry in entries]
    return [entry for entry, name in zip(entries, names, strict=True) if name not in NOT_ON_PYPI and entry != "pip:"]


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"))))
