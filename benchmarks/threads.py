"""Threads of the network: the default beside one and two, in each way in which tinct colors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.frames import make_scene
from benchmarks.publish import Destination, publish
from tinct.cores import choose_jobs, choose_threads, count_cores, count_processors
from tinct.frame_format import FrameFormat
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.timing import Timing, make_frame, time_interleaved
from tinct.photographs import Picture
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer, Samples
from tinct.runtime.parallel import color_frames
from tinct.spec import FILM_MODEL, PHOTOGRAPH_MODEL

THREADS = (None, 1, 2)
_FRAME = 1280, 720  # width and height
_PHOTOGRAPH = 1600, 1200
_FRAMES, _PICTURES = 12, 4  # colored in one run
METHOD = (
    "In memory. A photograph of {photograph[0]}x{photograph[1]} alone, and {pictures} of them at "
    "once; frames of {frame[0]}x{frame[1]} one after the other, as of a camera, and {processors} "
    "at a time, as of a film. All take turns; medians over the rounds, quartiles in brackets. The "
    "default is one thread where several pictures are in work, else one for each of the {cores} "
    "physical cores behind the {processors} processors."
)


@dataclass(frozen=True, slots=True)
class ThreadsLine:
    """One way of coloring, with one number of threads."""

    way: str
    threads: int | None
    """None: the default."""
    timing: Timing
    """Seconds a picture."""


def bench_threads(photograph: Path, rounds: int, destination: Destination) -> None:
    """Measure, print the table and write it where that was asked for.

    Args:
        photograph: What everything is made of.
        rounds: How often everything is timed.
        destination: Where the result goes.

    Raises:
        InputError: The photograph cannot be read.
        OutputError: A result cannot be written.
    """
    lines = measure_threads(photograph, rounds)
    rows = [_to_row(line) for line in lines]
    method = METHOD.format(
        photograph=_PHOTOGRAPH,
        pictures=_PICTURES,
        frame=_FRAME,
        cores=count_cores(),
        processors=count_processors(),
    )
    numbers: dict[str, object] = {"lines": [asdict(line) for line in lines]}
    table = markdown_table(["", "threads", "ms a picture"], rows, num_texts=2)
    publish("threads", [table], numbers, method, rounds, destination)


def _to_row(line: ThreadsLine) -> list[str]:
    timing = line.timing
    milliseconds = [f"{1000 * value:.1f}" for value in (timing.median, timing.p25, timing.p75)]
    shown = "{} [{}, {}]".format(*milliseconds)
    return [line.way, "default" if line.threads is None else str(line.threads), shown]


def measure_threads(photograph: Path, rounds: int) -> list[ThreadsLine]:
    """Time every way with every number of threads, in turn.

    Raises:
        InputError: The photograph cannot be read.
    """
    scene = make_scene(photograph, *_FRAME)
    picture = Picture(make_frame(photograph, *_PHOTOGRAPH))
    work: dict[str, Callable[[], object]] = {}
    counts: dict[str, tuple[str, int | None, int]] = {}
    for threads in THREADS:
        ways = {
            "photograph": (_photographs(picture, 1, threads), 1),
            "folder": (_photographs(picture, _PICTURES, threads), _PICTURES),
            "live": (_live(scene, threads), _FRAMES),
            "film": (_film(scene, threads), _FRAMES),
        }
        for way, (run, count) in ways.items():
            key = f"{way}, {threads}"
            work[key], counts[key] = run, (way, threads, count)
    seconds = time_interleaved(work, rounds)
    found = []
    for key, taken in seconds.items():
        way, threads, count = counts[key]
        found.append(ThreadsLine(way, threads, Timing.of([value / count for value in taken])))
    return sorted(found, key=lambda line: line.way)


def _photographs(picture: Picture, count: int, threads: int | None) -> Callable[[], object]:
    jobs = choose_jobs(None, count)
    colorizer = Colorizer(PHOTOGRAPH_MODEL, threads=choose_threads(threads, jobs))

    def run() -> None:
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(colorizer, [picture] * count))

    return run


def _live(scene: Sequence[Samples], threads: int | None) -> Callable[[], object]:
    film = FilmColorizer(Colorizer(FILM_MODEL, threads=threads), FrameFormat(*_FRAME))

    def run() -> None:
        for luma in _frames(scene):
            film(luma)

    return run


def _film(scene: Sequence[Samples], threads: int | None) -> Callable[[], object]:
    film = FilmColorizer(Colorizer(FILM_MODEL, threads=threads or 1), FrameFormat(*_FRAME))

    def run() -> None:
        made = color_frames(
            film, _frames(scene), lambda luma: luma, lambda *planes: planes, jobs=count_processors()
        )
        for _ in made:
            pass

    return run


def _frames(scene: Sequence[Samples]) -> Iterator[Samples]:
    return islice(cycle(scene), _FRAMES)
