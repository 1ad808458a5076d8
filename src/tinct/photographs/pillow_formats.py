"""The formats that Pillow reads without loss: AVIF, BMP, GIF, plain PNM and 8-bit PSD."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    PpmImagePlugin,
    PsdImagePlugin,
)

from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.metadata import Comment, Metadata, sensible_dpi, text_of
from tinct.photographs.picture import Decoded, Limit, Space, UnreadableError

_PLUGINS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
    "PSD": PsdImagePlugin.PsdImageFile,
}
_SPACES: dict[str, Space] = {
    "L": "gray",
    "LA": "gray",
    "RGB": "rgb",
    "RGBA": "rgb",
    "CMYK": "cmyk",
}  # of the modes that are taken as they are
_CONVERTED = {"1": "L", "La": "LA", "PA": "RGBA", "RGBX": "RGB", "RGBa": "RGBA", "YCbCr": "RGB"}


def decode_by_pillow(data: bytes, kind: str, limit: Limit) -> Decoded:
    """Decode a file of one of these formats.

    The plugins are called directly: ``Image.open`` would first compare the size with a limit of its
    own, which is global, and warn.
    """
    picture = _PLUGINS[kind](io.BytesIO(data))
    limit.check(picture.height, picture.width)
    info = dict(picture.info)
    exif = strip_exif_prefix(info.get("exif"))
    dpi, comment = info.get("dpi"), info.get("comment")
    metadata = Metadata(
        exif,
        info.get("icc_profile") or None,
        info.get("xmp") or None,
        sensible_dpi(*map(float, dpi)) if dpi else exif_dpi(exif),
        comments=(Comment("Comment", text_of(comment)),) if isinstance(comment, bytes) else (),
    )
    animated = kind != "PSD" and getattr(picture, "n_frames", 1) > 1
    pixels, space = picture_from_pillow(picture)
    only_first = "animated: only the first picture was read (tinct video colors all of them)"
    return Decoded(pixels, space, metadata, warnings=(only_first,) if animated else ())


def picture_from_pillow(picture: Image.Image) -> tuple[NDArray[Any], Space]:
    """Take the pixels of a Pillow picture, with palettes resolved and transparency as a channel.

    Returns:
        Pixels, uint8 or uint16, and what their channels are.

    Raises:
        UnreadableError: The mode has no place here (floats, 32 bits).
    """
    picture = _resolve(picture)
    if picture.mode in _SPACES:
        return np.array(picture, order="C"), _SPACES[picture.mode]
    if picture.mode.startswith("I"):
        wide = np.asarray(picture)
        if wide.min() < 0 or wide.max() > 65535:
            raise UnreadableError("32-bit samples, which tinct does not read")
        return wide.astype(np.uint16), "gray"
    raise UnreadableError(f"samples of the kind {picture.mode}, which tinct does not read")


def _resolve(picture: Image.Image) -> Image.Image:
    if picture.mode == "P":
        return _from_palette(picture)
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
