"""Colors many pictures at once: reading, network and writing of different files overlap."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from tinct.apps.photographs.plan import PhotographRecord
from tinct.errors import OutputError, TinctError
from tinct.files import is_pipe, make_folder, reason_of
from tinct.photographs import FORMATS, encode_with_losses, read_picture, write_picture
from tinct.photographs.in_color import file_is_in_color, is_in_color

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tinct.apps.photographs.plan import PhotographJob
    from tinct.photographs import Picture
    from tinct.photographs.read import Source

IN_COLOR = "in color already, left as it is (--recolor colors it all the same)"


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How pictures are read and written."""

    max_pixels: int = 300_000_000  # larger pictures are refused
    format: str | None = None  # None: by the name of the output
    quality: int | None = None  # 1..100, None: the format's default
    overwrite: bool = False  # do finished ones again
    recolor: bool = False  # pictures of folders that are in color as well
    mark: bool = True  # say in the metadata that a model has colored it
    restore: bool = False  # stretch faded tones and take even casts out first
    label: str = "colored by tinct"  # under the colored half of a sheet


class _StoppedError(Exception):
    """The user wants to stop; the picture in work is given up before anything of it is written."""


class InColorError(Exception):
    """The picture is in color already, and the user did not ask for new colors."""


def run_batch(
    jobs: Sequence[PhotographJob],
    color: Callable[[Picture], Picture],
    options: BatchOptions,
    at_once: int,
    on_record: Callable[[PhotographJob, PhotographRecord], None],
) -> None:
    """Color pictures, several at once; a picture that fails is reported and the others are done.

    Args:
        jobs: What to do, see ``make_plan``.
        color: Does the coloring, in several threads at once: a ``Colorizer``.
        options: How pictures are read and written.
        at_once: How many are in work at once, see ``tinct.cores.prepare_threads``.
        on_record: Is told what became of each picture as soon as it is known, in the thread that
            has called; also of those that were finished or given up after the user stopped it.

    Raises:
        KeyboardInterrupt: The user stopped it; pictures in work were given up, nothing of them is
            written.
    """
    stop = threading.Event()
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="tinct")
    waiting: dict[Future[PhotographRecord], PhotographJob] = {}
    arriving: list[PhotographJob] = []
    try:
        for job in jobs:
            if _arrives(job):
                arriving.append(job)
            else:
                waiting[pool.submit(_color_file, job, color, options, stop)] = job
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                on_record(waiting.pop(future), future.result())
        for job in arriving:
            on_record(job, _color_file(job, color, options, stop))
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        for future, job in waiting.items():
            if not (future.cancelled() or future.exception()):
                on_record(job, future.result())


def _arrives(job: PhotographJob) -> bool:
    """Tell whether a picture comes from somebody who may keep us waiting for ever.

    Ctrl-C breaks off the waiting of the first thread alone.
    """
    return job.source is None or (not job.is_from_folder and is_pipe(job.source))


def _color_file(
    job: PhotographJob,
    color: Callable[[Picture], Picture],
    options: BatchOptions,
    stop: threading.Event,
) -> PhotographRecord:
    """Do one job, turning whatever goes wrong into a record."""
    start = time.perf_counter()
    name, output, outputs = job.input_name, job.output_name, job.outputs
    try:
        for path in outputs:
            _check_place(path)
        before = _read(job, options)
        if stop.is_set():
            raise _StoppedError
        after = _read_result(job, options) if job.result_stays else color(before)
        if stop.is_set():
            raise _StoppedError
        lost = _write(job, before, after, options)
    except BrokenPipeError:  # whoever read our stdout has gone: nothing to report to anyone
        raise
    except Exception as error:  # noqa: BLE001 - a bug met in one picture must not end a run of thousands
        status, reason = explain(error)
    else:
        height, width = after.pixels.shape[:2]
        return PhotographRecord(
            input=name,
            output=output,
            status="done",
            warnings=(*job.notes, *after.warnings, *lost),
            width=width,
            height=height,
            seconds=round(time.perf_counter() - start, 3),
            sheet=None if job.sheet is None else str(job.sheet),
            pages_in_color=sum(page.keeps_colors for page in (before, *before.pages)),
        )
    return PhotographRecord(name, output, status, reason.removeprefix(f"{name}: "))


def explain(error: Exception) -> tuple[Literal["skipped", "failed", "stopped"], str]:
    """Return what becomes of a picture by an error, and why."""
    if isinstance(error, _StoppedError):
        return "stopped", "stopped before it was finished"
    if isinstance(error, InColorError):
        return "skipped", IN_COLOR
    if isinstance(error, TinctError):
        return "failed", str(error)
    if isinstance(error, MemoryError):
        return "failed", "not enough memory for this picture"
    return "failed", f"internal error, please report it: {type(error).__name__}: {error}"


def _read(job: PhotographJob, options: BatchOptions) -> Picture:
    """Read the picture of a job.

    Raises:
        InColorError: It was found in a folder and is in color.
    """
    if job.source is not None and job.is_from_folder:
        return read_found(job.source, job.input_name, options)
    source = sys.stdin.buffer if job.source is None else job.source
    return read_photograph(source, job.input_name, options)


def read_found(source: Path | bytes, name: str, options: BatchOptions) -> Picture:
    """Read a picture that is to be colored unless it is in color; of several pages, each by itself.

    Args:
        source: A file, or its bytes.
        name: How messages call it.
        options: How it is read, whether it is restored, and whether one in color is wanted, too.

    Raises:
        InColorError: It is in color, all of it, and not wanted.
        InputError: It cannot be read.
    """
    picture = _open(source, name, options)
    if not options.recolor:
        picture = _keeping_colors(source, picture)
    return _restored(picture) if options.restore else picture


def _keeping_colors(source: Path | bytes, picture: Picture) -> Picture:
    """Mark the pages that are in color already, so that they stay as they are.

    Raises:
        InColorError: All of them are.
    """
    others = [is_in_color(page.pixels) for page in picture.pages]
    found = [file_is_in_color(source, picture), *others]
    if all(found):
        raise InColorError
    notes = [
        f"page {number} is in color already, left as it is"
        for number, is_colored in enumerate(found, 1)
        if is_colored
    ]
    pages = tuple(
        replace(page, keeps_colors=is_colored)
        for page, is_colored in zip(picture.pages, others, strict=True)
    )
    warnings = (*picture.warnings, *notes)
    return replace(picture, keeps_colors=found[0], pages=pages, warnings=warnings)


def read_photograph(source: Source, name: str, options: BatchOptions) -> Picture:
    """Read a picture that is to be colored.

    Args:
        source: A path, the bytes of a file, or an open file.
        name: How messages call it.
        options: How it is read, and whether it is restored.

    Raises:
        InputError: It cannot be read.
    """
    picture = _open(source, name, options)
    return _restored(picture) if options.restore else picture


def _open(source: Source, name: str, options: BatchOptions) -> Picture:
    """Read a picture; for the colorizer alone only its luma is needed."""
    gray = not options.restore
    return read_picture(source, max_pixels=options.max_pixels, gray=gray, name=name)


def _read_result(job: PhotographJob, options: BatchOptions) -> Picture:
    """Read the result of a job that is there: what a sheet shows where only that is missing."""
    assert job.target is not None
    return read_picture(job.target, max_pixels=options.max_pixels)


def _restored(picture: Picture) -> Picture:
    from tinct.runtime.restore import restore

    first, *pages = (
        page if page.keeps_colors else replace(page, pixels=restore(page.pixels))
        for page in (picture, *picture.pages)
    )
    return replace(first, pages=tuple(pages))


def _write(
    job: PhotographJob, before: Picture, after: Picture, options: BatchOptions
) -> tuple[str, ...]:
    """Write what a job asks for.

    Returns:
        What the format could not hold, one sentence each.
    """

    def may_replace(path: Path) -> bool:
        return options.overwrite or path in job.replaced

    if job.sheet is not None:
        from tinct.apps.photographs.sheet import make_sheet  # few ask for one

        make_folder(job.sheet.parent)
        label = job.target.name if job.result_stays and job.target else options.label
        sheet = make_sheet(before, after, ("gray, as given", label))
        write_picture(sheet, job.sheet, overwrite=may_replace(job.sheet))
    if job.result_stays:
        return ()
    format_name = choose_format(after, options, job.target)
    if job.target is None:
        data, lost = encode_with_losses(after, format_name, options.quality, options.mark)
        _write_stdout(data)
        return lost
    make_folder(job.target.parent)
    return write_picture(
        after,
        job.target,
        format=format_name,
        quality=options.quality,
        overwrite=may_replace(job.target),
        mark=options.mark,
    )


def choose_format(picture: Picture, options: BatchOptions, target: Path | None = None) -> str:
    """Take the format asked for, else the one of the output's name, else the one of the input.

    Args:
        picture: What is to be written.
        options: May ask for a format.
        target: The output, if it has a name.
    """
    if options.format is not None:
        return options.format
    named = None if target is None else FORMATS.get(target.suffix.lower())
    if named is None:
        named = next(
            (known for known in FORMATS.values() if known.name == picture.source_format), None
        )
    if named is None:
        return "PNG"
    return FORMATS[named.written_as].name if named.written_as else named.name


def _check_place(path: Path) -> None:
    """Find out early, before the work, that a file cannot be written where it should go."""
    # Unlike pathlib, os.path answers no where a folder's permission forbids even to look.
    place = next(parent for parent in path.absolute().parents if os.path.exists(parent))
    if not os.path.isdir(place):
        raise OutputError(f"{path}: {place} is a file, not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write in {place}")


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
