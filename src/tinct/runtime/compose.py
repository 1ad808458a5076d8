"""The input's own luma and the predicted chroma become a picture, strip by strip.

Luma is not touched: where luma and chroma together would leave the gamut, chroma gives way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import LUMA_WEIGHTS, Plane, Standard
from tinct.frame_format import FrameFormat
from tinct.photographs import Picture
from tinct.runtime.upsample import ChromaModel

Pixels = NDArray[Any]

STRIP_PIXELS = 1 << 18
"""Pixels composed at a time: the planes of a strip stay in the processor's cache."""

_KR, _KG, _KB = LUMA_WEIGHTS["bt601"]
_RED_CR, _BLUE_CB = 2 * (1 - _KR), 2 * (1 - _KB)
_GREEN_CB, _GREEN_CR = -_BLUE_CB * _KB / _KG, -_RED_CR * _KR / _KG
SPARSE = 1 / 3
"""Up to this fraction of pixels near the limits of the gamut, these alone are computed."""
_SMALLEST = np.float32(1e-9)  # stands for 0 in divisions

_DEPTH = {"uint8": cv2.CV_8U, "uint16": cv2.CV_16U, "float32": cv2.CV_32F, "float64": cv2.CV_64F}


def white_level(dtype: np.dtype[Any]) -> float:
    """Return the value of white: 255, 65535, or 1 for floats."""
    return float(np.iinfo(dtype).max) if dtype.kind == "u" else 1.0


def luma_of(pixels: Pixels) -> Pixels:
    """Return BT.601 luma, (H, W), of gray or color pixels; the dtype is kept.

    Pixels are (H, W) or (H, W, 1..4). A gray channel is its own luma and is returned as it is;
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


def color_picture(picture: Picture, name: str, chroma: ChromaModel) -> Picture:
    """Color a picture, but for its further pages.

    Args:
        picture: The picture; what came from a gray JPEG stays in the 4:2:0 planes that it holds.
            One that keeps its colors is the first page of a file that has others.
        name: Of the model, which the result names.
        chroma: Its chroma.
    """
    pixels = picture.pixels
    if picture.keeps_colors:
        return replace(picture, colored_by=name)
    if picture.source_format == "JPEG" and pixels.ndim == 2 and pixels.dtype == np.uint8:
        return replace(picture, chroma=compose_planes(pixels, chroma), colored_by=name)
    colors = compose_rgb(pixels, chroma)
    return replace(picture, pixels=colors, chroma=None, colored_by=name)


def compose_rgb(pixels: Pixels, chroma: ChromaModel) -> Pixels:
    """Color a picture of any channels.

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
    model = chroma.for_height(height)
    for top, bottom in strips(height, width):
        luma = luma_of(pixels[top:bottom])
        rgb = _compose_strip(luma, model, top)
        if alpha:
            rgb.append(np.ascontiguousarray(pixels[top:bottom, :, -1]))
        cv2.merge(rgb, result[top:bottom])
    return result


def _compose_strip(luma: Pixels, chroma: ChromaModel, top: int) -> list[Pixels]:
    white = white_level(luma.dtype)
    scaled = np.multiply(luma, np.float32(1 / white), dtype=np.float32)
    cb, cr = chroma.evaluate(top, scaled)
    limit_to_gamut(cb, cr, scaled)
    depth = _DEPTH[luma.dtype.name]
    base: Any = luma.astype(np.float64 if depth == cv2.CV_64F else np.float32)
    cb, cr = cb.astype(base.dtype, copy=False), cr.astype(base.dtype, copy=False)
    green = cv2.addWeighted(cb, _GREEN_CB * white, cr, _GREEN_CR * white, 0)
    rgb: list[Any] = [  # OpenCV rounds, and keeps integers within the range of their type
        cv2.addWeighted(base, 1, cr, _RED_CR * white, 0, dtype=depth),
        cv2.add(base, green, dtype=depth),
        cv2.addWeighted(base, 1, cb, _BLUE_CB * white, 0, dtype=depth),
    ]
    # Floats may be out of 0..1 by rounding, and a result is to be a valid input.
    return rgb if luma.dtype.kind == "u" else [channel.clip(0, 1) for channel in rgb]


def compose_planes(
    luma: NDArray[Any], chroma: ChromaModel, format: FrameFormat | None = None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the chroma planes of a picture that is kept as luma and chroma: no RGB is made.

    Args:
        luma: (H, W), uint8 or uint16 as the format says.
        chroma: Its chroma, in the matrix of the format.
        format: What the codes mean; None is a JPEG: 4:2:0, 8 bits, full range, BT.601.

    Returns:
        Cb and Cr, each of the format's chroma shape and dtype. Each sample is limited to the gamut
        at the mean luma of the pixels that it covers, so that one black pixel among bright ones
        does not take the color from all of them.
    """
    format = format or FrameFormat(luma.shape[1], luma.shape[0], full_range=True, matrix="bt601")
    height, width = format.chroma_shape
    planes = np.empty((2, height, width), format.dtype)
    black, white = format.luma_codes
    zero, span = format.chroma_codes
    model = chroma.for_height(height)
    for top, bottom in strips(height, width):
        rows = slice(top << format.shift[1], bottom << format.shift[1])
        mean = display_luma(_shrink(luma[rows], format.shift), black, white)
        cb, cr = model.evaluate(top, mean)
        limit_to_gamut(cb, cr, mean, format.matrix)
        for plane, values in zip(planes, (cb, cr), strict=True):
            plane[top:bottom] = _to_codes(values, zero, span, format.bits)
    return planes[0], planes[1]


def _shrink(luma: Pixels, shift: tuple[int, int]) -> Pixels:
    """Return the mean luma under each chroma sample; an odd last row or column counts twice."""
    if shift == (0, 0):
        return luma
    below, right = -luma.shape[0] % (1 << shift[1]), -luma.shape[1] % (1 << shift[0])
    if below or right:
        luma = cv2.copyMakeBorder(luma, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = (luma.shape[1] >> shift[0], luma.shape[0] >> shift[1])
    return cast("Pixels", cv2.resize(luma, size, interpolation=cv2.INTER_AREA))


def display_luma(luma: Pixels, black: int, white: int) -> Plane:
    """Convert luma codes to float32, black 0 and white 1; codes beyond them are kept beyond."""
    scale = 1 / (white - black)
    return cast("Plane", cv2.addWeighted(luma, scale, luma, 0, -black * scale, dtype=cv2.CV_32F))


def _to_codes(chroma: Plane, zero: int, span: int, bits: int) -> NDArray[Any]:
    """Round chroma, -0.5..0.5, to codes."""
    if bits == 8:
        return cast("Pixels", cv2.convertScaleAbs(chroma, alpha=span, beta=zero))  # never < 0
    codes = cv2.addWeighted(chroma, span, chroma, 0, zero, dtype=cv2.CV_16U)
    return np.minimum(codes, (1 << bits) - 1)


def limit_to_gamut(cb: Plane, cr: Plane, luma: Plane, standard: Standard = "bt601") -> None:
    """Lower chroma, in place, until R'G'B' lie in 0..1.

    Cb and Cr of a pixel are multiplied by the same factor, so that hue and luma stay. The same as
    :func:`tinct.gamut.limit_chroma`, but most pixels are found to need nothing by whole 8-bit
    numbers, many at a time.

    Args:
        cb: (H, W) float32, changed in place.
        cr: The same.
        luma: (H, W) float32, 0..1.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".
    """
    near = _near_the_limits(cb, cr, luma, standard)
    count = np.count_nonzero(near)
    if count > cb.size * SPARSE:
        _lower_chroma(cb, cr, luma, standard)
    elif count:
        places = np.flatnonzero(near)
        blue, red, inside = (plane.take(places) for plane in (cb, cr, luma))
        _lower_chroma(blue, red, inside, standard)
        cb.ravel()[places], cr.ravel()[places] = blue, red


def _lower_chroma(cb: Plane, cr: Plane, luma: Plane, standard: Standard) -> None:
    """Lower chroma in place, in arrays of any shape, all pixels alike."""
    weight_red, weight_green, weight_blue = (np.float32(w) for w in LUMA_WEIGHTS[standard])
    blue, red = cb * (2 - 2 * weight_blue), cr * (2 - 2 * weight_red)
    green = blue * (-weight_blue / weight_green)
    green -= red * (weight_red / weight_green)
    above = np.maximum(blue, red)
    np.maximum(above, green, out=above)
    below = np.minimum(blue, red, out=blue)
    np.minimum(below, green, out=below)
    # By what factor chroma is too large; enormous where black and white leave no room.
    above /= np.maximum(1 - luma, _SMALLEST)
    below /= np.minimum(-luma, -_SMALLEST)
    excess = np.maximum(above, below, out=above)
    np.maximum(excess, 1, out=excess)
    cb /= excess
    cr /= excess


def _near_the_limits(cb: Plane, cr: Plane, luma: Plane, standard: Standard) -> NDArray[np.bool_]:
    """Return where R'G'B' may lie outside 0..1: no pixel that does is missed.

    Red and blue are enough, because green differs less from luma than the farther of them.
    """
    weight_red, _, weight_blue = LUMA_WEIGHTS[standard]
    red = cv2.convertScaleAbs(cr, alpha=255 * (2 - 2 * weight_red))
    blue = cv2.convertScaleAbs(cb, alpha=255 * (2 - 2 * weight_blue))
    from_black = cv2.addWeighted(luma, 255, luma, 0, 0, dtype=cv2.CV_8U)  # 0 below black as well
    room = cv2.min(from_black, cv2.bitwise_not(from_black))
    return np.asarray(cv2.max(red, blue) >= room)


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the row after the last, of strips of about ``STRIP_PIXELS``."""
    rows = max(STRIP_PIXELS // max(width, 1), 1)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)
