"""Timing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinct.errors import InputError
from tinct.lab.metrics.timing import (
    MOST_REPEATS,
    Timing,
    make_frame,
    make_photographs,
    time_command,
    time_interleaved,
)
from tinct.photographs import Picture, read_picture, write_picture


class Clock:
    """Shows only the seconds that a workload says it took: no machine is too slow for the test."""

    def __init__(self) -> None:
        self._now = 0.0

    def perf_counter(self) -> float:
        return self._now

    def go_on(self, seconds: float) -> None:
        self._now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("tinct.lab.metrics.timing.time", made)
    return made


def test_workloads_take_turns_after_the_warm_up() -> None:
    order: list[str] = []
    workloads = {name: (lambda name=name: order.append(name)) for name in ("a", "b")}
    seconds = time_interleaved(workloads, rounds=2, warm_up=1)
    assert order == ["a", "b"] * 3
    assert {name: len(runs) for name, runs in seconds.items()} == {"a": 2, "b": 2}


def test_quick_workloads_run_again_in_their_turn(clock: Clock) -> None:
    seconds = time_interleaved(
        {"quick": lambda: clock.go_on(2), "slow": lambda: clock.go_on(12)}, rounds=2, turn=5
    )
    # Three runs of two seconds fill a turn of five; one more before them was for the caches.
    assert seconds == {"quick": 2 * [2, 2, 2], "slow": 2 * [12]}


def test_a_workload_that_takes_no_time_ends_its_turn(clock: Clock) -> None:
    (seconds,) = time_interleaved({"nothing": lambda: None}, rounds=1, turn=5).values()
    assert seconds == MOST_REPEATS * [0]


def test_seconds_are_those_of_the_clock() -> None:
    (seconds,) = time_interleaved({"sleep": lambda: time.sleep(0.05)}, rounds=1)["sleep"]
    assert seconds >= 0.05


def test_percentiles() -> None:
    timing = Timing.of([0.001 * number for number in range(101)])
    expected = (0.05, 0.025, 0.075, 0.095, 101)
    assert (timing.median, timing.p25, timing.p75, timing.p95, timing.runs) == pytest.approx(
        expected
    )
    assert str(timing) == "50.0 ms (quartiles 25.0 to 75.0, p95 95.0)"


def test_command_is_prepared_and_run_each_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = f"open({str(log)!r}, 'a').write('r')"

    def prepare() -> None:
        with open(log, "a") as file:
            file.write("p")

    assert time_command([sys.executable, "-c", code], 2, prepare).runs == 2
    assert log.read_text() == "prprpr"


def test_failing_command_is_named() -> None:
    with pytest.raises(InputError, match="broken"):
        time_command([sys.executable, "-c", "raise SystemExit('broken')"], 1)


def test_frames_have_the_size(tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    write_picture(Picture(np.full((30, 40, 3), 120, np.uint8)), flat)
    frame = make_frame(flat, 64, 48)
    assert frame.shape == (48, 64)
    assert frame.mean() == pytest.approx(120, abs=1)


def test_made_photographs_have_the_size_and_grain(tmp_path: Path) -> None:
    flat = tmp_path / "flat.png"
    write_picture(Picture(np.full((30, 40, 3), 120, np.uint8)), flat)
    made = make_photographs([flat], tmp_path, 2, megapixels=0.3)
    first, second = (read_picture(path).pixels for path in made)
    assert first.shape == second.shape
    assert first.ndim == 2
    assert first.size == pytest.approx(0.3e6, rel=0.01)
    assert first.mean() == pytest.approx(120, abs=1)
    assert 2 < first.std() < 6
    assert not np.array_equal(first, second)
