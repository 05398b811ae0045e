"""The benchmarks are no part of the package: their folder's parent must be on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
