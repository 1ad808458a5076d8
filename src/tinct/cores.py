"""Processors and cores: how many there are to use, and how several jobs share them.

``os.cpu_count`` counts all processors of the machine: too many in a container or under ``taskset``.
psutil and ONNX Runtime count all its physical cores, whether they may be used or not.
"""

from __future__ import annotations

import os
import sys
from math import ceil
from pathlib import Path

# Parameters of mallopt(3), and what they are set to.
_MALLOPT = (
    (-3, 32 << 20),  # M_MMAP_THRESHOLD, at its most: larger blocks go back when they are freed
    (-1, 256 << 20),  # M_TRIM_THRESHOLD: as much of the free rest may be kept
    (-8, 1),  # M_ARENA_MAX: what one job has freed serves the other; they seldom ask for memory
)

_MOST_JOBS = 4  # each holds a whole picture in memory, and a disk feeds no more
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds of processor time and of a period
_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def count_processors() -> int:
    """Count the processors that this process may use, by affinity and by a container's quota."""
    return _within_quota(len(_processors()))


def count_cores() -> int:
    """Count the physical cores behind the processors that this process may use.

    Two threads of one core share its arithmetic units: a network that runs on both is no faster,
    and was seen to be slower. Where the system does not tell (it is read on Linux alone), every
    processor counts as a core.
    """
    try:
        cores = {Path(_TOPOLOGY.format(number)).read_text() for number in _processors()}
    except OSError:
        return count_processors()
    return _within_quota(len(cores))


def choose_jobs(wanted: int | None, num_pictures: int) -> int:
    """Choose how many pictures are in work at once.

    Args:
        wanted: What the user asked for, if anything.
        num_pictures: How many there are to do.
    """
    jobs = min(count_processors(), _MOST_JOBS) if wanted is None else wanted
    return max(1, min(jobs, num_pictures))


def choose_threads(wanted: int | None, jobs: int) -> int:
    """Choose how many threads the network gets, so that all jobs together fill the processor once.

    Args:
        wanted: What the user asked for, if anything.
        jobs: How many pictures are in work at once.
    """
    if wanted is not None:
        return wanted
    return count_cores() if jobs == 1 else max(1, count_processors() // jobs)


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


def _processors() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _within_quota(count: int) -> int:
    try:
        quota, period = _QUOTA.read_text().split()
        return count if quota == "max" else max(1, min(count, ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return count
