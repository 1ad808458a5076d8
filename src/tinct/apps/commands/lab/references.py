"""``tinct lab references``: measure what frames in color are worth to others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import Model, Vividness, check_output
from tinct.apps.console import command_line, progress_bar
from tinct.spec import FILM_MODEL


def references(
    films: Annotated[
        list[str],
        typer.Argument(metavar="FILM...", help="Films in color: turned to gray and colored."),
    ],
    frames: Annotated[int, typer.Option(min=2, help="Frames of each film, at most.")] = 300,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Markdown file to write.")
    ] = None,
    model: Model = FILM_MODEL,
    vividness: Vividness = None,
) -> int:
    """Measure how true colors are with a key frame each 2 and 10 seconds, and from references."""
    import cv2

    from tinct.apps.report import publish_markdown
    from tinct.lab.steadiness.clips import read_film
    from tinct.lab.steadiness.references import (
        Score,
        measure_key_frames,
        measure_references,
        to_markdown,
    )
    from tinct.runtime import Colorizer

    check_output(output, [model], films)
    cv2.setNumThreads(1)
    colorizer = Colorizer(model, vividness=vividness, device="cpu", threads=1)
    colored: list[Score] = []
    referred: list[Score] = []
    with progress_bar(len(films), "films") as advance:
        for name in films:
            clip = read_film(name, frames)
            colored += measure_key_frames(clip, colorizer)
            referred += measure_references(clip, colorizer)
            advance()
    text = to_markdown(colorizer.session.spec.name, colored, referred, command_line())
    return publish_markdown(text, (), output)
