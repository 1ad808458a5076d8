"""``tinct live``: color a camera, a stream or a film while it runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tinct.apps.commands.arguments import Cautious, Device, Model, NoMark, Saturation, Vividness
from tinct.spec import FILM_MODEL


def live(
    source: Annotated[
        str,
        typer.Argument(
            help="A camera (0, /dev/video0), csi://0 (Jetson), a GStreamer pipeline (gst:... or "
            "anything with ' ! ' in it), an rtsp or http URL, a film, or test:// "
            "(a photograph that moves)."
        ),
    ] = "0",
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH",
            show_default="the source's own",
            help="Of the pictures, such as 1280x720.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(show_default="the source's own", help="Pictures a second to ask for."),
    ] = None,
    flip: Annotated[
        Literal["none", "h", "v", "180"],
        typer.Option(help="h: swap left and right; v: top and bottom; 180: turn."),
    ] = "none",
    loop: Annotated[bool, typer.Option("--loop", help="Begin a film again at its end.")] = False,
    panels: Annotated[
        str, typer.Option(metavar="LIST", help="Of the window: original, gray, colored, loss.")
    ] = "original,gray,colored,loss",
    window: Annotated[
        bool | None,
        typer.Option(
            "--window/--no-window",
            show_default="a window, unless there is --serve",
            help="Open a window (pip extra: live).",
        ),
    ] = None,
    serve: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Show the pictures in browsers, of this machine alone unless HOST says otherwise "
            "(0.0.0.0: of all).",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Record the colored pictures."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a recording that exists.")
    ] = False,
    virtual_camera: Annotated[
        bool,
        typer.Option("--virtual-camera", help="Be a camera to others (pip extra: virtual-camera)."),
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", show_default="none", help="Stop after that time."),
    ] = None,
    stats: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Write the numbers at the end, as JSON, or - for stdout."
        ),
    ] = None,
    reconnect: Annotated[
        bool,
        typer.Option(
            "--reconnect", help="Try again, ever more slowly, when a source fails or a stream ends."
        ),
    ] = False,
    no_mark: NoMark = False,
    model: Model = FILM_MODEL,
    vividness: Vividness = None,
    cautious: Cautious = 0.0,
    saturation: Saturation = 1.0,
    steady: Annotated[
        bool, typer.Option("--steady/--no-steady", help="Smooth the colors over time.")
    ] = True,
    device: Device = "auto",
) -> int:
    """Color a camera, a stream or a film while it runs.

    Keys in the window: space pauses, up and down change the vividness, h shows all others.
    """
    from tinct.apps.live import LiveOptions, run_live
    from tinct.apps.live.panels import parse_panels
    from tinct.cameras.capture import CaptureOptions, parse_size
    from tinct.cores import count_cores
    from tinct.runtime import Colorizer

    capture = CaptureOptions(
        size=None if size is None else parse_size(size),
        rate=rate,
        flip=flip,
        loop=loop,
    )
    options = LiveOptions(
        window=serve is None if window is None else window,
        panels=parse_panels(panels),
        serve=serve,
        output=output,
        overwrite=overwrite,
        virtual_camera=virtual_camera,
        duration=duration,
        stats=stats,
        reconnect=reconnect,
        steady=steady,
        mark=not no_mark,
    )
    colorizer = Colorizer(
        model,
        vividness=vividness,
        cautious=cautious,
        saturation=saturation,
        device=device,
        threads=max(count_cores() - 1, 1),  # one is left to capture and display
    )
    return run_live(source, colorizer, capture, options)
