"""From a Pillow picture of any mode to our arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tinct.photographs.decoded import Space, UnreadableError

_AS_THEY_ARE: dict[str, Space] = {
    "L": "gray",
    "LA": "gray",
    "RGB": "rgb",
    "RGBA": "rgb",
    "CMYK": "cmyk",
}
_CONVERTED = {"1": "L", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}


def picture_from_pillow(picture: Image.Image) -> tuple[NDArray[Any], Space]:
    """Take the pixels of a Pillow picture, with palettes resolved and transparency as a channel.

    Returns:
        Pixels, uint8 or uint16, and what their channels are.

    Raises:
        UnreadableError: The mode has no place here (floats, 32 bits).
    """
    picture = _resolve(picture)
    if picture.mode in _AS_THEY_ARE:
        pixels = np.array(picture, order="C")
        return pixels, _AS_THEY_ARE[picture.mode]
    if picture.mode.startswith("I"):
        wide = np.asarray(picture)
        if wide.min() < 0 or wide.max() > 65535:
            raise UnreadableError("32-bit samples, which tinct does not read")
        return wide.astype(np.uint16), "gray"
    raise UnreadableError(f"samples of the kind {picture.mode}, which tinct does not read")


def _resolve(picture: Image.Image) -> Image.Image:
    if picture.mode == "P":
        return _from_palette(picture)
    if picture.mode == "LAB":
        return _from_lab(picture)
    if picture.mode in ("L", "RGB", "1") and "transparency" in picture.info:
        return picture.convert("RGBA" if picture.mode == "RGB" else "LA")
    return picture.convert(_CONVERTED[picture.mode]) if picture.mode in _CONVERTED else picture


def _from_palette(picture: Image.Image) -> Image.Image:
    palette = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    gray = bool((palette == palette[:, :1]).all())
    if "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        return rgba.convert("LA") if gray else rgba
    return picture.convert("L" if gray else "RGB")


def _from_lab(picture: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
    if converted is None:
        raise UnreadableError("its CIE Lab colors cannot be converted")
    return converted
