"""What `import workbench` costs: python benchmarks/import_cost.py. Target: below 0.3 s."""

import statistics
import subprocess
import sys
import time

RUNS = 15
TARGET_S = 0.3


def seconds(statement: str) -> float:
    """Wall time of a python process that runs one statement."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> int:
    """Print the difference to an empty process, in alternating runs; exit code 1 when it is above the target."""
    pairs = [(seconds("import workbench"), seconds("pass")) for _ in range(RUNS)]
    cost = statistics.median(whole - empty for whole, empty in pairs)
    print(f"import workbench: {cost:.3f} s beyond python itself (median of {RUNS}; target {TARGET_S} s)")
    return int(cost >= TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
