"""What ``python -m benchmarks`` measures, with the same code that does the work."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.film import bench_films
from benchmarks.folder import measure_folder, measure_single
from benchmarks.footprint import install_sizes
from benchmarks.frames import FramesPlan, bench_frames
from benchmarks.networks import SpeedPlan, measure_speed
from benchmarks.tables import Result, publish, to_json, to_markdown
from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.console import print_message
from tinct.apps.photographs.batch import choose_jobs, choose_threads
from tinct.apps.photographs.plan import list_folder
from tinct.errors import InputError
from tinct.files import write_atomically
from tinct.lab.evaluate.result import describe_machine, installed_versions
from tinct.lab.figures.quality_cost import draw_quality, read_points
from tinct.lab.metrics.timing import make_photographs
from tinct.runtime import Colorizer

__all__ = ["Bench", "measure", "measure_film"]

_LARGE = 12.0  # megapixels of a photograph in the folder
_SINGLE = (2.0, 12.0)  # megapixels of single ones


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure."""

    folder: str
    as_they_are: bool
    rounds: int
    count: int
    model: str
    device: str
    threads: int | None  # None: one, and all
    jobs: int | None
    peers: tuple[str, ...]
    quality: tuple[str, ...]  # JSON files of tinct lab evaluate
    is_full: bool
    only_frames: bool  # of films, in memory; nothing else
    command: str


def measure(bench: Bench, json: str | None, output: Path | None) -> None:
    """Measure everything and print it.

    Args:
        bench: What to measure.
        json: Where the numbers go as JSON as well, if anywhere: a file, or ``-`` for stdout.
        output: Folder for JSON, Markdown and the plot, if any.

    Raises:
        InputError: There are no photographs, or one cannot be read.
        OutputError: A result cannot be written.
    """
    if bench.only_frames:
        _measure_frames(bench, json, output)
        return
    points = [point for path in bench.quality for point in read_points(Path(path))]
    sources = list_folder(Path(bench.folder)).pictures[: bench.count]
    if not sources:
        raise InputError(f"{bench.folder}: no photographs to measure with")
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as name:
        result = _measure(bench, sources, Path(name))
    publish("bench", to_markdown(result), to_json(result), json, output)
    if output is None:
        return
    for suffix, content in draw_quality(points) if points else ():
        write_atomically(content, output / f"quality-cost.{suffix}", overwrite=True)


def measure_film(bench: Bench, json: str | None, output: Path | None) -> None:
    """Measure a film from file to file and print it; arguments and errors are those of measure."""
    color = ColorizerOptions(bench.model, device=bench.device, threads=bench.threads)
    bench_films(_one_photograph(bench), color, bench.rounds, bench.command, json, output)


def _measure_frames(bench: Bench, json: str | None, output: Path | None) -> None:
    plan = FramesPlan(
        bench.model, bench.device, bench.threads, bench.jobs, bench.peers, bench.rounds
    )
    bench_frames(plan, _one_photograph(bench), bench.command, json, output)


def _one_photograph(bench: Bench) -> Path:
    source = next(iter(list_folder(Path(bench.folder)).pictures), None)
    if source is None:
        raise InputError(f"{bench.folder}: no photographs to measure with")
    return source


def _measure(bench: Bench, sources: list[Path], scratch: Path) -> Result:
    plan = SpeedPlan(
        bench.model, bench.device, bench.threads, bench.peers, bench.rounds, bench.is_full
    )
    print_message("measuring networks, and frames of several sizes ...")
    lines = measure_speed(plan, sources, scratch)
    if not bench.as_they_are:
        print_message(f"making {bench.count} photographs of {_LARGE:g} megapixels ...")
        photographs = make_photographs(sources, scratch, bench.count, _LARGE)
    else:
        photographs = sources
    print_message("measuring the folder ...")
    jobs = choose_jobs(bench.jobs, len(photographs))
    threads = choose_threads(bench.threads, jobs)
    colorizer = Colorizer(bench.model, device=bench.device, threads=threads)
    folder = measure_folder(photographs, scratch / "results", colorizer, jobs, bench.rounds)
    print_message("measuring one photograph from the shell ...")
    singles = [
        measure_single(sources[0], scratch / f"{size:g}", bench.model, size, bench.rounds)
        for size in _SINGLE
    ]
    return Result(
        command=bench.command,
        machine=describe_machine(),
        versions=installed_versions(),
        rounds=bench.rounds,
        lines=lines,
        folder=folder,
        singles=singles,
        install=install_sizes(),
    )
