"""Peak memory of this process."""

import resource

KIBIBYTE = 1024


def peak_memory_mb() -> float:
    """The largest resident set of this process so far, in MB (1e6 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / 1e6
