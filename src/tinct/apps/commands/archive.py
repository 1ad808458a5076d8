"""``tinct archive``: color the photographs and films of an archive, on one machine or on many."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from tinct.apps.commands.arguments import (
    Cautious,
    Codec,
    Crf,
    Device,
    Format,
    MaxPixels,
    NoMark,
    Preset,
    Quality,
    Quiet,
    Restore,
    Saturation,
    Verbose,
    Vividness,
    choose_verbosity,
)
from tinct.errors import MissingExtraError
from tinct.spec import FILM_MODEL, PHOTOGRAPH_MODEL


def archive(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders with everything below them, photographs, films, or manifests (Parquet), "
            "as paths or URLs such as s3://bucket/scans."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PLACE",
            help="Folder, or a URL such as s3://bucket/colored: the tree of a folder is kept below "
            "it; of several, each below one of its name.",
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            show_default=f"{PHOTOGRAPH_MODEL}; for films {FILM_MODEL}",
            help="base, nano, or a model file.",
        ),
    ] = None,
    vividness: Vividness = None,
    cautious: Cautious = 0.0,
    saturation: Saturation = 1.0,
    restore: Restore = False,
    recolor: Annotated[
        bool, typer.Option("--recolor", help="Color what is in color as well.")
    ] = False,
    format: Format = None,
    quality: Quality = None,
    no_mark: NoMark = False,
    container: Annotated[
        Literal["mp4", "m4v", "mov", "mkv", "webm", "avi", "mxf"] | None,
        typer.Option(help="Of all films.", show_default="the film's own, or mp4"),
    ] = None,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    only: Annotated[
        Literal["photographs", "films"] | None,
        typer.Option(help="Leave the others out.", show_default="both"),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Try again what has failed in an earlier run.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Do everything again, and replace files that are not known to be tinct's.",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            show_default="all processors",
            help="Workers, each a process with a network that has one thread.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Workers on the machines of a Ray cluster: auto, or HOST:PORT. local starts one.",
        ),
    ] = None,
    list_only: Annotated[
        bool,
        typer.Option(
            "--list", help="Color nothing: write a manifest of the sources to -o FILE.parquet."
        ),
    ] = False,
    max_pixels: MaxPixels = 300.0,
    device: Device = "auto",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Color the photographs and films of an archive, on one machine or on many.

    PLACE gets the same tree, and in tinct-archive/ a manifest of what was found and a table of what
    became of it. A run that was killed is started again as it was: it does what is missing.
    """
    try:
        from tinct.apps.archive.item import Choices
        from tinct.apps.archive.run import ArchiveOptions, color_archive, write_manifest

        if ray is not None:
            import ray as _  # noqa: F401 - known to be there before anything is listed
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "tinct":
            raise
        extra = "ray" if package == "ray" else "archive"
        raise MissingExtraError(f"tinct archive ({package})", extra) from error
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.options import FilmOptions
    from tinct.apps.photographs.batch import BatchOptions
    from tinct.films.encoder import EncoderChoice

    choose_verbosity(quiet, verbose)
    batch = BatchOptions(
        max_pixels=round(max_pixels * 1e6),
        format=format,
        quality=quality,
        overwrite=overwrite,
        recolor=recolor,
        mark=not no_mark,
        restore=restore,
    )
    suffix = None if container is None else f".{container}"
    options = ArchiveOptions(jobs, ray, retry, only, suffix)
    if list_only:
        return write_manifest(sources, output, batch, options)
    photographs = ColorizerOptions(
        model or PHOTOGRAPH_MODEL, vividness, cautious, saturation, device
    )
    films = replace(photographs, model=model or FILM_MODEL)
    film = FilmOptions(EncoderChoice(codec, crf, preset), recolor=recolor, mark=not no_mark)
    choices = Choices(photographs, batch, films, film)
    return color_archive(sources, output, choices, options)
