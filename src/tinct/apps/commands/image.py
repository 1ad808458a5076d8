"""``tinct image``: color photographs."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.apps.commands.arguments import (
    Cautious,
    Device,
    Jobs,
    Json,
    Model,
    Saturation,
    Threads,
    Vividness,
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
            show_default="photo-color.jpg beside photo.jpg, folder-color/ beside folder/",
            help="File, folder (the tree of a folder is kept), or - for standard output.",
        ),
    ] = None,
    model: Model = PHOTOGRAPH_MODEL,
    vividness: Vividness = None,
    cautious: Cautious = 0.0,
    saturation: Saturation = 1.0,
    device: Device = "auto",
    threads: Threads = None,
    format: Annotated[
        str | None,
        typer.Option(
            show_default="the input's", help="jpeg, png, tiff, webp, avif, bmp, ppm or jpeg2000."
        ),
    ] = None,
    quality: Annotated[
        int | None, typer.Option("--quality", "-q", min=1, max=100, show_default="the format's own")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do finished pictures again.")
    ] = False,
    jobs: Jobs = None,
    json: Json = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write a side-by-side sheet, photo-compare.jpg.")
    ] = False,
    max_pixels: Annotated[
        float, typer.Option(min=0.0001, metavar="MEGAPIXELS", help="Refuse larger pictures.")
    ] = 300.0,
) -> int:
    """Color photographs. `tinct photo.jpg` is short for `tinct image photo.jpg`.

    What is finished already is skipped, so that an interrupted run goes on where it was.
    """
    # Here and not above: `tinct --help` should not load OpenCV.
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions
    from tinct.apps.photographs.color_photographs import color_photographs

    return color_photographs(
        inputs,
        output,
        ColorizerOptions(model, vividness, cautious, saturation, device, threads),
        BatchOptions(
            jobs=jobs,
            max_pixels=round(max_pixels * 1e6),
            format=format,
            quality=quality,
            overwrite=overwrite,
        ),
        sheets=compare,
        json=json,
    )
