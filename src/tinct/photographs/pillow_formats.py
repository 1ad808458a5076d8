"""The formats that Pillow reads without loss: WebP, AVIF, BMP, GIF and plain PNM."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    PpmImagePlugin,
    WebPImagePlugin,
)

from tinct.photographs.decoded import Decoded, Limit
from tinct.photographs.metadata import (
    Metadata,
    exif_dpi,
    exif_orientation,
    sensible_dpi,
    strip_exif_prefix,
)
from tinct.photographs.modes import picture_from_pillow

_PLUGINS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "PPM": PpmImagePlugin.PpmImageFile,
}


def decode_by_pillow(data: bytes, kind: str, limit: Limit) -> Decoded:
    """Decode a file of one of these formats.

    The plugins are called directly: ``Image.open`` would first compare the size with a limit of its
    own, which is global, and warn.
    """
    picture = _PLUGINS[kind](io.BytesIO(data))
    limit.check(picture.height, picture.width)
    info = dict(picture.info)
    exif = strip_exif_prefix(info.get("exif"))
    dpi = info.get("dpi")
    metadata = Metadata(
        exif,
        info.get("icc_profile") or None,
        info.get("xmp") or None,
        sensible_dpi(*map(float, dpi)) if dpi else exif_dpi(exif),
    )
    animated = getattr(picture, "n_frames", 1) > 1
    pixels, space = picture_from_pillow(picture)
    warnings = ("animated: only the first picture was read",) if animated else ()
    return Decoded(pixels, space, metadata, exif_orientation(exif), warnings)
