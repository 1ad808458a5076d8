"""A folder of photographs, and a single one from the shell, against the clock and in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.footprint import peak_memory
from tinct.apps.photographs.batch import BatchOptions, run_batch
from tinct.apps.photographs.plan import PhotographJob, PhotographRecord
from tinct.errors import InputError
from tinct.lab.metrics.timing import Timing, make_photographs, time_command, time_interleaved
from tinct.photographs import Picture
from tinct.runtime import Colorizer


@dataclass(frozen=True, slots=True)
class Folder:
    """Coloring a folder, and only decoding and encoding it."""

    photographs: int
    jobs: int
    color: Timing
    copy_color: Timing  # decoding, and encoding the colored ones
    copy_gray: Timing  # decoding and encoding the gray pictures as they came
    ratio_to_copy_color: float  # medians over the rounds
    ratio_to_copy_gray: float


@dataclass(frozen=True, slots=True)
class Single:
    """One photograph from the shell: ``tinct photo.jpg``, a new process each time."""

    megapixels: float
    cold_start: Timing  # from the start of the process to its end, the picture written
    peak_memory: int | None  # bytes


def measure_folder(
    photographs: Sequence[Path], results: Path, colorizer: Colorizer, jobs: int, rounds: int
) -> Folder:
    """Compare coloring a folder with only decoding and encoding it.

    Args:
        photographs: The folder.
        results: A folder for what is written.
        colorizer: Colors them.
        jobs: Pictures in work at once.
        rounds: How often each is timed.

    Raises:
        InputError: A photograph cannot be colored.
    """
    options = BatchOptions(jobs=jobs, overwrite=True)
    work = [
        PhotographJob(path, results / f"{i:03d}-{path.name}") for i, path in enumerate(photographs)
    ]
    colored: dict[bytes, Picture] = {}

    def remember(picture: Picture) -> Picture:
        return colored.setdefault(_fingerprint(picture), colorizer(picture))

    def recall(picture: Picture) -> Picture:
        return replace(colored[_fingerprint(picture)], warnings=())

    def run(color: Callable[[Picture], Picture]) -> Callable[[], None]:
        return lambda: _run_quietly(work, color, options)

    run(remember)()
    seconds = time_interleaved(
        {"color": run(colorizer), "copy_color": run(recall), "copy_gray": run(lambda gray: gray)},
        rounds,
    )
    timings = {name: Timing.of(values) for name, values in seconds.items()}
    times = {name: np.asarray(values) for name, values in seconds.items()}
    return Folder(
        photographs=len(photographs),
        jobs=jobs,
        **timings,
        ratio_to_copy_color=float(np.median(times["color"] / times["copy_color"])),
        ratio_to_copy_gray=float(np.median(times["color"] / times["copy_gray"])),
    )


def measure_single(source: Path, scratch: Path, model: str, megapixels: float, runs: int) -> Single:
    """Color one photograph from the shell.

    Args:
        source: A photograph to make one of that size from.
        scratch: An empty folder.
        model: Name of a model, or a model file.
        megapixels: Of the photograph.
        runs: How often it is timed.

    Raises:
        InputError: The photograph cannot be read or colored.
    """
    scratch.mkdir()
    (photograph,) = make_photographs([source], scratch, 1, megapixels)
    command = [sys.executable, "-m", "tinct", "image", str(photograph), "--model", model]
    command += ["-o", str(scratch / "color.jpg"), "--overwrite"]
    return Single(megapixels, time_command(command, runs), peak_memory(command))


def _run_quietly(
    jobs: Sequence[PhotographJob], color: Callable[[Picture], Picture], options: BatchOptions
) -> None:
    def check(_: PhotographJob, record: PhotographRecord) -> None:
        if record.status == "failed":
            raise InputError(f"{record.input}: {record.reason}")

    run_batch(jobs, color, options, check)


def _fingerprint(picture: Picture) -> bytes:
    return picture.pixels[::97, ::89].tobytes()
