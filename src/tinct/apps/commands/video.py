"""``tinct video``: color films."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.apps.commands.arguments import (
    Cautious,
    Codec,
    Crf,
    Device,
    Json,
    Model,
    NoMark,
    Preset,
    Quiet,
    Saturation,
    Threads,
    Verbose,
    Vividness,
    choose_verbosity,
)
from tinct.errors import OptionError
from tinct.spec import FILM_MODEL

if TYPE_CHECKING:
    from tinct.films.filters import FieldMethod

_TIME = "SECONDS|HH:MM:SS"


def video(
    films: Annotated[
        list[str],
        typer.Argument(
            help="Films, folders of films, pictures in a row (frames/%06d.png), addresses, or - "
            "for standard input.",
            metavar="FILM...",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            show_default="film-color.mp4 beside film.mp4",
            help="A film (mp4, mov, mkv, webm, avi, mxf), pictures (colored/%06d.png), a folder.",
        ),
    ] = None,
    model: Model = FILM_MODEL,
    vividness: Vividness = None,
    cautious: Cautious = 0.0,
    saturation: Saturation = 1.0,
    device: Device = "auto",
    threads: Threads = None,
    steady: Annotated[
        bool, typer.Option("--steady/--no-steady", help="Keep colors steady from frame to frame.")
    ] = True,
    codec: Codec = None,
    crf: Crf = None,
    preset: Preset = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(show_default="as the film's", help="yuv420p, yuv422p10le, ..."),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            show_default="as the film's",
            help="Of the encoder: hq, 4444 (prores_ks), dnxhr_hqx (dnxhd), ...",
        ),
    ] = None,
    fps: Annotated[
        str | None,
        typer.Option(
            metavar="RATE", show_default="24", help="Of pictures in a row: 16, 24000/1001."
        ),
    ] = None,
    key_frame: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER=PICTURE|FOLDER",
            help="A frame as it should be: its colors go to the ends of its scene. May be given "
            "many times; of a folder, the numbers at the end of the names count.",
        ),
    ] = None,
    still: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="Only write this frame in color as a picture, to be corrected and given as a key "
            "frame; the first one is 1.",
        ),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar=_TIME, help="Leave out what comes before.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar=_TIME, help="Leave out what comes from here on.")
    ] = None,
    join: Annotated[
        bool, typer.Option("--join", help="Make one film of all, in the order given.")
    ] = False,
    deinterlace: Annotated[
        bool,
        typer.Option("--deinterlace", help="Make a whole frame of each field before coloring."),
    ] = False,
    inverse_telecine: Annotated[
        bool,
        typer.Option(
            "--inverse-telecine",
            help="Put the frames of film together from the fields of video: 30 a second become 24.",
        ),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Ten seconds, gray and colored side by side.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Do a finished film again, from its beginning.")
    ] = False,
    recolor: Annotated[
        bool,
        typer.Option("--recolor", help="Color shots that are in color already, too."),
    ] = False,
    keep_tint: Annotated[
        bool,
        typer.Option("--keep-tint", help="Put the tint of a tinted film over the new colors."),
    ] = False,
    no_mark: NoMark = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--continue",
            help="Join, or go on with, what an interrupted run has left, also for another suffix "
            "or by another version.",
        ),
    ] = False,
    json: Json = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Color films. `tinct film.mp4` is short for `tinct video film.mp4`.

    Frame times, sound, subtitles, chapters, rotation and color tags stay as they are.

    An interrupted run goes on where it was when the same command is given again.
    """
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.color_films import color_films
    from tinct.apps.films.key_frame_files import find_key_frames
    from tinct.apps.films.options import FilmOptions
    from tinct.apps.films.times import parse_rate, parse_time
    from tinct.films.encoder import EncoderChoice

    choose_verbosity(quiet, verbose)
    if deinterlace and inverse_telecine:
        raise OptionError("--deinterlace and --inverse-telecine: one of them")
    fields: FieldMethod = "inverse telecine" if inverse_telecine else "keep"
    key_frames = find_key_frames(key_frame or ())
    if len(films) > 1 and not join and still is not None:
        raise OptionError("--still is about one film: name that one alone")
    color = ColorizerOptions(model, vividness, cautious, saturation, device, threads)
    options = FilmOptions(
        encoder=EncoderChoice(codec, crf, preset, pix_fmt, profile),
        start=None if start is None else parse_time(start),
        end=None if end is None else parse_time(end),
        preview=preview,
        steady=steady,
        overwrite=overwrite,
        recolor=recolor,
        keep_tint=keep_tint,
        mark=not no_mark,
        resume=resume,
        rate=None if fps is None else parse_rate(fps),
        fields="deinterlace" if deinterlace else fields,
        key_frames=key_frames,
    )
    if still is not None:
        from tinct.apps.films.stills import color_still

        color_still(films[0], still, output, color, replace(options, following=tuple(films[1:])))
        return 0
    return color_films(films, output, color, options, json, join=join)
