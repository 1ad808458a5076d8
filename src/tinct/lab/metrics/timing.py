"""Timing that can be believed: warmed up, interleaved, with the spread beside the median."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tinct.color import rgb_to_luma
from tinct.errors import InputError
from tinct.photographs import Picture, read_picture, write_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

_GRAIN = (
    4.0  # standard deviation in codes: enlarged pictures alone would be easier to decode than real
)
_QUALITY = 92
MOST_REPEATS = 20
"""Runs of one workload in its turn."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, over all its runs, in seconds."""

    median: float
    p25: float
    p75: float
    p95: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        """Summarize the runs."""
        median, p25, p75, p95 = (float(np.percentile(seconds, q)) for q in (50, 25, 75, 95))
        return cls(median, p25, p75, p95, len(seconds))

    def __str__(self) -> str:
        """Show it in milliseconds."""
        scaled = [1000 * value for value in (self.median, self.p25, self.p75, self.p95)]
        return "{:.1f} ms (quartiles {:.1f} to {:.1f}, p95 {:.1f})".format(*scaled)


def time_interleaved(
    workloads: Mapping[str, Callable[[], object]],
    rounds: int,
    warm_up: int = 1,
    turn: float = 0.0,
) -> dict[str, list[float]]:
    """Time several workloads in turn, so that a change of the machine's mood meets all of them.

    Args:
        workloads: What to time, by name.
        rounds: How often each is timed.
        warm_up: How often each runs before that.
        turn: Seconds. What is quicker runs again until they are over, at most ``MOST_REPEATS``
            times, and once before, untimed: the workloads in between have emptied the caches.

    Returns:
        The seconds of each run, by name, in the order of the rounds; without ``turn`` the runs of
        one round stand at the same index.
    """
    seconds: dict[str, list[float]] = {name: [] for name in workloads}
    for number in range(warm_up + rounds):
        for name, run in workloads.items():
            taken = _take_turn(run, turn)
            if number >= warm_up:
                seconds[name] += taken
    return seconds


def _take_turn(run: Callable[[], object], turn: float) -> list[float]:
    taken = [_time(run)]
    if taken[0] < turn:  # quick: that one was for the caches
        taken = [_time(run)]
        while sum(taken) < turn and len(taken) < MOST_REPEATS:
            taken.append(_time(run))
    return taken


def _time(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def time_command(
    command: Sequence[str], runs: int, before: Callable[[], object] = lambda: None
) -> Timing:
    """Time a program from its start to its end, each time a new process.

    Args:
        command: The program and its arguments.
        runs: How often it is timed, after one run that brings its files into memory.
        before: Called before each run, outside of the time.

    Raises:
        InputError: The program failed.
    """
    seconds = []
    for _ in range(1 + runs):
        before()
        start = time.perf_counter()
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds.append(time.perf_counter() - start)
        if finished.returncode:
            raise InputError(f"{' '.join(command)}: {finished.stderr.strip()}")
    return Timing.of(seconds[1:])


def make_photographs(
    sources: Sequence[Path], folder: Path, count: int, megapixels: float
) -> list[Path]:
    """Make gray JPEGs of a given size from smaller photographs: enlarged, with film grain.

    Args:
        sources: Photographs to start from, used in turn.
        folder: Where the JPEGs go.
        count: How many.
        megapixels: Size of each.

    Raises:
        InputError: A photograph cannot be read.
        OutputError: A JPEG cannot be written.
    """
    made = []
    for index in range(count):
        gray = _gray(read_picture(sources[index % len(sources)], gray=True))
        path = folder / f"photograph-{index:02d}.jpg"
        scale = float(np.sqrt(megapixels * 1e6 / gray.size))
        size = (round(gray.shape[1] * scale), round(gray.shape[0] * scale))
        write_picture(Picture(_enlarge(gray, size, seed=index)), path, quality=_QUALITY)
        made.append(path)
    return made


def make_frame(source: Path, width: int, height: int) -> NDArray[np.uint8]:
    """Bring a photograph to a size, (H, W) uint8, with film grain.

    Raises:
        InputError: The photograph cannot be read.
    """
    return _enlarge(_gray(read_picture(source, gray=True)), (width, height), seed=0)


def _gray(picture: Picture) -> NDArray[np.uint8]:
    """Take (H, W) uint8 luma from a picture of any kind; transparency is ignored."""
    scale = 257 if picture.pixels.dtype == np.uint16 else 1
    samples = np.asarray(picture.pixels / np.float32(scale), np.float32)
    if samples.ndim == 3:
        samples = samples[..., 0] if picture.is_gray else rgb_to_luma(samples[..., :3])
    return np.rint(samples).astype(np.uint8)


def _enlarge(gray: NDArray[np.uint8], size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Bring to a size (width, height)."""
    large = cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(seed).normal(0, _GRAIN, large.shape)
    grainy: NDArray[np.uint8] = np.clip(np.rint(large + grain), 0, 255).astype(np.uint8)
    return grainy
