"""Timing."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinct.errors import InputError
from tinct.lab.metrics.timing import (
    Timing,
    make_frame,
    make_photographs,
    time_command,
    time_interleaved,
)
from tinct.photographs import Picture, read_picture, write_picture


def test_workloads_take_turns_after_the_warm_up() -> None:
    order: list[str] = []
    workloads = {name: (lambda name=name: order.append(name)) for name in ("a", "b")}
    seconds = time_interleaved(workloads, rounds=2, warm_up=1)
    assert order == ["a", "b"] * 3
    assert {name: len(runs) for name, runs in seconds.items()} == {"a": 2, "b": 2}


def test_quick_workloads_run_again_in_their_turn() -> None:
    seconds = time_interleaved(
        {"quick": lambda: time.sleep(0.01), "slow": lambda: time.sleep(0.12)}, rounds=2, turn=0.05
    )
    assert 2 * 3 <= len(seconds["quick"]) <= 2 * 6
    assert len(seconds["slow"]) == 2


def test_time_is_time() -> None:
    (seconds,) = time_interleaved({"sleep": lambda: time.sleep(0.05)}, rounds=1)["sleep"]
    assert 0.05 <= seconds < 1


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
