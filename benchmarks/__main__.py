"""``python -m benchmarks``: measure how fast tinct is on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import Device, Jobs, Json, Model, Threads
from tinct.apps.console import command_line, print_error
from tinct.errors import TinctError

_QUICK, _FULL = (3, 4), (15, 10)  # rounds, and photographs in the folder


def bench(
    folder: Annotated[
        str,
        typer.Argument(help="Photographs; gray JPEGs of 12 megapixels are made from them."),
    ] = "examples",
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Every device and precision there is, more rounds: many minutes."
        ),
    ] = False,
    film: Annotated[
        bool,
        typer.Option("--film", help="Only a film of 1080p, from file to file, and its floor."),
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=FILE]",
            help="Time this network beside ours, with the weights of a file or random ones: paper, "
            "eccv16, siggraph17, eccv16-keras. Repeatable.",
        ),
    ] = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="Only frames of films in memory, with all cores at once."),
    ] = False,
    quality: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="JSON of tinct lab evaluate, for a plot of quality against cost."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the report (JSON, Markdown) and the plot."),
    ] = None,
    as_they_are: Annotated[
        bool, typer.Option("--as-they-are", help="Take the photographs as they are.")
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=f"{_QUICK[0]}, with --full {_FULL[0]}",
            help="How often everything is timed.",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=f"{_QUICK[1]}, with --full {_FULL[1]}",
            help="Photographs in the folder.",
        ),
    ] = None,
    model: Model = "nano",
    device: Device = "auto",
    threads: Threads = None,
    jobs: Jobs = None,
    json: Json = None,
) -> None:
    """Measure networks, frames of several sizes, a folder, and one photograph from the shell.

    About a minute. What is compared takes turns. Let nothing else run meanwhile.
    """
    from benchmarks.measure import Bench, measure, measure_film

    usual_rounds, usual_count = _FULL if full else _QUICK
    wanted = Bench(
        folder=folder,
        as_they_are=as_they_are,
        rounds=rounds or usual_rounds,
        count=count or usual_count,
        model=model,
        device=device,
        threads=threads,
        jobs=jobs,
        peers=tuple(peer or ()),
        quality=tuple(quality or ()),
        is_full=full,
        only_frames=frames,
        command=command_line(),
    )
    (measure_film if film else measure)(wanted, json, output)


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        typer.run(bench)
    except TinctError as error:
        print_error(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
