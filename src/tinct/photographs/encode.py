"""Pictures to the bytes of a file.

Encoders are imported where they are used, as in ``decode``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.photographs import jpeg, pnm
from tinct.photographs.exif import exif_dpi, with_dpi, with_thumbnail, without_orientation
from tinct.photographs.formats import Format
from tinct.photographs.icc import is_srgb, profile_space
from tinct.photographs.metadata import Metadata
from tinct.photographs.pixels import shrink

_AVIF_SPEED = 8  # of 0..10: 12 megapixels in 2 s on two cores
_WEBP_METHOD = 4  # of 0..6
_LONGEST_WEBP = 16383  # pixels; 14 bits in the file
_LONGEST_JPEG = 65535
_THUMBNAIL_SIDE = 160  # pixels of the longer side of a thumbnail in EXIF, as cameras have it
_THUMBNAIL_QUALITY = 80
_NAMES = {
    "exif": "EXIF", "icc": "ICC", "xmp": "XMP", "dpi": "DPI", "photoshop": "IPTC",
    "comments": "comments",
}  # fmt: skip
ChromaPlanes = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def encode(
    pixels: NDArray[Any],
    chroma: ChromaPlanes | None,
    metadata: Metadata,
    target: Format,
    quality: int | None,
    pages: Sequence[NDArray[Any]] = (),
) -> bytes:
    """Encode pixels, after bringing them to what the format can hold.

    Args:
        pixels: Any of our shapes, 8 or 16 bits; the Y plane when ``chroma`` is given.
        chroma: Cb and Cr; only for JPEG.
        metadata: What to write with it.
        target: The format.
        quality: 1..100, or None for the format's own.
        pages: Pixels of further pages, for formats that hold them.

    Raises:
        ValueError: The format cannot hold a picture of this size.
    """
    quality = quality or target.default_quality or 100
    pixels = _fit(pixels, target)
    alone = pixels.ndim == 2 or (pixels.shape[2] == 2 and target.name == "TIFF")
    metadata = _matching(metadata, alone and chroma is None)
    if metadata.has_thumbnail and metadata.exif and "exif" in target.metadata:
        metadata = replace(metadata, exif=_with_thumbnail(metadata.exif, pixels, chroma))
    match target.name:
        case "JPEG":
            _check_longest(pixels, _LONGEST_JPEG, "JPEG")
            return jpeg.encode_jpeg(pixels, chroma, quality, metadata)
        case "PNG":
            from tinct.photographs.png import encode_png

            return encode_png(pixels, metadata)
        case "TIFF":
            from tinct.photographs.tiff import encode_tiff

            return encode_tiff([pixels, *(_fit(page, target) for page in pages)], metadata)
        case "PPM":
            return pnm.encode_pnm(pixels)
        case "JPEG2000":
            from tinct.photographs.jp2 import encode_jp2

            return encode_jp2(pixels, quality, metadata)
    return _encode_by_pillow(pixels, metadata, target.name, quality)


def losses(
    pixels: NDArray[Any], metadata: Metadata, target: Format, num_pages: int = 1
) -> tuple[str, ...]:
    """Say what a picture loses in a format, one sentence each."""
    found = []
    if has_alpha(pixels) and not target.alpha:
        found.append(f"{target.name} has no transparency: composed over white")
    if pixels.dtype == np.uint16 and not target.deep:
        found.append(f"{target.name} is written with 8 bits: 16-bit samples were rounded")
    if num_pages > 1 and not target.pages:
        found.append(f"{target.name} holds one page: only the first of {num_pages} was written")
    missing = [
        label
        for name, label in _NAMES.items()
        if getattr(metadata, name) and name not in target.metadata
    ]
    if "ICC" in missing and is_srgb(metadata.icc):
        missing.remove("ICC")  # without a profile a picture is taken for sRGB anyway
    if target.name == "JPEG":
        missing.extend(jpeg.too_long(metadata))
    if missing:
        found.append(f"{target.name} is written without {', '.join(missing)}")
    return tuple(found)


def _with_thumbnail(block: bytes, pixels: NDArray[Any], chroma: ChromaPlanes | None) -> bytes:
    """Add a thumbnail of the picture as it is now to an EXIF block."""
    step = max(1, max(pixels.shape[:2]) // (4 * _THUMBNAIL_SIDE))  # few pixels will do
    small = pixels[::step, ::step]
    if chroma is not None:
        planes = (np.repeat(np.repeat(plane, 2, 0), 2, 1)[::step, ::step] for plane in chroma)
        height, width = small.shape
        full = [np.ascontiguousarray(plane[:height, :width]) for plane in planes]
        small = cv2.cvtColor(cv2.merge([small, full[1], full[0]]), cv2.COLOR_YCrCb2RGB)
    if has_alpha(small):
        small = _over_white(small)
    if small.dtype == np.uint16:
        small = cv2.convertScaleAbs(small, alpha=1 / 257)
    small = shrink(np.ascontiguousarray(small), _THUMBNAIL_SIDE)
    return with_thumbnail(block, jpeg.encode_jpeg(small, None, _THUMBNAIL_QUALITY, Metadata()))


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
    return replace(metadata, icc=None)


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
        exif = metadata.exif
        if metadata.dpi and exif_dpi(exif) != metadata.dpi:
            exif = with_dpi(exif, *metadata.dpi)
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
