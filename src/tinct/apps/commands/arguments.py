"""Options and arguments that several commands share, each defined once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinct.apps.console import Verbosity, set_verbosity
from tinct.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SPECS_HELP = (
    "Rows (a model in the package by its name, a model file of tinct's, paper=FILE, eccv16=FILE, "
    "siggraph17=FILE, eccv16-keras=FILE, ddcolor=FILE, deoldify=FILE, an adapter FILE.toml, a "
    "checkpoint of the paper's network, a folder that another program has colored)"
)
SOURCES_HELP = "a folder, a URL of a tar file, hf:NAME, or any number of pictures and tar files"

Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="MODEL", help="base, nano, or a model file."),
]
Restore = Annotated[
    bool,
    typer.Option("--restore", help="First stretch faded tones and take even casts out."),
]
Format = Annotated[
    str | None,
    typer.Option(
        show_default="the input's",
        metavar="FORMAT",
        help="jpeg, png, tiff, webp, avif, bmp, ppm or jpeg2000.",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(min=1, max=100, show_default="the format's own"),
]
NoMark = Annotated[
    bool,
    typer.Option("--no-mark", help="Do not say in the metadata that a model has colored it."),
]
Codec = Annotated[
    str | None,
    typer.Option(
        show_default="libx264; in webm libvpx-vp9, in mxf dnxhd",
        help="Encoder of films: libx265, ffv1, prores_ks, h264_nvenc, ... what FFmpeg has here.",
    ),
]
Crf = Annotated[
    float | None,
    typer.Option(
        min=0, max=63, show_default="18 for libx264", help="Of the encoder: smaller is finer."
    ),
]
Preset = Annotated[
    str | None, typer.Option(help="Of the encoder: ultrafast ... medium ... veryslow.")
]
MaxPixels = Annotated[
    float,
    typer.Option(min=0.0001, max=1e6, metavar="MEGAPIXELS", help="Refuse larger pictures."),
]
Vividness = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, show_default="the model's own",
        help="0: careful colors, nearest to the truth on average; 1: full colors.",
    ),
]  # fmt: skip
Cautious = Annotated[
    float,
    typer.Option(min=0, max=1, help="Fade to gray where the network is unsure: 0 never."),
]
Saturation = Annotated[
    float,
    typer.Option(min=0, max=4, help="Factor on the colors: 0 gray, 1 as they are."),
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, tensorrt, openvino, coreml or directml.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, show_default="all cores", help="Threads of the network.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, show_default="all cores, at most 4", help="Pictures in work at once."
    ),
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write a report to a file, or - for stdout."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors alone.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print a line for each file.")]

Vividnesses = Annotated[
    str, typer.Option(help="One row a model for each of these: numbers 0..1, or 'default'.")
]
Fit = Annotated[
    Literal["crop", "resize"],
    typer.Option(help="In protocol lab: take the central square, or stretch the whole."),
]
Lpips = Annotated[bool, typer.Option("--lpips", help="Compute LPIPS as well.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Stop after this many photographs.")]
MeasuringJobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, show_default="all cores", help="Photographs in work at once."
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Take --limit photographs at random, the same for the same seed."),
]


def choose_verbosity(quiet: bool, verbose: bool) -> None:
    """Choose which messages are printed.

    Raises:
        OptionError: Both are asked for.
    """
    if quiet and verbose:
        raise OptionError("--quiet and --verbose cannot both be meant")
    set_verbosity(Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell rows and photographs apart.

    Photographs are the last argument, and every other one that is a picture or a tar file by its
    name. No row is either, but for weights called ``NAME=FILE``.

    Returns:
        The specs of rows, and the sources of photographs.
    """
    from tinct.lab.data.collection import is_archive, is_picture
    from tinct.lab.peers.adapter import PRESETS
    from tinct.lab.peers.published import NETWORKS

    *others, last = arguments
    sources = [
        text
        for text in others
        if (is_picture(text) or is_archive(text))
        and text.partition("=")[0] not in (*NETWORKS, *PRESETS)
    ]
    return [text for text in others if text not in sources], [*sources, last]


def check_output(
    output: Path | None, specs: Iterable[str], photographs: Iterable[str | Path]
) -> None:
    """Find out before photographs are measured whether what comes out can be written.

    Args:
        output: File for it; None for none.
        specs: Of the rows, some of which are files or ``NAME=FILE``.
        photographs: Files of them.

    Raises:
        OptionError: It is one of the files that are read.
        OutputError: It cannot be written there.
    """
    from tinct.files import check_can_write

    if output:
        files = [name for spec in specs for name in (spec, spec.partition("=")[2])]
        check_can_write(output, [*photographs, *files])


def split_pair(text: str, usage: str) -> tuple[str, str]:
    """Split ``NAME=VALUE``.

    Args:
        text: What was given.
        usage: What it should look like, for the error.

    Raises:
        OptionError: One of the two is missing.
    """
    name, _, value = text.partition("=")
    if not (name and value):
        raise OptionError(f"{usage}, not {text!r}")
    return name, value
