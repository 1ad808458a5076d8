"""From the planes of a JPEG to RGB: full-range BT.601 with chroma at half size (4:2:0)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_KR, _KB = 0.299, 0.114  # luma weights of red and blue, ITU-R BT.601
_KG = 1 - _KR - _KB
_CENTER = 128  # code of no chroma
_CR_TO_R, _CB_TO_B = 2 * (1 - _KR), 2 * (1 - _KB)
_CR_TO_G, _CB_TO_G = -_CR_TO_R * _KR / _KG, -_CB_TO_B * _KB / _KG
# columns: Y, Cb, Cr, 1
_RGB_FROM_YCBCR = np.array(
    [
        [1, 0, _CR_TO_R, -_CENTER * _CR_TO_R],
        [1, _CB_TO_G, _CR_TO_G, -_CENTER * (_CB_TO_G + _CR_TO_G)],
        [1, _CB_TO_B, 0, -_CENTER * _CB_TO_B],
    ]
)
_STRIP_ROWS = 256  # even; bounds the memory of the full-size chroma


def planes_to_rgb(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Convert 4:2:0 planes to RGB.

    Args:
        luma: (H, W), full range.
        cb: (ceil(H/2), ceil(W/2)), 128 being none; sited in the middle of four luma samples.
        cr: Like ``cb``.

    Returns:
        (H, W, 3). Chroma is interpolated linearly, as JPEG decoders do.
    """
    height, width = luma.shape
    rgb = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        rows = luma[top : top + _STRIP_ROWS]
        planes = [rows, *(_enlarge(plane, top, rows.shape) for plane in (cb, cr))]
        rgb[top : top + _STRIP_ROWS] = cv2.transform(cv2.merge(planes), _RGB_FROM_YCBCR)
    return rgb


def _enlarge(plane: NDArray[np.uint8], top: int, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Double the rows of a chroma plane that belong to a strip; one row of context on each side."""
    first = max(top // 2 - 1, 0)
    last = min((top + shape[0] + 1) // 2 + 1, plane.shape[0])
    part = plane[first:last]
    doubled = cv2.resize(
        part, (2 * part.shape[1], 2 * part.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    begin = top - 2 * first
    return np.ascontiguousarray(doubled[begin : begin + shape[0], : shape[1]])
