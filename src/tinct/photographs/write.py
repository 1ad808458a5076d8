"""Photographs to files, in one piece or not at all.

Encoders are imported where they are used, as decoders in ``read``.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.errors import OptionError, OutputError
from tinct.files import write_atomically
from tinct.photographs import jpeg, pnm
from tinct.photographs.exif import (
    exif_dpi,
    has_directories,
    with_dpi,
    with_thumbnail,
    without_orientation,
)
from tinct.photographs.formats import Format, format_named, format_of_path
from tinct.photographs.icc import is_srgb, profile_space
from tinct.photographs.metadata import Metadata
from tinct.photographs.picture import Picture
from tinct.photographs.pixels import shrink

_AVIF_SPEED = 8  # of 0..10: 12 megapixels in 2 s on two cores
_PILLOW_PLUGINS = {"AVIF": "AvifImagePlugin", "BMP": "BmpImagePlugin", "WEBP": "WebPImagePlugin"}
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


def write_picture(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = True,
    mark: bool = True,
) -> tuple[str, ...]:
    """Write a picture to a file, in one piece or not at all.

    Args:
        picture: The picture.
        path: Where to; an existing file is replaced only when the new one is complete.
        format: A name or suffix; by default the suffix of ``path``.
        quality: 1..100, or None for the format's own.
        overwrite: Whether an existing file may be replaced.
        mark: Whether a colored picture says that it was colored, see ``encode_picture``.

    Returns:
        What the format could not hold, one sentence each (see ``losses``).

    Raises:
        OptionError: Unknown format, or a quality out of range.
        OutputError: It could not be written; nothing has changed.
    """
    target = format_of_path(path) if format is None else format_named(format)
    try:
        data, lost = encode_with_losses(picture, target.name, quality, mark)
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from error
    write_atomically(data, path, overwrite=overwrite)
    return lost


def encode_picture(
    picture: Picture, format: str, quality: int | None = None, mark: bool = True
) -> bytes:
    """Encode a picture as the bytes of a file.

    What the format cannot hold is left out: transparency is composed over white, 16 bits are
    rounded to 8 (``losses`` names it). A thumbnail in EXIF is made anew of the pixels.

    Args:
        picture: The picture.
        format: A name or suffix: "jpeg", "PNG", ".tif".
        quality: 1..100, or None for the format's own; ignored by formats without loss.
        mark: Whether a picture that a model has colored says so in its XMP: the IPTC digital source
            type, the name of the model and the version of tinct.

    Raises:
        OptionError: Unknown format, or a quality out of range.
        OutputError: The format cannot hold a picture of this size.
    """
    return encode_with_losses(picture, format, quality, mark)[0]


def encode_with_losses(
    picture: Picture, format: str, quality: int | None = None, mark: bool = True
) -> tuple[bytes, tuple[str, ...]]:
    """Encode a picture, and name what the format cannot hold of it, one sentence each.

    Arguments and errors are those of :func:`encode_picture`.
    """
    target = format_named(format)
    metadata, lost = _prepare(picture, target, mark)
    return _encode(picture, target, quality, metadata), lost


def losses(picture: Picture, format: str, mark: bool = True) -> tuple[str, ...]:
    """Name what a picture would lose in a format, one sentence each; arguments as in encoding."""
    return _prepare(picture, format_named(format), mark)[1]


def _prepare(
    picture: Picture, target: Format, mark: bool
) -> tuple[list[Metadata], tuple[str, ...]]:
    """Make the metadata as they are written, and say what the format cannot hold.

    Args:
        picture: The picture.
        target: The format.
        mark: Whether a colored picture says that it was colored.

    Returns:
        The metadata of each page, and what is lost, one sentence each.
    """
    exif, exif_lost = _exif_for(picture, target)
    xmp, xmp_lost = _xmp_for(picture, target, mark)
    first = replace(_matching(picture, target), exif=exif, xmp=xmp)
    metadata = [first, *(_matching(page, target) for page in picture.pages)]
    lost = [*_lost_pixels(picture, target), *_lost_parts(picture, target, exif_lost + xmp_lost)]
    cut = jpeg.cut_comments(first) if target.name == "JPEG" else ()
    if cut:
        lost.append(f"JPEG holds 64 KB of a text: the end of {', '.join(cut)} was cut off")
    if mark and picture.colored_by and "xmp" not in target.metadata:
        lost.append(f"{target.name} has no place to say that it was colored")
    return metadata, tuple(lost)


def _exif_for(picture: Picture, target: Format) -> tuple[bytes | None, tuple[str, ...]]:
    """Make the EXIF block with a new thumbnail, and name what has no room."""
    block = picture.metadata.exif
    if block is None or "exif" not in target.metadata:
        return None, ()
    longest = jpeg.EXIF_MAX if target.name == "JPEG" else sys.maxsize
    if picture.metadata.has_thumbnail:
        complete = _with_thumbnail(block, picture.pixels, picture.chroma)
        if len(complete) <= longest:
            return complete, ()
    if len(block) > longest:
        return None, ("EXIF",)
    return block, ("the thumbnail in EXIF",) if picture.metadata.has_thumbnail else ()


def _xmp_for(picture: Picture, target: Format, mark: bool) -> tuple[bytes | None, tuple[str, ...]]:
    """Make the XMP packet with the mark, which is never left out, and name what has no room."""
    packet = picture.metadata.xmp
    if "xmp" not in target.metadata:
        return None, ()
    longest = jpeg.XMP_MAX if target.name == "JPEG" else sys.maxsize
    lost = ("XMP",) if packet else ()
    if not (mark and picture.colored_by):
        return (packet, ()) if len(packet or b"") <= longest else (None, lost)
    from tinct import __version__
    from tinct.photographs.xmp import mark_colored

    system = f"tinct {picture.colored_by}"
    complete = mark_colored(packet, system, __version__)
    if len(complete) <= longest:
        return complete, ()
    return mark_colored(None, system, __version__), lost


def _lost_pixels(picture: Picture, target: Format) -> list[str]:
    """Say what a format cannot hold of the pixels."""
    pixels, num_pages = picture.pixels, 1 + len(picture.pages)
    lost = []
    if has_alpha(pixels) and not target.alpha:
        lost.append(f"{target.name} has no transparency: composed over white")
    if pixels.dtype == np.uint16 and not target.deep:
        lost.append(f"{target.name} is written with 8 bits: 16-bit samples were rounded")
    if num_pages > 1 and not target.pages:
        lost.append(f"{target.name} holds one page: only the first of {num_pages} was written")
    return lost


def _lost_parts(picture: Picture, target: Format, without_room: tuple[str, ...]) -> list[str]:
    """Say what a format cannot hold of the metadata, and what has no room in it."""
    given = picture.metadata
    missing = [
        label
        for name, label in _NAMES.items()
        if getattr(given, name) and name not in target.metadata
    ]
    if "ICC" in missing and is_srgb(given.icc):
        missing.remove("ICC")  # without a profile a picture is taken for sRGB anyway
    missing.extend(without_room)
    if target.pages and any(has_directories(page.metadata.exif) for page in picture.pages):
        missing.append("the EXIF and GPS directories of further pages")
    return [f"{target.name} is written without {', '.join(missing)}"] if missing else []


def _encode(
    picture: Picture, target: Format, quality: int | None, metadata: list[Metadata]
) -> bytes:
    """Encode a picture with metadata that were prepared for the format."""
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality {quality} is not between 1 and 100")
    if picture.chroma is not None and target.name != "JPEG":
        picture = picture.to_rgb()
    pages = [page.to_rgb().pixels if page.chroma else page.pixels for page in picture.pages]
    quality = quality or target.default_quality or 100
    try:
        return _encode_parts([picture.pixels, *pages], picture.chroma, metadata, target, quality)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else "not enough memory"
        raise OutputError(f"cannot be written as {target.name}: {reason}") from error


def _encode_parts(
    pages: list[NDArray[Any]],
    chroma: ChromaPlanes | None,
    metadata: list[Metadata],
    target: Format,
    quality: int,
) -> bytes:
    """Encode pixels, after bringing them to what the format can hold.

    Args:
        pages: Pixels of each page, any of our shapes, 8 or 16 bits; a format without pages takes
            the first.
        chroma: Cb and Cr, with which the pixels are the Y plane; only for JPEG.
        metadata: What to write with each of them.
        target: The format.
        quality: 1..100.

    Raises:
        ValueError: The format cannot hold a picture of this size.
    """
    pixels = _fit(pages[0], target)
    match target.name:
        case "JPEG":
            _check_longest(pixels, _LONGEST_JPEG, "JPEG")
            return jpeg.encode_jpeg(pixels, chroma, quality, metadata[0])
        case "PNG":
            from tinct.photographs.png import encode_png

            return encode_png(pixels, metadata[0])
        case "TIFF":
            from tinct.photographs.tiff import encode_tiff

            return encode_tiff([_fit(page, target) for page in pages], metadata)
        case "PPM":
            return pnm.encode_pnm(pixels)
        case "JPEG2000":
            from tinct.photographs.jp2 import encode_jp2

            return encode_jp2(pixels, quality, metadata[0])
    return _encode_by_pillow(pixels, metadata[0], target.name, quality)


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


def _matching(page: Picture, target: Format) -> Metadata:
    """Leave out a profile that is made for other channels than the file will have."""
    pixels, metadata = page.pixels, page.metadata
    # Gray with alpha is written as gray by TIFF, and where it is composed over white.
    is_gray = page.chroma is None and (
        pixels.ndim == 2 or (pixels.shape[2] == 2 and (target.name == "TIFF" or not target.alpha))
    )
    if metadata.icc is None or (profile_space(metadata.icc) == "GRAY") == is_gray:
        return metadata
    return replace(metadata, icc=None)


def _check_longest(pixels: NDArray[Any], longest: int, name: str) -> None:
    if max(pixels.shape[:2]) > longest:
        raise ValueError(f"{name} cannot hold more than {longest} pixels in a row or column")


def _encode_by_pillow(pixels: NDArray[Any], metadata: Metadata, name: str, quality: int) -> bytes:
    from PIL import Image

    import_module(f"PIL.{_PILLOW_PLUGINS[name]}")  # else Pillow loads those of all its formats
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
