"""The colored stream as a camera that other programs can choose."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import cv2

from tinct.errors import DeviceError, MissingExtraError
from tinct.photographs.pixels import planes_to_rgb

if TYPE_CHECKING:
    from tinct.apps.live.live_colorizer import ColoredFrame

_USUAL_RATE = 30.0  # the library wants one; pictures are sent as they come


class VirtualCamera:
    """Sends pictures to the loopback device of the system, which is opened with the first."""

    def __init__(self, rate: float | None = None) -> None:
        """Load the library.

        Args:
            rate: Frames a second that other programs are told.

        Raises:
            MissingExtraError: It is not installed.
        """
        try:
            self._library: Any = import_module("pyvirtualcam")
        except ImportError as error:
            raise MissingExtraError("the virtual camera", "virtual-camera") from error
        self._rate = rate or _USUAL_RATE
        self._camera: Any = None

    def show(self, colored: ColoredFrame) -> None:
        """Send one picture.

        Raises:
            DeviceError: The system has no loopback device.
        """
        rgb: Any = planes_to_rgb(*colored.square_planes)
        height, width = rgb.shape[:2]
        if self._camera is None:
            try:
                self._camera = self._library.Camera(width=width, height=height, fps=self._rate)
            except (RuntimeError, OSError) as error:
                reason = " ".join(str(error).split())
                raise DeviceError(f"no virtual camera can be opened here: {reason}") from error
        if (width, height) != (self._camera.width, self._camera.height):
            rgb = cv2.resize(rgb, (self._camera.width, self._camera.height))
        self._camera.send(rgb)

    def close(self) -> None:
        """Let go of the device."""
        if self._camera is not None:
            self._camera.close()
