"""``tinct lab compare``: figures and a report of what models make of photographs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from tinct.apps.commands.arguments import (
    SOURCES_HELP,
    SPECS_HELP,
    Fit,
    Limit,
    Lpips,
    Seed,
    Vividnesses,
    split_arguments,
    split_pair,
)
from tinct.apps.commands.lab.evaluate import parse_vividness


def compare(
    specs_and_photographs: Annotated[
        list[str],
        typer.Argument(
            metavar="[SPEC]... PHOTOGRAPHS",
            help=f"{SPECS_HELP}, then photographs: {SOURCES_HELP}. Gray ones are shown without a "
            "truth.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for all that is made.")],
    vividness: Vividnesses = "default",
    protocol: Annotated[
        Literal["lab", "product"],
        typer.Option(
            help="'product': whole photographs through the whole program; 'lab': at 256x256, as in "
            "papers."
        ),
    ] = "product",
    fit: Fit = "crop",
    pictures: Annotated[
        int, typer.Option(min=1, help="Show this many, the first; numbers are over all.")
    ] = 8,
    limit: Limit = None,
    seed: Seed = None,
    lpips: Lpips = False,
    curves: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="Draw the losses of a training run: its curves.csv, or a CSV of step and value.",
        ),
    ] = None,
) -> int:
    """Show what models make of photographs: the paper's figures, and an HTML report."""
    values = parse_vividness(vividness)
    pairs = [split_pair(text, "--curves takes NAME=FILE") for text in curves or []]
    runs = [(name, Path(file)) for name, file in pairs]
    specs, sources = split_arguments(specs_and_photographs)
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.apps.lab.comparison import Comparison
    from tinct.apps.lab.comparison import compare as run

    wanted = Comparison(specs, sources, values, protocol, fit, pictures, limit, seed, lpips, runs)
    return run(wanted, output)
