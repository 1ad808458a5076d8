"""``tinct lab steadiness``: measure how steady the colors of films are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.apps.commands.arguments import SOURCES_HELP, Model, Vividness
from tinct.apps.console import command_line, print_warning, progress_bar
from tinct.errors import OptionError

if TYPE_CHECKING:
    from tinct.lab.steadiness.experiment import Result
from tinct.spec import FILM_MODEL


def steadiness(
    films: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILM]...", help="Films in color: turned to gray and colored."),
    ] = None,
    photographs: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Make films of color photographs, which stand still, pan, zoom, cut, flicker: "
            f"{SOURCES_HELP}.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=2, help="Photographs to make films of.")] = 4,
    frames: Annotated[int, typer.Option(min=2, help="Frames of each film, at most.")] = 96,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the report: JSON and Markdown."),
    ] = None,
    model: Model = FILM_MODEL,
    vividness: Vividness = None,
) -> None:
    """Compare steadied colors with the truth, gray, frame by frame and a plain average.

    Flicker where the scene stands still, change along its motion, and how true the colors are.
    """
    if not films and photographs is None:
        raise OptionError("name films, or photographs to make some of: --photographs DATA")
    import cv2

    from tinct.files import make_folder
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.evaluate.result import describe_machine, installed_versions
    from tinct.lab.steadiness.clips import make_clips, read_film
    from tinct.lab.steadiness.experiment import Result, measure_clip, measure_cost, merge
    from tinct.runtime import Colorizer

    cv2.setNumThreads(1)  # as the network: the share of the smoother is that on one core
    colorizer = Colorizer(model, vividness=vividness, device="cpu", threads=1)
    clips = [read_film(film, frames) for film in films or ()]
    if photographs is not None:
        source = Photographs(photographs, limit=count)
        clips += make_clips([photograph.rgb for photograph in source])
        for reason in source.broken:
            print_warning(reason)
    if output:
        make_folder(output)
    cost = measure_cost(clips[0], colorizer)
    results = []
    with progress_bar(len(clips), "clips") as advance:
        for clip in clips:
            results.append(measure_clip(clip, colorizer))
            advance()
    result = Result(
        colorizer.session.spec.name, command_line(), describe_machine(), installed_versions(),
        cost, merge(results),
    )  # fmt: skip
    _write(result, output)


def _write(result: Result, folder: Path | None) -> None:
    from tinct.files import write_atomically

    sys.stdout.write(result.to_markdown())
    if folder:
        for suffix, text in (("json", result.to_json()), ("md", result.to_markdown())):
            write_atomically(text.encode(), folder / f"steadiness.{suffix}", overwrite=True)
