"""``tinct lab statistics``: count the colors of photographs, for the evaluation to compare with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import check_output
from tinct.apps.console import print_warning


def statistics(
    data: Annotated[
        list[str], typer.Argument(help="Folders, tar files, hf: data sets of color photographs.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="JSON file to write.")] = Path(
        "statistics.json"
    ),
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many photographs.")
    ] = None,
) -> int:
    """Count how frequent colors are, and which one each lightness has on average.

    The exit code is 1 if a photograph could not be read.
    """
    from tinct.files import write_atomically
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.metrics.statistics import gather

    photographs = Photographs(*data, limit=limit)
    check_output(output, (), photographs.files)
    names = " ".join(Path(source).name for source in data)
    result = gather(photographs, made_by=f"tinct lab statistics {names}")
    for reason in photographs.broken:
        print_warning(reason)
    write_atomically(result.to_json().encode(), output, overwrite=True)
    typer.echo(f"{output}: the colors of {result.num_photographs} photographs", err=True)
    return int(bool(photographs.broken))
