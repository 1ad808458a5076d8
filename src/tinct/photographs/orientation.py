"""Turning pixels as the EXIF orientation asks."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# EXIF value -> (swap rows and columns first, then this cv2.flip code or None)
_STEPS: dict[int, tuple[bool, int | None]] = {
    1: (False, None),
    2: (False, 1),  # mirrored left to right
    3: (False, -1),  # upside down
    4: (False, 0),  # mirrored top to bottom
    5: (True, None),
    6: (True, 1),  # to be turned clockwise
    7: (True, -1),
    8: (True, 0),  # to be turned counter-clockwise
}


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Apply an EXIF orientation to pixels.

    Args:
        pixels: (H, W) or (H, W, 1..4), uint8 or uint16.
        orientation: EXIF value 1..8.

    Returns:
        Upright pixels, C-contiguous: (H, W, ...) or, for values 5..8, (W, H, ...). The same array
        for 1.
    """
    swap, flip = _STEPS[orientation]
    if swap:
        pixels = cv2.transpose(pixels)
    if flip is not None:
        pixels = cv2.flip(pixels, flip)
    return np.ascontiguousarray(pixels)
