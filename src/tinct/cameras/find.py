"""What ``tinct live`` can look through: cameras, pipelines, streams, films, and a test picture."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions, Source
from tinct.cameras.gstreamer import GstreamerSource, csi_pipeline
from tinct.cameras.stream import StreamSource, describe_test
from tinct.errors import InputError, OptionError


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
        describe_test(address, options)  # a wrong query is found at once
        opener = partial(StreamSource, address, options)
    elif address.isdigit() or address.startswith("/dev/"):
        return _device_name(address), partial(DeviceSource, address, options)
    else:
        if options.rate is not None:
            raise OptionError(f"{address}: a film or a stream has its own rate; leave out --rate")
        opener = partial(StreamSource, address, options)
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
    aspect = Fraction(1)

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
