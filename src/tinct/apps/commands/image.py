"""``tinct image``: color photographs."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.apps.commands.arguments import (
    Cautious,
    Device,
    Format,
    Jobs,
    Json,
    MaxPixels,
    Model,
    NoMark,
    Quality,
    Quiet,
    Restore,
    Saturation,
    Threads,
    Verbose,
    Vividness,
    choose_verbosity,
)
from tinct.spec import PHOTOGRAPH_MODEL


def image(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Photographs, folders with everything below them, or - for standard input."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            show_default="photo-color.jpg beside photo.jpg, folder-color/ beside folder/",
            help="File, folder (the tree of a folder is kept), or - for standard output.",
        ),
    ] = None,
    model: Model = PHOTOGRAPH_MODEL,
    vividness: Vividness = None,
    cautious: Cautious = 0.0,
    saturation: Saturation = 1.0,
    hints: Annotated[
        str | None,
        typer.Option(
            metavar="HINTS.json",
            help="What color things in the photograph are, see docs/hints.md.",
        ),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PICTURE",
            help="A picture in color of the same things, which get its colors; may be given many "
            "times.",
        ),
    ] = None,
    choices: Annotated[
        bool,
        typer.Option(
            "--choices",
            help="Only write a sheet of several vividness values and models to choose from, "
            "photo-choices.jpg.",
        ),
    ] = False,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write a side-by-side sheet, photo-compare.jpg.")
    ] = False,
    restore: Restore = False,
    recolor: Annotated[
        bool,
        typer.Option("--recolor", help="In folders: color photographs in color as well."),
    ] = False,
    films: Annotated[
        bool, typer.Option("--films", help="In folders: color films as well, see tinct video.")
    ] = False,
    format: Format = None,
    quality: Quality = None,
    no_mark: NoMark = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Do finished pictures again, also those that are not known to be tinct's.",
        ),
    ] = False,
    jobs: Jobs = None,
    json: Json = None,
    max_pixels: MaxPixels = 300.0,
    device: Device = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Color photographs. `tinct photo.jpg` is short for `tinct image photo.jpg`.

    What is finished already is skipped, so that an interrupted run goes on where it was; it is done
    again where options, the model or the input have changed since.

    Photographs in folders that are in color already are left as they are.
    """
    # Here and not above: `tinct --help` should not load OpenCV.
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions
    from tinct.apps.photographs.color_photographs import PhotographOptions, color_photographs

    choose_verbosity(quiet, verbose)
    return color_photographs(
        inputs,
        output,
        ColorizerOptions(model, vividness, cautious, saturation, device, threads),
        BatchOptions(
            max_pixels=round(max_pixels * 1e6),
            format=format,
            quality=quality,
            overwrite=overwrite,
            recolor=recolor,
            mark=not no_mark,
            restore=restore,
        ),
        PhotographOptions(
            jobs=jobs,
            sheets=compare,
            choices=choices,
            films=films,
            hints=hints,
            references=tuple(reference or ()),
            report=json,
        ),
    )
