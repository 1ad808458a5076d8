"""``tinct studio``: color photographs in the browser, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def studio(
    files: Annotated[
        list[str] | None, typer.Argument(help="Photographs to open.", show_default=False)
    ] = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Folder for pictures that are saved into a folder."),
    ] = "tinct-studio",
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            show_default="8417, or a free one",
            help="Where to listen; the browser keeps pictures by port. 0 takes a free one.",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")
    ] = True,
) -> int:
    """Color photographs on a page in the browser, which works on this machine alone.

    Colors are made in the browser, by the networks of the package; nothing is sent anywhere.
    """
    from tinct.apps.studio.run import run_studio

    return run_studio(files or [], output, port, browser)
