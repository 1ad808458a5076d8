"""``tinct lab curves``: the losses of several training runs on the same axes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import split_pair
from tinct.apps.console import print_message
from tinct.errors import OptionError


def curves(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME=FILE...",
            help="The curves.csv of a run of tinct's, or a CSV of step and value, as TensorBoard "
            "exports it. Files of one NAME share a color.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG or SVG file to write.")],
    step: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PHOTOGRAPHS",
            help="How many photographs NAME sees in a step of its files, where they do not say.",
        ),
    ] = None,
) -> None:
    """Draw the losses of training runs over the photographs they have seen."""
    files = [split_pair(text, "curves are NAME=FILE") for text in runs]
    per_step = dict(map(_photographs, step or []))
    suffix = output.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise OptionError(f"-o takes a .png or .svg file, not {output}")
    from tinct.files import write_atomically
    from tinct.lab.figures.curves import read_curves_by_photographs
    from tinct.lab.figures.figures import draw_beside, render

    lines = [
        curve
        for name, file in files
        for curve in read_curves_by_photographs(name, Path(file), per_step.get(name))
    ]
    data = render(draw_beside(lines), "svg" if suffix == ".svg" else "png")
    write_atomically(data, output, overwrite=True)
    print_message(f"{output}: {len(lines)} curves")


def _photographs(text: str) -> tuple[str, int]:
    name, number = split_pair(text, "--step takes NAME=PHOTOGRAPHS")
    if not number.isdecimal() or int(number) == 0:
        raise OptionError(f"--step takes NAME=PHOTOGRAPHS, a number, not {text!r}")
    return name, int(number)
