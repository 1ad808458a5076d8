"""``tinct serve``: color photographs for other programs, over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.apps.commands.arguments import Device, Jobs, MaxPixels, Model, Threads
from tinct.errors import MissingExtraError
from tinct.spec import PHOTOGRAPH_MODEL


def serve(
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; 0.0.0.0: on all networks.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    model: Model = PHOTOGRAPH_MODEL,
    jobs: Jobs = None,
    waiting: Annotated[
        int,
        typer.Option(min=1, help="Photographs that may wait; one more is told to try again (503)."),
    ] = 64,
    max_pixels: MaxPixels = 100.0,
    max_bytes: Annotated[
        float,
        typer.Option(min=0.0001, max=1e6, metavar="MEGABYTES", help="Refuse larger files."),
    ] = 64.0,
    device: Device = "auto",
    threads: Threads = None,
) -> int:
    """Color photographs for other programs, over HTTP.

    A photograph is sent to /color, `curl --data-binary @photo.jpg http://127.0.0.1:8000/color -o
    photo-color.jpg`; /openapi.json describes all parameters.
    """
    try:
        from tinct.apps.serve.run import run_server
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tinct"):
            raise
        raise MissingExtraError(f"tinct serve ({error.name})", "serve") from error
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.local_server import Address
    from tinct.apps.serve.api import Limits

    color = ColorizerOptions(model, device=device, threads=threads)
    limits = Limits(max_bytes=round(max_bytes * 1e6), max_pixels=round(max_pixels * 1e6))
    return run_server(Address(host, port), color, limits, jobs, waiting)
