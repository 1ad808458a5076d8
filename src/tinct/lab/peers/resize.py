"""Sizes at which networks look at pictures, and the way there and back."""

from __future__ import annotations

import cv2
import numpy as np

from tinct.color import Planes

WORKING_SIDE = 256  # the shorter side of what a network is shown that takes pictures of any shape


def working_size(height: int, width: int, multiple: int) -> tuple[int, int]:
    """Return height and width at which a network sees a picture, both multiples of ``multiple``."""
    cell = min(height, width) * multiple / WORKING_SIDE  # pixels to one multiple
    return round(height / cell) * multiple, round(width / cell) * multiple


def resize(planes: Planes, size: tuple[int, ...]) -> Planes:
    """Resize (h, w) or (h, w, C), by area where it shrinks, bilinearly where it grows."""
    if planes.shape[:2] == tuple(size):
        return planes
    method = cv2.INTER_AREA if planes.shape[0] > size[0] else cv2.INTER_LINEAR
    planes = np.ascontiguousarray(planes)
    return np.asarray(cv2.resize(planes, (size[1], size[0]), interpolation=method), np.float32)
