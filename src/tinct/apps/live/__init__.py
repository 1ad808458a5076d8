"""``tinct live``: capture, color and show, each in a thread of its own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from tinct.apps.live.live_colorizer import LiveColorizer
from tinct.apps.live.live_run import LiveRun
from tinct.apps.live.loss_curve import LossCurve
from tinct.apps.live.outputs import Outputs
from tinct.apps.live.panels import PANELS
from tinct.apps.report import check_report
from tinct.cameras.camera import Camera
from tinct.cameras.find import find_source
from tinct.files import check_not_read
from tinct.runtime.colorizer import Colorizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinct.apps.live.window import LiveWindow
    from tinct.cameras.capture import CaptureOptions

__all__ = ["LiveOptions", "run_live"]

_USUAL_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Where the colored pictures go, and for how long."""

    window: bool = True
    panels: tuple[str, ...] = PANELS
    serve: str | None = None  # PORT or HOST:PORT
    output: str | None = None  # a film
    overwrite: bool = False
    virtual_camera: bool = False
    duration: float | None = None  # seconds; None: until it is stopped
    stats: str | None = None  # a file, or - for standard output
    reconnect: bool = False  # try a source that fails or ends again for ever
    steady: bool = True
    mark: bool = True  # recordings and snapshots say which model has colored them


def run_live(
    source: str, colorizer: Colorizer, capture: CaptureOptions, options: LiveOptions
) -> int:
    """Color a live source until it ends, the time is over, or the user has seen enough.

    Args:
        source: See ``find_source``.
        colorizer: The model, and how colorful at first.
        capture: What the source is asked for.
        options: Where the pictures go.

    Returns:
        The exit code.

    Raises:
        InputError: The source has failed.
        OutputError: A recording, the server or the statistics have failed.
        OptionError, DeviceError, MissingExtraError: Something asked for makes no sense, or is not
            there.
    """
    name, connect = find_source(source, capture)
    check_not_read([options.output], [source])
    check_report(options.stats, [options.output], [source])
    losses = LossCurve()
    with ExitStack() as stack:
        # What can be refused is, before a camera begins to shine.
        window = _open_window(name, losses, options) if options.window else None
        if window is not None:
            stack.callback(window.close)
        colored_by = colorizer.session.spec.name if options.mark else ""
        outputs = stack.enter_context(Outputs(colored_by))
        camera = Camera(name, connect, capture, retries=None if options.reconnect else 0)
        live_colorizer = LiveColorizer(camera, colorizer, steady=options.steady)
        run = LiveRun(camera, live_colorizer, outputs, window, losses)
        _open_outputs(outputs, run, options, capture, name)
        stack.enter_context(_single_threaded_opencv())
        run.warm_up(capture.size or _USUAL_SIZE)
        stack.enter_context(camera)
        stack.enter_context(live_colorizer)
        try:
            run.run(options.duration)
        finally:
            run.report(options.stats)
    return 0


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """Keep OpenCV from spreading its work: our own threads have the cores already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _open_window(name: str, losses: LossCurve, options: LiveOptions) -> LiveWindow:
    from tinct.apps.live.window import LiveWindow  # the extra "live": not for those who do without

    return LiveWindow(f"tinct live: {name}", losses, options.panels)


def _open_outputs(
    outputs: Outputs,
    run: LiveRun,
    options: LiveOptions,
    capture: CaptureOptions,
    name: str,
) -> None:
    if options.output is not None:
        outputs.record(options.output, overwrite=options.overwrite)
    if options.virtual_camera:
        outputs.add_virtual_camera(capture.rate)
    if options.serve is not None:
        outputs.serve(options.serve, name, run.numbers, run.change)
