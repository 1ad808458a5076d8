"""Pixels of PNG, TIFF and WebP through libvips, strictly first, then as far as a damaged file goes.

libvips reads all depths, checks checksums, and is quiet about damage unless it is asked. AVIF stays
with Pillow, whose decoder (dav1d) takes half the time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.metadata import Metadata
from tinct.photographs.picture import DAMAGED, Decoded, Limit, UnreadableError, space_of

# libpng asks for as many bytes at once, and throws away what it has when there are fewer
_READ_AHEAD = 1 << 13


def open_image(data: bytes, limit: Limit, *, strict: bool = True, **options: Any) -> pyvips.Image:
    """Read the header of a file, and prepare the decoding of its pixels from top to bottom.

    Args:
        data: The whole file.
        limit: Largest picture allowed.
        strict: Whether damage is an error when the pixels are decoded.
        options: Of libvips' loader, such as ``page``.

    Raises:
        UnreadableError: The header makes no sense, or the picture is too large.
    """
    fail_on = "error" if strict else "none"
    try:
        image = pyvips.Image.new_from_buffer(
            data, "", access="sequential", fail_on=fail_on, **options
        )
    except pyvips.Error as error:
        raise UnreadableError("damaged: its header makes no sense") from error
    limit.check(image.height, image.width)
    return image


def decode(data: bytes, limit: Limit, **options: Any) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Decode all pixels.

    Returns:
        (H, W) or (H, W, C), in the type the file stores, and the warning where a part is missing;
        missing rows are zero.

    Raises:
        UnreadableError: Nothing can be decoded.
    """
    image = open_image(data, limit, **options)
    try:
        return _pixels(image), ()
    except pyvips.Error:
        pass  # damaged: once more, without stopping
    try:
        whole = data + bytes(_READ_AHEAD)
        pixels = _pixels(open_image(whole, limit, strict=False, **options))
    except pyvips.Error as error:
        raise UnreadableError("damaged beyond reading") from error
    if not pixels.any():
        raise UnreadableError("damaged beyond reading")
    return pixels, (DAMAGED,)


def _pixels(image: pyvips.Image) -> NDArray[Any]:
    # pyvips makes a number of a single gray pixel
    pixels = np.asarray(image.numpy()).reshape(image.height, image.width, image.bands)
    return pixels[..., 0] if image.bands == 1 else pixels


def decode_with_metadata(data: bytes, limit: Limit, orientation: int | None = None) -> Decoded:
    """Decode a WebP or AVIF with its metadata, of an animated one the first picture.

    Args:
        data: The whole file.
        limit: Largest picture allowed.
        orientation: 1 where libvips turns the picture itself; None: as EXIF or XMP says.

    Raises:
        UnreadableError: Nothing can be decoded.
    """
    image = open_image(data, limit)
    exif = strip_exif_prefix(_field(image, "exif-data"))
    metadata = Metadata(
        exif, _field(image, "icc-profile-data"), _field(image, "xmp-data"), exif_dpi(exif)
    )
    pixels, damage = decode(data, limit)
    only_first = (
        "animated: only the first picture was read (as GIF or PNG, tinct video colors all of them)"
    )
    animated = image.get_typeof("n-pages") and image.get("n-pages") > 1
    warnings = (*((only_first,) if animated else ()), *damage)
    return Decoded(pixels, space_of(pixels), metadata, orientation, warnings)


def _field(image: pyvips.Image, name: str) -> bytes | None:
    """Read a piece of metadata that libvips keeps as bytes."""
    value = image.get(name) if image.get_typeof(name) else None
    return value if isinstance(value, bytes) and value else None
