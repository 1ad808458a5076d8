"""Honest numbers of a live run, in a memory that does not grow with it."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinct.cameras.camera import CameraCounts

STAGES = ("convert", "wait", "network", "smooth", "compose", "loss", "display")
"""Of a frame, in their order; ``wait`` is the time in the slot until the network is free."""

_SHORTEST, _LONGEST, _GROWTH = 1e-5, 100.0, 1.02  # seconds; each bin is 2 % wider
_NUM_BINS = math.ceil(math.log(_LONGEST / _SHORTEST) / math.log(_GROWTH)) + 1
_RECENT = 2.0  # seconds that the numbers on the screen look back


class Durations:
    """Quantiles of any number of durations, to 2 %."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.longest = 0.0
        self._bins = [0] * _NUM_BINS

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        place = math.log(max(seconds, _SHORTEST) / _SHORTEST) / math.log(_GROWTH)
        self._bins[min(int(place), _NUM_BINS - 1)] += 1

    def quantile(self, share: float) -> float:
        """Return the duration that a share of all, 0..1, does not exceed; 0 without any."""
        wanted, seen = share * self.count, 0
        for index, number in enumerate(self._bins):
            seen += number
            if number and seen >= wanted:
                return min(_SHORTEST * math.pow(_GROWTH, index + 0.5), self.longest)
        return 0.0

    def summary(self) -> dict[str, float]:
        """Return quantiles, mean and longest in milliseconds."""
        named = {f"p{round(100 * share)}": self.quantile(share) for share in (0.5, 0.95, 0.99)}
        named |= {"mean": self.total / max(self.count, 1), "max": self.longest}
        return {name: round(1000 * seconds, 2) for name, seconds in named.items()}


@dataclass(frozen=True, slots=True)
class Now:
    """The last seconds, for the screen."""

    rate: float = 0.0  # frames shown a second
    latency: float = 0.0  # seconds from capture to display, median
    stages: dict[str, float] = field(default_factory=dict)  # seconds, mean


class LiveStatistics:
    """Everything that is counted and timed; filled by one thread, read by any."""

    def __init__(self) -> None:
        self.shown = 0
        self._lock = threading.Lock()
        self._start: float | None = None
        self._latency = Durations()
        self._stages = {name: Durations() for name in STAGES}
        # (when, latency, stages) of the last frames: bounded, whatever the rate
        self._recent: deque[tuple[float, float, Mapping[str, float]]] = deque(maxlen=512)

    def add(self, captured: float, shown: float, stages: Mapping[str, float]) -> None:
        """Count one frame; the clock of the rates starts when the first was captured.

        Args:
            captured: When it was captured, in seconds of ``time.perf_counter``.
            shown: When it was on the screen, or handed to every output.
            stages: Seconds of each of ``STAGES``.
        """
        with self._lock:
            self._start = captured if self._start is None else self._start
            self.shown += 1
            self._latency.add(shown - captured)
            for name, seconds in stages.items():
                self._stages[name].add(seconds)
            self._recent.append((shown, shown - captured, stages))

    @property
    def seconds(self) -> float:
        """Since the first frame that was shown was captured; 0 before."""
        return 0.0 if self._start is None else time.perf_counter() - self._start

    def now(self) -> Now:
        """Summarize the last two seconds."""
        begin = time.perf_counter() - _RECENT
        with self._lock:
            recent = [entry for entry in self._recent if entry[0] >= begin]
        if len(recent) < 2:
            return Now()
        span = recent[-1][0] - recent[0][0]
        latencies = sorted(entry[1] for entry in recent)
        names = [name for name in STAGES if name in recent[-1][2]]
        stages = {
            name: sum(entry[2].get(name, 0.0) for entry in recent) / len(recent) for name in names
        }
        return Now((len(recent) - 1) / max(span, 1e-9), latencies[len(latencies) // 2], stages)

    def report(self, counts: CameraCounts) -> dict[str, object]:
        """Collect all numbers of the run so far; durations in milliseconds, rates a second."""
        seconds = self.seconds
        span = max(seconds, 1e-9)
        with self._lock:
            return {
                "seconds": round(seconds, 3),
                "frames": {
                    "captured": counts.captured,
                    "dropped": counts.dropped,
                    "paused": counts.paused,
                    "shown": self.shown,
                },
                "retried": counts.retried,
                "rate": {
                    "captured": round(counts.captured / span, 2),
                    "shown": round(self.shown / span, 2),
                },
                "latency_ms": self._latency.summary(),
                "stages_ms": {
                    name: times.summary() for name, times in self._stages.items() if times.count
                },
            }
