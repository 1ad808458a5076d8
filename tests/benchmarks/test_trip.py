"""Files, calls and moves of a job."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from benchmarks.trip import Trip, follow_command
from tinct.color import quantize_luma
from tinct.errors import TinctError
from tinct.files import reason_of


def test_calls_and_moves_between_files_are_counted_in_every_thread() -> None:
    error = OSError(2, "gone")

    def job() -> None:
        reason_of(error)
        reason_of(error)
        quantize_luma(np.zeros(1, np.float32), 8, "full")
        thread = threading.Thread(target=reason_of, args=(error,))
        thread.start()
        thread.join()

    trip = Trip()
    trip.follow(job)
    calls = {Path(name).name: count for name, count in trip.calls.items()}
    assert calls["files.py"] == 3
    assert set(calls) == {"files.py", "color.py"}
    assert trip.moves == 3  # to files, to color; and to files in the other thread
    reason_of(error)
    assert trip.calls.total() == sum(calls.values())


def test_a_run_of_the_command_line_is_followed_and_its_failure_is_an_error(
    tmp_path: Path, photo: Path
) -> None:
    (tmp_path / "0.jpg").write_bytes(photo.read_bytes())
    (tmp_path / "1.jpg").write_bytes(photo.read_bytes())
    first, second = (follow_command(f"{tmp_path}/{{}}.jpg") for _ in range(2))
    assert str(second) != str(first)  # the second run finds everything done
    assert "runtime/session.py" in " ".join(first.calls)
    assert "runtime/session.py" not in " ".join(second.calls)
    with pytest.raises(TinctError, match=r"missing\.jpg"):
        follow_command(f"{tmp_path}/missing.jpg")
