"""Processor cores: how many there are to use, and how several jobs share them."""

from __future__ import annotations

import os
import sys

# Parameters of mallopt(3), and what they are set to.
_MALLOPT = (
    (-3, 32 << 20),  # M_MMAP_THRESHOLD, at its most: larger blocks go back when they are freed
    (-1, 256 << 20),  # M_TRIM_THRESHOLD: as much of the free rest may be kept
    (-8, 1),  # M_ARENA_MAX: what one job has freed serves the other; they seldom ask for memory
)


def count_cores() -> int:
    """Count the processor cores that this process may use: at least 1.

    Containers, ``taskset`` and batch systems grant a process fewer than the machine has. Python
    3.13's ``os.process_cpu_count`` would be the same.
    """
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prepare_threads(jobs: int) -> None:
    """Keep several jobs out of each other's way.

    OpenCV's own threads would fight for the same cores; and glibc, left alone, gives every strip's
    memory back to the system, which then clears it anew: a fifth of the time of a large picture.

    Args:
        jobs: How many pictures are in work at once.
    """
    if jobs > 1:
        import cv2

        cv2.setNumThreads(1)
    if sys.platform == "linux":
        from ctypes import CDLL

        mallopt = getattr(CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            for parameter, value in _MALLOPT:
                mallopt(parameter, value)
