"""Pictures to the bytes of a file.

Pillow and tifffile are imported where they are used, as in ``decode``.
"""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.photographs import jpeg, png, pnm
from tinct.photographs.formats import Format
from tinct.photographs.icc import is_srgb, profile_space
from tinct.photographs.metadata import Metadata, exif_of_dpi, without_orientation

_AVIF_SPEED = 8  # of 0..10: 12 megapixels in 2 s on two cores
_WEBP_METHOD = 4  # of 0..6
_LONGEST_WEBP = 16383  # pixels; 14 bits in the file
_LONGEST_JPEG = 65535
ChromaPlanes = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def encode(
    pixels: NDArray[Any],
    chroma: ChromaPlanes | None,
    metadata: Metadata,
    target: Format,
    quality: int | None,
) -> bytes:
    """Encode pixels, after bringing them to what the format can hold.

    Args:
        pixels: Any of our shapes, 8 or 16 bits; the Y plane when ``chroma`` is given.
        chroma: Cb and Cr; only for JPEG.
        metadata: What to write with it.
        target: The format.
        quality: 1..100, or None for the format's own.

    Raises:
        ValueError: The format cannot hold a picture of this size.
    """
    quality = quality or target.default_quality or 100
    pixels = _fit(pixels, target)
    alone = pixels.ndim == 2 or (pixels.shape[2] == 2 and target.name == "TIFF")
    metadata = _matching(metadata, alone and chroma is None)
    match target.name:
        case "JPEG":
            _check_longest(pixels, _LONGEST_JPEG, "JPEG")
            return jpeg.encode_jpeg(pixels, chroma, quality, metadata)
        case "PNG":
            return png.encode_png(pixels, metadata)
        case "TIFF":
            from tinct.photographs.tiff_write import encode_tiff

            return encode_tiff(pixels, metadata)
        case "PPM":
            return pnm.encode_pnm(pixels)
        case "JPEG2000":
            from tinct.photographs.jp2 import encode_jp2

            return encode_jp2(pixels, quality, metadata)
    return _encode_by_pillow(pixels, metadata, target.name, quality)


def losses(pixels: NDArray[Any], metadata: Metadata, target: Format) -> tuple[str, ...]:
    """Say what a picture loses in a format, one sentence each."""
    found = []
    if has_alpha(pixels) and not target.alpha:
        found.append(f"{target.name} has no transparency: composed over white")
    if pixels.dtype == np.uint16 and not target.deep:
        found.append(f"{target.name} is written with 8 bits: 16-bit samples were rounded")
    missing = [
        name.upper()
        for name in ("exif", "icc", "xmp", "dpi")
        if getattr(metadata, name) is not None and name not in target.metadata
    ]
    if "ICC" in missing and is_srgb(metadata.icc):
        missing.remove("ICC")  # without a profile a picture is taken for sRGB anyway
    if target.name == "JPEG":
        missing.extend(jpeg.too_long(metadata))
    if missing:
        found.append(f"{target.name} is written without {', '.join(missing)}")
    return tuple(found)


def has_alpha(pixels: NDArray[Any]) -> bool:
    """Tell whether the last channel is transparency."""
    return pixels.ndim == 3 and pixels.shape[2] in (2, 4)


def _fit(pixels: NDArray[Any], target: Format) -> NDArray[Any]:
    """Bring depth and channels to what a format holds."""
    if has_alpha(pixels) and not target.alpha:
        pixels = _over_white(pixels)
    if pixels.dtype == np.uint16 and not target.deep:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)  # rounds; 65535 becomes 255
    if pixels.ndim == 3 and pixels.shape[2] == 2 and target.name not in ("PNG", "TIFF"):
        pixels = pixels[..., [0, 0, 0, 1]]
    return np.ascontiguousarray(pixels)


def _over_white(pixels: NDArray[Any]) -> NDArray[Any]:
    full = int(np.iinfo(pixels.dtype).max)
    colors, alpha = pixels[..., :-1].astype(np.uint32), pixels[..., -1:].astype(np.uint32)
    composed = (colors * alpha + full * (full - alpha) + full // 2) // full
    composed = composed.astype(pixels.dtype)
    return composed[..., 0] if composed.shape[2] == 1 else composed


def _matching(metadata: Metadata, is_gray: bool) -> Metadata:
    """Leave out a profile that is made for other channels than the file will have."""
    if metadata.icc is None or (profile_space(metadata.icc) == "GRAY") == is_gray:
        return metadata
    return Metadata(metadata.exif, None, metadata.xmp, metadata.dpi)


def _check_longest(pixels: NDArray[Any], longest: int, name: str) -> None:
    if max(pixels.shape[:2]) > longest:
        raise ValueError(f"{name} cannot hold more than {longest} pixels in a row or column")


def _encode_by_pillow(pixels: NDArray[Any], metadata: Metadata, name: str, quality: int) -> bytes:
    from PIL import Image

    target = io.BytesIO()
    picture = Image.fromarray(pixels)
    if name == "BMP":
        options: dict[str, Any] = {"dpi": metadata.dpi} if metadata.dpi else {}
    else:
        exif = metadata.exif or (exif_of_dpi(*metadata.dpi) if metadata.dpi else None)
        parts = {"exif": exif, "icc_profile": metadata.icc, "xmp": metadata.xmp}
        options = {key: part for key, part in parts.items() if part} | {"quality": quality}
    if name == "WEBP":
        _check_longest(pixels, _LONGEST_WEBP, "WEBP")
        options["method"] = _WEBP_METHOD
    if name == "AVIF":
        options["speed"] = _AVIF_SPEED
        if "exif" in options:  # with an orientation inside, Pillow would write the block anew
            options["exif"] = without_orientation(options["exif"])
    picture.save(target, name, **options)
    return target.getvalue()
