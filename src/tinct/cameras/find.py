"""What ``tinct live`` can look through: cameras, pipelines, streams, films, and a test pattern."""

from __future__ import annotations

import contextlib
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions, Source
from tinct.cameras.gstreamer import GstreamerSource, csi_pipeline
from tinct.cameras.pattern import PatternSource
from tinct.errors import InputError, OptionError
from tinct.files import open_source

if TYPE_CHECKING:
    import av

_LATE = 1.0  # seconds behind its clock after which a film's clock is set anew
_LIVE_OPTIONS = {"fflags": "nobuffer", "rtsp_transport": "tcp"}


def find_source(address: str, options: CaptureOptions) -> tuple[str, Callable[[], Source]]:
    """Tell what an address means.

    Args:
        address: A number or ``/dev/video0``; ``csi://0``; ``gst:PIPELINE``, or anything with
            `` ! `` in it; ``rtsp://...`` and other URLs; ``test://``; else the path of a film.
        options: What the source will be asked for.

    Returns:
        How messages call it, and what opens it.

    Raises:
        OptionError: It does not go with the options, or cannot be understood.
    """
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    opener: Callable[[], Source]
    if address.startswith("gst:") or " ! " in address:
        pipeline = address.removeprefix("gst:")
        opener = partial(GstreamerSource, pipeline, options, address)
    elif scheme == "csi":
        pipeline = csi_pipeline(_csi_sensor(address), options)
        opener = partial(GstreamerSource, pipeline, CaptureOptions(), address)
    elif scheme == "test":
        PatternSource(address, CaptureOptions(size=(1, 1)))  # a wrong query is found at once
        opener = partial(PatternSource, address, options)
    elif address.isdigit() or address.startswith("/dev/"):
        return _device_name(address), partial(DeviceSource, address, options)
    else:
        if options.rate is not None:
            raise OptionError(f"{address}: a film or a stream has its own rate; leave out --rate")
        opener = partial(FilmSource, address, options)
    return address, opener


def _csi_sensor(address: str) -> int:
    number = address.partition("://")[2].strip("/") or "0"
    if not number.isdigit():
        raise OptionError(f"{address}: not csi:// and the number of a camera")
    return int(number)


class DeviceSource:
    """A camera that OpenCV knows."""

    live = True
    missed = 0

    def __init__(self, address: str, options: CaptureOptions) -> None:
        """Open a device and ask for what is wanted; what it gives may differ.

        Args:
            address: A number, or a path below ``/dev``.
            options: Size and rate.

        Raises:
            InputError: There is no such camera, or another program has it.
        """
        self._name = _device_name(address)
        _check_device(address, self._name)
        logging: Any = cv2.utils.logging
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # what it says, we say better
        index: Any = int(address) if address.isdigit() else address
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise InputError(
                f"{self._name}: cannot be opened; no camera, or another program uses it"
            )
        self._ask(options)

    def _ask(self, options: CaptureOptions) -> None:
        if options.size is not None:
            # Uncompressed, most USB cameras reach a few pictures a second at such sizes.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, options.size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, options.size[1])
        if options.rate is not None:
            self._capture.set(cv2.CAP_PROP_FPS, options.rate)

    def advance(self) -> float | None:
        """See :class:`tinct.cameras.capture.Source`."""
        if not self._capture.grab():
            raise InputError(f"{self._name}: gives no more pictures; unplugged?")
        return time.perf_counter()

    def picture(self) -> NDArray[np.uint8]:
        """See :class:`tinct.cameras.capture.Source`."""
        fine, bgr = self._capture.retrieve()
        if not fine:
            raise InputError(f"{self._name}: a picture could not be decoded")
        return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)

    def interrupt(self) -> None:
        """Do nothing: the driver has a timeout of its own."""

    def close(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._capture.release()


def _device_name(address: str) -> str:
    return f"camera {address}" if address.isdigit() else address


def _check_device(address: str, name: str) -> None:
    """Say so where Linux has no such device, with those that it has."""
    if sys.platform != "linux":
        return
    path = Path(f"/dev/video{address}") if address.isdigit() else Path(address)
    if not path.exists():
        there = sorted(str(found) for found in Path("/dev").glob("video*"))
        found = f"there are {', '.join(there)}" if there else "there is no camera here"
        raise InputError(f"{name}: not found; {found} (test:// needs none)")
    if not os.access(path, os.R_OK | os.W_OK):
        raise InputError(f"{name}: no permission; most systems give it to the group 'video'")


class FilmSource:
    """A film at its own rate, or a stream as it comes; decoded by PyAV."""

    missed = 0

    def __init__(self, address: str, options: CaptureOptions) -> None:
        """Open it.

        Args:
            address: A path or a URL.
            options: Size, loop, and the timeout of the network.

        Raises:
            InputError: It cannot be opened, or holds no film.
        """
        self._address, self._options = address, options
        self._stopped = threading.Event()
        self._container = _open_film(address, options)
        self._frames = self._decode()
        self._frame: av.VideoFrame | None = None
        # A stream has no length, and comes by itself at its own rate.
        self.live = "://" in address and self._container.duration is None
        self._origin = -math.inf  # time of perf_counter at which the film's time was 0

    def advance(self) -> float | None:
        """See :class:`tinct.cameras.capture.Source`."""
        try:
            self._frame = next(self._frames, None)
        except OSError as error:  # every error of FFmpeg is one
            raise InputError(f"{self._address}: {_ffmpeg_reason(error)}") from error
        if self._frame is None or self._stopped.is_set():
            return None
        return time.perf_counter() if self.live else self._wait(self._frame.time)

    def _wait(self, seconds: float | None) -> float:
        """Wait until a time of the film has come; return when it came."""
        now = time.perf_counter()
        if seconds is None:  # no times at all: as fast as it can be read
            return now
        due = self._origin + seconds
        if not now - _LATE < due < now + self._options.timeout:  # a start, a pause, a leap
            self._origin, due = now - seconds, now
        self._stopped.wait(max(due - now, 0))
        return due

    def picture(self) -> NDArray[np.uint8]:
        """See :class:`tinct.cameras.capture.Source`."""
        assert self._frame is not None
        width, height = self._options.size or (None, None)
        turns = round(getattr(self._frame, "rotation", 0) / 90) % 4
        if turns % 2:
            width, height = height, width
        rgb = self._frame.to_ndarray(format="rgb24", width=width, height=height)
        return np.ascontiguousarray(np.rot90(rgb, turns))

    def interrupt(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._stopped.set()

    def close(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._container.close()

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures, again and again where that is wanted."""
        while True:
            yield from self._container.decode(video=0)
            if not self._options.loop or self.live:
                return
            self._container.seek(0)
            self._origin = -math.inf


def _open_film(address: str, options: CaptureOptions) -> av.container.InputContainer:
    import av  # FFmpeg's libraries: not for those who look through something else

    is_url = re.match(r"\w+://", address) is not None
    if not is_url:
        open_source(address, address).close()  # its reasons are clearer than FFmpeg's
    try:
        container = av.open(
            address, options=_LIVE_OPTIONS if is_url else {}, timeout=options.timeout
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{address}: {_ffmpeg_reason(error)}") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{address}: no pictures in it")
    with contextlib.suppress(AttributeError):
        container.streams.video[0].thread_type = "AUTO"
    return container


def _ffmpeg_reason(error: Exception) -> str:
    """Say in a few words what FFmpeg reports."""
    reason = getattr(error, "strerror", None) or str(error)
    return str(reason[:1].lower() + reason[1:])
