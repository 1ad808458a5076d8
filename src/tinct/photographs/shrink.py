"""Pictures made smaller, to be looked at rather than worked on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def shrink(pixels: NDArray[np.uint8], longer_side: int) -> NDArray[np.uint8]:
    """Reduce a picture, (H, W, C) uint8, by area so that its longer side is at most this many.

    A picture that is no larger is returned as it is.
    """
    height, width = pixels.shape[:2]
    scale = longer_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
