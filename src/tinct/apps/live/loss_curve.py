"""The curve of the paper's window: how far the colors are from those of the original.

The loss is the paper's, the mean squared error of ab / 127.5. It is taken between the two pictures
as they are shown, at a short side of 128 pixels, twenty times a second at most.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.runtime.compose import compose_rgb

if TYPE_CHECKING:
    from tinct.runtime.upsample import ChromaModel

SHORT_SIDE = 128
INTERVAL = 0.05
"""Seconds between two losses, at least: a curve of twenty seconds has no room for more."""
_AB_SCALE = 127.5  # of the paper's network: ab in CIE units over its own
_CELLS = 8  # pixels averaged before a picture is called gray: noise is no color
_GRAY_CHROMA = 4.0  # CIE units that the most colorful cell of a gray picture may have
_GRAY_FRAMES = 8  # in a row


class LossCurve:
    """Losses of the last seconds; knows when there is nothing to compare with.

    Attributes:
        seconds: How far it looks back.
        points: Moments and losses, the latest last.
    """

    seconds = 20.0

    def __init__(self) -> None:
        self.points: deque[tuple[float, float]] = deque(maxlen=round(self.seconds / INTERVAL) + 2)
        self._gray_frames = 0
        self._due = 0.0

    @property
    def is_gray(self) -> bool:
        """Whether the source has been gray for some frames."""
        return self._gray_frames >= _GRAY_FRAMES

    @property
    def current(self) -> float | None:
        """The last loss, if the source has colors."""
        return None if self.is_gray or not self.points else self.points[-1][1]

    def add(self, moment: float, rgb: NDArray[np.uint8], chroma: ChromaModel) -> None:
        """Measure one frame, unless the last one was so only just before.

        Args:
            moment: When it was captured, in seconds.
            rgb: The original, (H, W, 3).
            chroma: The colors that it was given.
        """
        if moment < self._due:
            return
        self._due = moment + INTERVAL
        small = _shrink(rgb)
        truth = _ab_of(small)
        self._gray_frames = self._gray_frames + 1 if _is_gray(truth) else 0
        if self.is_gray:
            self.points.clear()
            return
        gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        difference = (truth - _ab_of(compose_rgb(gray, chroma))) / np.float32(_AB_SCALE)
        self.points.append((moment, float(np.mean(difference * difference))))
        while moment - self.points[0][0] > self.seconds:
            self.points.popleft()


def _shrink(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = min(SHORT_SIDE / min(height, width), 1)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ab_of(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    scaled = rgb.astype(np.float32) / np.float32(255)
    lab: Any = cv2.cvtColor(scaled, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:], np.float32)


def _is_gray(ab: NDArray[np.float32]) -> bool:
    cells = (max(ab.shape[1] // _CELLS, 1), max(ab.shape[0] // _CELLS, 1))
    mean = np.asarray(cv2.resize(ab, cells, interpolation=cv2.INTER_AREA))
    return bool(np.abs(mean).max() < _GRAY_CHROMA)
