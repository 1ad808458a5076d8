"""Colors many pictures at once: reading, network and writing of different files overlap."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinct.apps.console import print_error, print_warning, progress_bar
from tinct.apps.photographs.sheet import make_sheet
from tinct.apps.report import FileRecord
from tinct.cores import count_cores, count_processors, prepare_threads
from tinct.errors import OutputError, TinctError
from tinct.files import reason_of
from tinct.photographs import FORMATS, encode_picture, losses, read_picture, write_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tinct.apps.photographs.plan import Job
    from tinct.photographs import Picture

_MOST_JOBS = 4  # each holds a whole picture in memory, and a disk feeds no more


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How pictures are read and written."""

    jobs: int | None = None  # pictures in work at once; None: by the processor
    max_pixels: int = 300_000_000  # larger pictures are refused
    format: str | None = None  # None: by the name of the output
    quality: int | None = None  # 1..100, None: the format's default
    overwrite: bool = False  # do finished ones again
    label: str = "colored by tinct"  # under the colored half of a sheet


class _StoppedError(Exception):
    """The user wants to stop; the picture in work is given up before anything of it is written."""


def choose_jobs(wanted: int | None, num_pictures: int) -> int:
    """Choose how many pictures are in work at once.

    Args:
        wanted: What the user asked for, if anything.
        num_pictures: How many there are to do.
    """
    jobs = min(count_processors(), _MOST_JOBS) if wanted is None else wanted
    return max(1, min(jobs, num_pictures))


def choose_threads(wanted: int | None, jobs: int) -> int | None:
    """Choose how many threads the network gets, so that all jobs together fill the processor once.

    Args:
        wanted: What the user asked for, if anything.
        jobs: How many pictures are in work at once.
    """
    return wanted if wanted is not None or jobs == 1 else max(1, count_cores() // jobs)


def split_finished(jobs: Iterable[Job], overwrite: bool) -> tuple[list[Job], list[FileRecord]]:
    """Set aside the jobs whose results are there already.

    Args:
        jobs: What was asked for.
        overwrite: Whether finished ones shall be done again.
    """
    todo: list[Job] = []
    finished: list[FileRecord] = []
    for job in jobs:
        if overwrite or not job.outputs or not all(path.is_file() for path in job.outputs):
            todo.append(job)
        else:
            reason = f"{job.output_name} is there already (--overwrite does it again)"
            finished.append(FileRecord(job.input_name, job.output_name, "skipped", reason))
    return todo, finished


def run_batch(
    jobs: Sequence[Job],
    color: Callable[[Picture], Picture],
    options: BatchOptions,
    quiet: bool = False,
) -> list[FileRecord]:
    """Color pictures, several at once; a picture that fails is reported and the others are done.

    Args:
        jobs: What to do, see ``make_plan``.
        color: Does the coloring, in several threads at once: a ``Colorizer``.
        options: How pictures are read and written.
        quiet: Show neither progress nor what went wrong.

    Returns:
        What became of each, in the order of the jobs.

    Raises:
        KeyboardInterrupt: The user stopped it; pictures in work were given up, nothing of them is
            written.
    """
    stop = threading.Event()
    count = choose_jobs(options.jobs, len(jobs))
    prepare_threads(count)

    def work(job: Job) -> FileRecord:
        return _color_file(job, color, options, stop)

    pool = ThreadPoolExecutor(count, thread_name_prefix="tinct")
    try:
        futures = {pool.submit(work, job): index for index, job in enumerate(jobs)}
        records: dict[int, FileRecord] = {}
        with progress_bar(0 if quiet else len(jobs), "photographs") as advance:
            for future in as_completed(futures):
                records[futures[future]] = future.result()
                if not quiet:
                    announce(records[futures[future]])
                advance()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return [records[index] for index in range(len(jobs))]


def announce(record: FileRecord) -> None:
    """Tell the user what went wrong with a file, if anything did."""
    for text in record.warnings:
        print_warning(f"{record.input}: {text}")
    if record.status == "failed":
        print_error(f"{record.input}: {record.reason}")


def _color_file(
    job: Job, color: Callable[[Picture], Picture], options: BatchOptions, stop: threading.Event
) -> FileRecord:
    """Do one job, turning whatever goes wrong into a record."""
    start = time.perf_counter()
    try:
        for path in job.outputs:
            _check_place(path)
        before = _read(job, options)
        _check(stop)
        after = color(before)
        _check(stop)
        lost = _write(job, before, after, options)
    except _StoppedError:
        reason = "stopped"
    except TinctError as error:
        reason = str(error)
    except MemoryError:
        reason = "not enough memory for this picture"
    except BrokenPipeError:  # whoever read our stdout has gone: nothing to report to anyone
        raise
    except Exception as error:  # noqa: BLE001 - a bug met in one picture must not end a run of thousands
        reason = f"internal error, please report it: {type(error).__name__}: {error}"
    else:
        height, width = after.pixels.shape[:2]
        return FileRecord(
            input=job.input_name,
            output=job.output_name,
            status="done",
            warnings=(*after.warnings, *lost),
            width=width,
            height=height,
            seconds=round(time.perf_counter() - start, 3),
            sheet=None if job.sheet is None else str(job.sheet),
        )
    reason = reason.removeprefix(f"{job.input_name}: ")
    return FileRecord(job.input_name, job.output_name, "failed", reason)


def _check(stop: threading.Event) -> None:
    if stop.is_set():
        raise _StoppedError


def _read(job: Job, options: BatchOptions) -> Picture:
    source = sys.stdin.buffer if job.source is None else job.source
    return read_picture(source, max_pixels=options.max_pixels, gray=True, name=job.input_name)


def _write(job: Job, before: Picture, after: Picture, options: BatchOptions) -> tuple[str, ...]:
    """Write what a job asks for.

    Returns:
        What the format could not hold, one sentence each.
    """
    if job.sheet is not None:
        _make_folder(job.sheet)
        write_picture(make_sheet(before, after, ("gray, as given", options.label)), job.sheet)
    format_name = _choose_format(job, after, options)
    if job.target is None:
        _write_stdout(encode_picture(after, format_name, options.quality))
        return losses(after, format_name)
    if job.target.is_file() and not options.overwrite:
        return ()  # only the sheet was missing
    _make_folder(job.target)
    return write_picture(
        after, job.target, format=format_name, quality=options.quality, overwrite=options.overwrite
    )


def _choose_format(job: Job, picture: Picture, options: BatchOptions) -> str:
    """Take the format asked for, else the one of the output's name, else the one of the input."""
    if options.format is not None:
        return options.format
    named = None if job.target is None else FORMATS.get(job.target.suffix.lower())
    if named is None:
        named = next(
            (known for known in FORMATS.values() if known.name == picture.source_format), None
        )
    return named.name if named is not None and named.writable else "PNG"


def _check_place(path: Path) -> None:
    """Find out early, before the work, that a file cannot be written where it should go."""
    place = next(parent for parent in path.absolute().parents if parent.exists())
    if not place.is_dir():
        raise OutputError(f"{path}: {place} is a file, not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write in {place}")


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot make the folder ({reason_of(error)})") from error


def _write_stdout(data: bytes) -> None:
    try:
        rest = memoryview(data)
        while rest:  # an unbuffered stdout takes as much as fits and says so
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"standard output: {reason_of(error)}") from error
