"""``tinct bench``: measure how fast tinct is on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.apps.commands.options import Device, Jobs, Json, Model, Threads


def bench(
    folder: Annotated[
        str,
        typer.Argument(help="Photographs; gray JPEGs of 12 megapixels are made from them."),
    ] = "examples",
    as_they_are: Annotated[
        bool, typer.Option("--as-they-are", help="Take the photographs as they are.")
    ] = False,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is timed.")] = 5,
    count: Annotated[int, typer.Option(min=1, help="Photographs in the folder.")] = 10,
    model: Model = "nano",
    device: Device = "auto",
    threads: Threads = None,
    jobs: Jobs = None,
    json: Json = None,
) -> None:
    """Measure a folder of photographs, one photograph from the shell, and the network alone.

    The folder is coloured, and only decoded and encoded, in turn with the same jobs. Let nothing
    else run meanwhile.
    """
    from tinct.apps.benchmarks import Bench, measure

    measure(Bench(folder, as_they_are, rounds, count, model, device, threads, jobs), json)
