"""A folder of photographs, and a single one from the shell, against the clock and in memory."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.footprint import install_sizes, peak_memory
from benchmarks.publish import Destination, publish
from tinct.apps.console import print_message
from tinct.apps.photographs.batch import BatchOptions, run_batch
from tinct.apps.photographs.plan import PhotographJob, PhotographRecord
from tinct.cores import choose_jobs, choose_threads, prepare_threads
from tinct.errors import InputError
from tinct.lab.metrics.timing import Timing, make_photographs, time_command, time_interleaved
from tinct.photographs import Picture
from tinct.runtime import Colorizer

_LARGE = 12.0  # megapixels of a photograph in the folder
_SINGLE = (2.0, 12.0)  # megapixels of single ones
METHOD = (
    "Coloring, and only decoding and encoding, take turns; medians over the rounds, quartiles in "
    "brackets. A single photograph is a new process each time, from its start to its end."
)


@dataclass(frozen=True, slots=True)
class FolderTimes:
    """Coloring a folder, and only decoding and encoding it."""

    photographs: int
    jobs: int
    color: Timing
    copy_color: Timing  # decoding, and encoding the colored ones
    copy_gray: Timing  # decoding and encoding the gray pictures as they came
    ratio_to_copy_color: float  # medians over the rounds
    ratio_to_copy_gray: float


@dataclass(frozen=True, slots=True)
class SingleTimes:
    """One photograph from the shell: ``tinct photo.jpg``, a new process each time."""

    megapixels: float
    cold_start: Timing  # from the start of the process to its end, the picture written
    peak_memory: int | None  # bytes


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """What is timed."""

    model: str
    device: str
    jobs: int | None  # photographs in work at once; None: by the processor
    count: int  # photographs in the folder
    as_they_are: bool  # otherwise gray ones of _LARGE megapixels are made from them
    rounds: int


def bench_folder(plan: FolderPlan, photographs: Sequence[Path], destination: Destination) -> None:
    """Measure a folder and single photographs, and what an installation takes on disk.

    Args:
        plan: What is timed.
        photographs: At least one.
        destination: Where the result goes.

    Raises:
        TinctError: The model, the device or a photograph cannot be used, or a result not be
            written.
    """
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as name:
        scratch = Path(name)
        if not plan.as_they_are:
            print_message(f"making {plan.count} photographs of {_LARGE:g} megapixels ...")
        folder = (
            photographs
            if plan.as_they_are
            else make_photographs(photographs, scratch, plan.count, _LARGE)
        )
        print_message("measuring the folder ...")
        jobs = choose_jobs(plan.jobs, len(folder))
        threads = choose_threads(None, jobs)
        colorizer = Colorizer(plan.model, device=plan.device, threads=threads)
        times = measure_folder(folder, scratch / "results", colorizer, jobs, plan.rounds)
        print_message("measuring one photograph from the shell ...")
        singles = [
            measure_single(photographs[0], scratch / f"{size:g}", plan.model, size, plan.rounds)
            for size in _SINGLE
        ]
    install = install_sizes()
    numbers: dict[str, object] = {
        "folder": asdict(times),
        "singles": [asdict(single) for single in singles],
        "install": install,
    }
    parts = [_folder_text(times), *map(_single_text, singles), _install_text(install)]
    publish("folder", parts, numbers, METHOD, plan.rounds, destination)


def measure_folder(
    photographs: Sequence[Path], results: Path, colorizer: Colorizer, jobs: int, rounds: int
) -> FolderTimes:
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
    options = BatchOptions(overwrite=True)
    prepare_threads(jobs)
    work = [
        PhotographJob(path, results / f"{i:03d}-{path.name}") for i, path in enumerate(photographs)
    ]
    colored: dict[bytes, Picture] = {}

    def remember(picture: Picture) -> Picture:
        return colored.setdefault(_fingerprint(picture), colorizer(picture))

    def recall(picture: Picture) -> Picture:
        return replace(colored[_fingerprint(picture)], warnings=())

    def run(color: Callable[[Picture], Picture]) -> Callable[[], None]:
        return lambda: _run_quietly(work, color, options, jobs)

    run(remember)()
    seconds = time_interleaved(
        {"color": run(colorizer), "copy_color": run(recall), "copy_gray": run(lambda gray: gray)},
        rounds,
    )
    timings = {name: Timing.of(values) for name, values in seconds.items()}
    times = {name: np.asarray(values) for name, values in seconds.items()}
    return FolderTimes(
        photographs=len(photographs),
        jobs=jobs,
        **timings,
        ratio_to_copy_color=float(np.median(times["color"] / times["copy_color"])),
        ratio_to_copy_gray=float(np.median(times["color"] / times["copy_gray"])),
    )


def measure_single(
    source: Path, scratch: Path, model: str, megapixels: float, runs: int
) -> SingleTimes:
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
    return SingleTimes(megapixels, time_command(command, runs), peak_memory(command))


def _run_quietly(
    todo: Sequence[PhotographJob],
    color: Callable[[Picture], Picture],
    options: BatchOptions,
    at_once: int,
) -> None:
    def check(_: PhotographJob, record: PhotographRecord) -> None:
        if record.status == "failed":
            raise InputError(f"{record.input}: {record.reason}")

    run_batch(todo, color, options, at_once, check)


def _fingerprint(picture: Picture) -> bytes:
    return picture.pixels[::97, ::89].tobytes()


def _folder_text(folder: FolderTimes) -> str:
    color, copy_color, copy_gray = (
        f"{t.median:.2f} s [{t.p25:.2f}, {t.p75:.2f}]"
        for t in (folder.color, folder.copy_color, folder.copy_gray)
    )
    return (
        f"A folder of {folder.photographs}, {folder.jobs} at a time, {folder.color.runs} rounds: "
        f"colored in {color}, {folder.ratio_to_copy_gray:.2f} times decoding and encoding alone "
        f"({copy_gray}), {folder.ratio_to_copy_color:.2f} times decoding, and encoding the "
        f"colored ones ({copy_color})."
    )


def _single_text(single: SingleTimes) -> str:
    memory = single.peak_memory
    held = f"; at most {memory / 1e6:.0f} MB of memory" if memory is not None else ""
    return (
        f"One photograph of {single.megapixels:g} megapixels from the shell, the whole process: "
        f"{single.cold_start}{held}."
    )


def _install_text(sizes: dict[str, int]) -> str:
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    named = ", ".join(f"{name} {sizes[name] / 1e6:.0f} MB" for name in largest)
    return (
        f"Installed: {sum(sizes.values()) / 1e6:.0f} MB with all that it needs ({named}), of which "
        f"tinct itself {sizes['tinct'] / 1e6:.1f} MB."
    )
