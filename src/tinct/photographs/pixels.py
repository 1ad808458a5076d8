"""Arithmetic on pixels: planes of a JPEG to RGB, and pictures turned upright or made smaller."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import luma_chroma_to_rgb
from tinct.gamut import limit_chroma

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
        (H, W, 3). Chroma is interpolated linearly, as JPEG decoders do, and lowered where R'G'B'
        would leave 0..255: they clip there, which changes the luma.
    """
    height, width = luma.shape
    rgb = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        rows = luma[top : top + _STRIP_ROWS]
        planes: Any = cv2.merge([rows, *(_enlarge(plane, top, rows.shape) for plane in (cb, cr))])
        strip = rgb[top : top + _STRIP_ROWS]
        cv2.transform(planes, _RGB_FROM_YCBCR, strip)
        _unclip(strip, planes)
    return rgb


def _unclip(rgb: NDArray[np.uint8], planes: NDArray[np.uint8]) -> None:
    """Lower the chroma of pixels that are at a limit, in place, as far as they are beyond it."""
    # By OpenCV: with masks of NumPy this took 66 ms of a frame of 1080p, instead of 12.
    inside: Any = cv2.inRange(rgb, (1, 1, 1), (254, 254, 254))
    neutral: Any = cv2.inRange(planes, (0, _CENTER, _CENTER), (255, _CENTER, _CENTER))
    safe = cv2.bitwise_or(inside, neutral)
    if cv2.countNonZero(safe) == safe.size:
        return
    at_limit = safe == 0
    luma, *chroma = np.moveaxis(planes[at_limit].astype(np.float32), -1, 0)
    limited = limit_chroma(luma / 255, (np.stack(chroma, axis=-1) - _CENTER) / 255)
    rgb[at_limit] = np.rint(255 * luma_chroma_to_rgb(luma / 255, limited))


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
