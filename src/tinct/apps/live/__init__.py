"""``tinct live``: capture, color and show, each in a thread of its own."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from tinct.apps.console import print_message
from tinct.apps.live.live_loop import Session
from tinct.apps.live.loss_curve import LossCurve
from tinct.apps.live.outputs import Outputs
from tinct.apps.live.painter import Painter
from tinct.apps.live.panels import PANELS
from tinct.cameras.camera import Camera
from tinct.cameras.find import find_source
from tinct.cores import count_cores
from tinct.runtime.colorizer import Colorizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinct.apps.live.window import Window
    from tinct.cameras.capture import CaptureOptions

__all__ = ["LiveOptions", "choose_threads", "run_live"]

_USUAL_SIZE = (1280, 720)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Where the colored pictures go, and for how long."""

    window: bool = True
    panels: tuple[str, ...] = PANELS
    window_size: tuple[int, int] = (1280, 800)
    full_screen: bool = False
    serve: str | None = None  # PORT or HOST:PORT
    output: str | None = None  # a film
    overwrite: bool = False
    virtual_camera: bool = False
    duration: float | None = None  # seconds; None: until it is stopped
    stats: str | None = None  # a file, or - for standard output
    retries: int | None = 0  # None: for ever
    steady: bool = True


def choose_threads(asked: int | None) -> int:
    """Return the threads of the network: all cores but one, for capture and display."""
    return asked or max(count_cores() - 1, 1)


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
    losses = LossCurve()
    with ExitStack() as stack:
        # What can be refused is, before a camera begins to shine.
        window = _open_window(name, losses, options) if options.window else None
        if window is not None:
            stack.callback(window.close)
        outputs = stack.enter_context(Outputs())
        camera = Camera(name, connect, capture, retries=options.retries)
        painter = Painter(camera, colorizer, steady=options.steady)
        session = Session(camera, painter, outputs, window, losses)
        _open_outputs(outputs, session, options, capture, name)
        stack.enter_context(_single_threaded_opencv())
        session.rehearse(capture.size or _USUAL_SIZE)
        stack.enter_context(camera)
        stack.enter_context(painter)
        print_message(f"{name}: colored by {painter.model} on {painter.device}")
        try:
            session.run(options.duration)
        finally:
            session.report(options.stats)
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


def _open_window(name: str, losses: LossCurve, options: LiveOptions) -> Window:
    from tinct.apps.live.window import Window  # the extra "live": not for those who do without

    window = Window(f"tinct live: {name}", losses, options.panels, options.window_size)
    if options.full_screen:
        window.toggle_full_screen()
    return window


def _open_outputs(
    outputs: Outputs,
    session: Session,
    options: LiveOptions,
    capture: CaptureOptions,
    name: str,
) -> None:
    if options.output is not None:
        outputs.record(options.output, overwrite=options.overwrite)
    if options.virtual_camera:
        outputs.add_virtual_camera(capture.rate)
    if options.serve is not None:
        outputs.serve(options.serve, name, session.numbers)
