"""How far one has to walk through tinct's own code to follow a job: files, calls, moves.

``python -m benchmarks trip`` colors one gray JPEG, 0.2 seconds of film and six live frames through
the command line and counts, in all threads together, what a reader with a debugger would step
through. Every job runs once before it is counted, so that imports do not count.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import av
import cv2
import numpy as np
import typer

import tinct
from tinct.apps.cli import main as run_tinct
from tinct.errors import TinctError

_ROOT = str(Path(tinct.__file__).parent) + "/"
_SIZE = (640, 480)  # pixels, width and height of what is colored
_FILM = (25, 5)  # frames a second, frames: 0.2 seconds
_LIVE = (5, 6)  # so few a second that none is dropped

_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")  # functions before Python 3.12 alone


class Trip:
    """Counts of one job, over tinct's own files alone.

    Attributes:
        calls: How often a function was entered, by file relative to the package; a generator counts
            each time that it goes on.
        moves: How often, within a thread, a function was entered in another file than the last.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.moves = 0
        self._last = threading.local()

    def __str__(self) -> str:
        """Name the three numbers."""
        return f"{len(self.calls)} files, {self.calls.total()} calls, {self.moves} moves"

    def follow(self, job: Callable[[], object]) -> None:
        """Run a job and count."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)
        try:
            job()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(_ROOT) or frame.f_code.co_name in _COMPREHENSIONS:
            return
        self.calls[name] += 1
        self.moves += getattr(self._last, "name", None) != name
        self._last.name = name


def follow_command(*arguments: str) -> Trip:
    """Follow a run of the command line, after one that is not counted.

    Args:
        arguments: What is typed behind ``tinct``; the same files must be writable twice, so {} in
            an argument is replaced by the number of the run.

    Raises:
        TinctError: The run has failed.
    """
    trip = Trip()
    for number, follow in enumerate((lambda job: job(), trip.follow)):
        follow(lambda number=number: _run([text.format(number) for text in arguments]))
    return trip


def _run(arguments: list[str]) -> None:
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = run_tinct(arguments)
    if code:
        raise TinctError(said.getvalue().strip())


def measure_trips(scratch: Path) -> dict[str, Trip]:
    """Follow a photograph, a film and a live source.

    Args:
        scratch: An empty folder for what is colored.

    Raises:
        TinctError: One of them cannot be colored.
    """
    gray = _make_gray()
    for number in range(2):
        cv2.imwrite(str(scratch / f"photo{number}.jpg"), gray)
        _write_film(scratch / f"film{number}.mp4", gray, *_FILM)
    _write_film(scratch / "live.mp4", gray, *_LIVE)
    return {
        "one gray JPEG": follow_command(f"{scratch}/photo{{}}.jpg"),
        "0.2 s of film": follow_command(f"{scratch}/film{{}}.mp4"),
        "six live frames": follow_command("live", f"{scratch}/live.mp4", "--no-window"),
    }


def _make_gray() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Make a ramp with noise, (H, W) uint8."""
    width, height = _SIZE
    ramp = np.linspace(32, 223, width, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 4, (height, width))
    return np.clip(np.rint(ramp + noise), 0, 255).astype(np.uint8)


def _write_film(
    path: Path, gray: np.ndarray[Any, np.dtype[np.uint8]], rate: int, frames: int
) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = *_SIZE, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(gray, number, axis=1), format="gray")
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))


def trip(
    files: Annotated[bool, typer.Option("--files", help="List the calls of each file.")] = False,
) -> None:
    """Count the files, calls and moves between files of one photograph, film and live source."""
    with tempfile.TemporaryDirectory(prefix="tinct-trip-") as scratch:
        trips = measure_trips(Path(scratch))
    for name, counted in trips.items():
        print(f"{name}: {counted}")
        for file, calls in counted.calls.most_common() if files else ():
            print(f"{calls:6} {file.removeprefix(_ROOT)}")
