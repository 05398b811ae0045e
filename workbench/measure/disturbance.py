"""How much else the machine did during a measurement."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STEAL_LIMIT = 0.02
OTHER_LOAD_LIMIT = 0.25
BUSY_FIELDS = ("user", "nice", "system", "irq", "softirq")
FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


@dataclass(frozen=True)
class Disturbance:
    """`steal`: share of the time that a hypervisor took away; `other_load`: cores' worth of work beside the measured one."""

    steal: float
    other_load: float

    @property
    def warning(self) -> str:
        """One line when the figures are to be distrusted; empty otherwise."""
        said = []
        if self.steal > STEAL_LIMIT:
            said.append(f"the hypervisor took {self.steal:.0%} of the CPU time")
        if self.other_load > OTHER_LOAD_LIMIT:
            said.append(f"other processes used {self.other_load:.1f} cores")
        return (
            f"disturbed while measuring: {', and '.join(said)}; compare ratios only, or measure again on a quiet machine"
            if said
            else ""
        )

    def as_dict(self) -> dict[str, Any]:
        """As results hold it."""
        return asdict(self)


class LoadMeter:
    """Reads the kernel's CPU accounting at the start and at the end."""

    def __init__(self, *, threads: int, stat: Path = Path("/proc/stat")) -> None:
        self._stat = stat
        self._threads = threads
        self._first = self._counters()

    def read(self) -> Disturbance:
        """What happened since this meter was made. Where the kernel gives no figures, none are known: zeros."""
        last = self._counters()
        passed = {name: last[name] - self._first[name] for name in last} if last and self._first else {}
        total = sum(passed.values())
        if not total:
            return Disturbance(0.0, 0.0)
        cores = sum(line.startswith("cpu") and line[3].isdigit() for line in self._stat.read_text().splitlines())
        busy = cores * sum(passed[name] for name in BUSY_FIELDS) / total
        return Disturbance(steal=passed["steal"] / total, other_load=max(0.0, busy - self._threads))

    def _counters(self) -> dict[str, int]:
        if not self._stat.exists():
            return {}
        values = self._stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1 : 1 + len(FIELDS)]
        return dict(zip(FIELDS, map(int, values), strict=True))
