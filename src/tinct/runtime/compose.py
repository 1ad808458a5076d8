"""The input's own luma and the predicted chroma become a picture, strip by strip.

Luma is not touched: where luma and chroma together would leave the gamut, chroma gives way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import LUMA_WEIGHTS
from tinct.runtime.upsample import ChromaModel, Plane

Pixels = NDArray[Any]

STRIP_PIXELS = 1 << 18
"""Pixels composed at a time: the planes of a strip stay in the processor's cache."""

# BT.601, full range: R = Y + 1.402 Cr, G = Y - 0.344 Cb - 0.714 Cr, B = Y + 1.772 Cb.
_KR, _KG, _KB = LUMA_WEIGHTS["bt601"]
_RED_CR, _BLUE_CB = 2 * (1 - _KR), 2 * (1 - _KB)
_GREEN_CB, _GREEN_CR = -_BLUE_CB * _KB / _KG, -_RED_CR * _KR / _KG
_SMALLEST = 1e-9

_DEPTH = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U, "float32": cv2.CV_32F, "float64": cv2.CV_64F}


def white_level(dtype: np.dtype[Any]) -> float:
    """Return the value of white: 255, 65535, or 1 for floats."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def luma_of(pixels: Pixels) -> Pixels:
    """Return BT.601 luma, (H, W), of grey or colour pixels; the dtype is kept.

    Pixels are (H, W) or (H, W, 1..4). A grey channel is its own luma and is returned as it is;
    alpha is ignored.
    """
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] < 3:
        return pixels[..., 0]
    colors = pixels[..., :3]
    if pixels.dtype == np.float64:
        luma: Pixels = colors @ np.array([_KR, _KG, _KB])
        return luma
    code = cv2.COLOR_RGBA2GRAY if pixels.shape[2] == 4 else cv2.COLOR_RGB2GRAY
    return cv2.cvtColor(np.ascontiguousarray(pixels), code)


def compose_rgb(pixels: Pixels, chroma: ChromaModel) -> Pixels:
    """Colour a picture of any channels.

    Args:
        pixels: (H, W), or (H, W, 1..4) with alpha in channel 2 or 4; uint8, uint16, float32 or
            float64.
        chroma: Its chroma.

    Returns:
        (H, W, 3), or (H, W, 4) where there was alpha; the dtype of the input. The BT.601 luma is
        that of the input within rounding.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    alpha = channels in (2, 4)
    result = np.empty((height, width, 4 if alpha else 3), pixels.dtype)
    suited = chroma.suited(height)
    for top, bottom in strips(height, width):
        luma = luma_of(pixels[top:bottom])
        rgb = _compose_strip(luma, suited, top)
        if alpha:
            rgb.append(np.ascontiguousarray(pixels[top:bottom, :, -1]))
        cv2.merge(rgb, result[top:bottom])
    return result


def _compose_strip(luma: Pixels, chroma: ChromaModel, top: int) -> list[Pixels]:
    white = white_level(luma.dtype)
    scaled = np.multiply(luma, np.float32(1 / white), dtype=np.float32)
    cb, cr = chroma.rows(top, scaled)
    limit_to_gamut(cb, cr, scaled)
    depth = _DEPTH[luma.dtype.name]
    base: Any = luma.astype(np.float64 if depth == cv2.CV_64F else np.float32)
    cb, cr = cb.astype(base.dtype, copy=False), cr.astype(base.dtype, copy=False)
    green = cv2.addWeighted(cb, _GREEN_CB * white, cr, _GREEN_CR * white, 0)
    return [  # OpenCV rounds, and keeps within the range of the type
        cv2.addWeighted(base, 1, cr, _RED_CR * white, 0, dtype=depth),
        cv2.add(base, green, dtype=depth),
        cv2.addWeighted(base, 1, cb, _BLUE_CB * white, 0, dtype=depth),
    ]


def compose_planes(
    luma: NDArray[np.uint8], chroma: ChromaModel
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Give the chroma planes of a 4:2:0 picture, as a JPEG holds it, without ever making RGB.

    Args:
        luma: (H, W) uint8, full range.
        chroma: Its chroma.

    Returns:
        Cb and Cr, each (ceil(H/2), ceil(W/2)) uint8 around 128. They suit the mean luma of the
        pixels
        they cover: a black pixel beside bright ones must not take the colour from all of them.
    """
    height, width = (luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2
    planes = np.empty((2, height, width), np.uint8)
    suited = chroma.suited(height)
    for top, bottom in strips(height, width):
        mean = _halve(luma[2 * top : 2 * bottom])
        cb, cr = suited.rows(top, mean)
        limit_to_gamut(cb, cr, mean)
        for plane, values in zip(planes, (cb, cr), strict=True):
            cv2.convertScaleAbs(values, dst=plane[top:bottom], alpha=255, beta=128)  # never < 0
    return planes[0], planes[1]


def _halve(luma: Pixels) -> Plane:
    """Return the mean luma, 0..1, of every 2x2 pixels; an odd last row or column counts twice."""
    height, width = luma.shape
    if height % 2 or width % 2:
        luma = cv2.copyMakeBorder(luma, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    half = cv2.resize(luma, (luma.shape[1] // 2, luma.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return half.astype(np.float32) * np.float32(1 / 255)


def limit_to_gamut(cb: Plane, cr: Plane, luma: Plane) -> None:
    """Lower chroma, in place, until R'G'B' lie in 0..1.

    Both are scaled alike, so that hue and luma stay. The fast twin of
    :func:`tinct.gamut.limit_chroma`.
    """
    near = _near_the_limits(cb, cr, luma)
    if not near.size:
        return
    blue, red, inside = (plane.ravel()[near] for plane in (cb, cr, luma))
    blue, red = blue * np.float32(_BLUE_CB), red * np.float32(_RED_CR)
    green = blue * np.float32(_GREEN_CB / _BLUE_CB) + red * np.float32(_GREEN_CR / _RED_CR)
    above = np.maximum(np.maximum(red, blue), green)
    below = np.minimum(np.minimum(red, blue), green)
    room_above = (1 - inside) / np.maximum(above, np.float32(_SMALLEST))
    room_below = inside / np.maximum(-below, np.float32(_SMALLEST))
    factor = np.minimum(room_above, room_below).clip(0, 1)
    for plane in (cb, cr):
        plane.ravel()[near] *= factor


def _near_the_limits(cb: Plane, cr: Plane, luma: Plane) -> NDArray[np.intp]:
    """Return where R'G'B' may be outside 0..1, and perhaps is not: indices into the flat planes.

    Red and blue alone tell, because green differs less from luma than the farther of them. They are
    compared in whole 8-bit steps, many at a time.
    """
    red = cv2.convertScaleAbs(cr, alpha=255 * _RED_CR)
    blue = cv2.convertScaleAbs(cb, alpha=255 * _BLUE_CB)
    from_black = cv2.convertScaleAbs(luma, alpha=255)
    room = cv2.min(from_black, cv2.bitwise_not(from_black))
    return np.flatnonzero(cv2.max(red, blue) >= room)


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield first row and row after the last of strips of about ``STRIP_PIXELS`` pixels."""
    rows = max(STRIP_PIXELS // max(width, 1), 1)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
