"""How many processor cores there are for this process."""

from __future__ import annotations

import os


def count_cores() -> int:
    """Count the processor cores that this process may use: at least 1.

    Containers, ``taskset`` and batch systems grant a process fewer than the machine has. Python
    3.13's ``os.process_cpu_count`` would be the same.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
