"""``python -m benchmarks COMMAND``: measure how fast tinct is on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.trip import trip
from tinct.apps.commands.arguments import Device, Jobs, Json, Model, Threads
from tinct.apps.console import print_error
from tinct.errors import MissingExtraError, TinctError

_EXAMPLES = str(Path(__file__).parent.parent / "examples")
_ROUNDS, _ROUNDS_FULL = 3, 15
_MOST_COMPARED = 32

Photographs = Annotated[str, typer.Argument(help="Folder of photographs, to make material from.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often everything is timed.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Folder for the report: JSON and Markdown.")
]
Peers = Annotated[
    list[str] | None,
    typer.Option(
        "--peer",
        metavar="NAME[=FILE]",
        help="Time this network beside ours, with the weights of a file or random ones: paper, "
        "eccv16, siggraph17, eccv16-keras. Repeatable.",
    ),
]

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
app.command()(trip)


@app.callback()
def _benchmarks() -> None:
    """Measure how fast tinct is. What is compared takes turns. Let nothing else run meanwhile."""


@app.command()
def networks(
    photographs: Photographs = _EXAMPLES,
    model: Model = "nano",
    device: Device = "auto",
    threads: Threads = None,
    peers: Peers = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Every device and precision there is, more rounds: minutes."),
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(min=1, show_default=f"{_ROUNDS}, with --full {_ROUNDS_FULL}"),
    ] = None,
    output: Output = None,
    json: Json = None,
) -> None:
    """Networks alone, and frames of several sizes from gray to color, in memory."""
    from benchmarks.networks import SpeedPlan, bench_networks
    from benchmarks.publish import Destination, photographs_in

    rounds = rounds or (_ROUNDS_FULL if full else _ROUNDS)
    plan = SpeedPlan(model, device, threads, tuple(peers or ()), rounds, full)
    bench_networks(plan, photographs_in(photographs, 4), Destination(json, output))


@app.command()
def frames(
    photographs: Photographs = _EXAMPLES,
    model: Model = "nano",
    device: Device = "auto",
    jobs: Jobs = None,
    peers: Peers = None,
    rounds: Rounds = _ROUNDS,
    output: Output = None,
    json: Json = None,
) -> None:
    """Frames of a film in memory, with all cores at once."""
    from benchmarks.frames import FramesPlan, bench_frames
    from benchmarks.publish import Destination, photographs_in

    plan = FramesPlan(model, device, None, jobs, tuple(peers or ()), rounds)
    bench_frames(plan, photographs_in(photographs)[0], Destination(json, output))


@app.command()
def folder(
    photographs: Photographs = _EXAMPLES,
    model: Model = "nano",
    device: Device = "auto",
    jobs: Jobs = None,
    count: Annotated[int, typer.Option(min=1, help="Photographs in the folder.")] = 4,
    as_they_are: Annotated[
        bool, typer.Option("--as-they-are", help="Do not make large gray ones of them.")
    ] = False,
    rounds: Rounds = _ROUNDS,
    output: Output = None,
    json: Json = None,
) -> None:
    """A folder of photographs, one photograph from the shell, and room on disk."""
    from benchmarks.folder import FolderPlan, bench_folder
    from benchmarks.publish import Destination, photographs_in

    plan = FolderPlan(model, device, jobs, count, as_they_are, rounds)
    bench_folder(plan, photographs_in(photographs, count), Destination(json, output))


@app.command()
def clicks(
    photographs: Photographs = _EXAMPLES,
    model: Model = "base",
    threads: Threads = None,
    rounds: Rounds = 5,
) -> None:
    """A hint in photographs of 1, 12 and 50 megapixels, by stage, in milliseconds.

    Every stage has those before it inside, but for opening the photograph.
    """
    from benchmarks.clicks import bench_clicks
    from benchmarks.publish import photographs_in
    from tinct.photographs import read_picture
    from tinct.runtime.compose import luma_of

    photograph = luma_of(read_picture(photographs_in(photographs)[0], gray=True).pixels)
    typer.echo(bench_clicks(photograph, model, threads, rounds))


@app.command()
def page(photographs: Photographs = _EXAMPLES, rounds: Rounds = 5) -> None:
    """The page of tinct studio in Chromium: first color, a hint, a slider, the camera."""
    from benchmarks.page import bench_page
    from benchmarks.publish import photographs_in
    from tinct.photographs import read_picture
    from tinct.runtime.compose import luma_of

    photograph = luma_of(read_picture(photographs_in(photographs)[0], gray=True).pixels)
    typer.echo(bench_page(photograph, rounds))


@app.command()
def serve(
    photographs: Photographs = _EXAMPLES,
    model: Model = "base",
    jobs: Jobs = None,
    requests: Annotated[int, typer.Option(min=1, help="So many in all.")] = 500,
    clients: Annotated[int, typer.Option(min=1, help="So many at once.")] = 16,
) -> None:
    """The server under load: answers by status, seconds, memory."""
    from benchmarks.publish import photographs_in
    from benchmarks.serve import Load, bench_server

    found = photographs_in(photographs)
    typer.echo(bench_server(found, Load(requests, clients, model, jobs)))


@app.command()
def exports(
    photographs: Photographs = _EXAMPLES,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Repeatable.", show_default="nano and base"
        ),
    ] = None,
    rounds: Rounds = 15,
    output: Output = None,
    json: Json = None,
) -> None:
    """Exports for other runtimes: size, milliseconds with one thread, difference of colors."""
    from benchmarks.exports import bench_exports
    from benchmarks.publish import Destination, photographs_in

    found = photographs_in(photographs, _MOST_COMPARED)
    bench_exports(models or ["nano", "base"], found, rounds, Destination(json, output))


@app.command()
def film(
    photographs: Photographs = _EXAMPLES,
    model: Model = "nano",
    device: Device = "auto",
    rounds: Rounds = _ROUNDS,
    output: Output = None,
    json: Json = None,
) -> None:
    """A film of 1080p from file to file, and its floor: only decoded and encoded."""
    from benchmarks.film import bench_films
    from benchmarks.publish import Destination, photographs_in
    from tinct.apps.colorizer_options import ColorizerOptions

    color = ColorizerOptions(model, device=device)
    bench_films(photographs_in(photographs)[0], color, rounds, Destination(json, output))


@app.command()
def threads(
    photographs: Photographs = _EXAMPLES,
    rounds: Rounds = 9,
    output: Output = None,
    json: Json = None,
) -> None:
    """Threads of the network: the default, 1 and 2, for photographs, folders, live and films."""
    from benchmarks.publish import Destination, photographs_in
    from benchmarks.threads import bench_threads

    bench_threads(photographs_in(photographs)[0], rounds, Destination(json, output))


@app.command()
def quality(
    evaluations: Annotated[
        list[Path], typer.Argument(help="JSON files that tinct lab evaluate has written.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the plot.")],
) -> None:
    """Draw the quality of networks over what they cost."""
    from tinct.files import make_folder, write_atomically
    from tinct.lab.figures.quality_cost import draw_quality, read_points

    points = [point for path in evaluations for point in read_points(path)]
    make_folder(output)
    for suffix, content in draw_quality(points):
        write_atomically(content, output / f"quality-cost.{suffix}", overwrite=True)


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        app(prog_name="python -m benchmarks")
    except TinctError as error:
        print_error(str(error))
        return 1
    except ModuleNotFoundError as error:
        print_error(str(MissingExtraError(f"This benchmark ({error.name})", "lab")))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
