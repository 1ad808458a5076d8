"""Photographs from files: which format it is, its decoder, and then sRGB and upright.

The format is told by the first bytes, never by the name. Decoders are imported when the first file
asks for them: most photographs are JPEGs, and a program that colors one does not wait for the
libraries of the others.
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from os import PathLike, fspath
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError, MissingExtraError
from tinct.files import open_source, reason_of
from tinct.photographs import jpeg, pnm
from tinct.photographs.exif import exif_orientation, upright_exif
from tinct.photographs.icc import to_srgb
from tinct.photographs.picture import Decoded, Limit, Picture, UnreadableError
from tinct.photographs.pixels import turn_upright

MAX_PIXELS = 300_000_000
_LOOKED_AT = 512  # rows and columns at most by which dots without gray between them are told
_NEARLY = 0.04  # share of white by which black and white may be off, as JPEG leaves them
_DOTS = 0.99  # share of pixels that are black or white in a picture of dots


Source = str | PathLike[str] | bytes | bytearray | memoryview | BinaryIO
"""What a photograph is read from: a path, the bytes of a file, or an open binary file."""

_HEAD_BYTES = 256  # as many as tell the format
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"FUJIFILMCCD-RAW": "RAW",
    b"IIU\0": "RAW",  # Panasonic
    b"IIRO": "RAW",  # Olympus
    b"IIRS": "RAW",
    b"MMOR": "RAW",
    b"FOVb": "RAW",  # Sigma
    b"\0MRM": "RAW",  # Minolta
    b"II*\0\x10\0\0\0CR": "RAW",  # Canon
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x0a": "JXL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JXL",
    b"8BPS\0\x01": "PSD",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"%PDF": "PDF",
}
_DECODERS = {  # imported when the first file of a kind asks for it; Pillow reads all others
    "PNG": "png.decode_png",
    "WEBP": "vips.decode_with_metadata",
    "JPEG2000": "jp2.decode_jp2",
    "JXL": "jxl.decode_jxl",
    "PDF": "pdf.decode_pdf",
    "HEIC": "other_formats.decode_heic",
    "PSD": "other_formats.decode_psd",
    "RAW": "other_formats.decode_raw",
}
_HEVC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_SEQUENCE_BRANDS = {b"avis", b"msf1", b"hevc", b"hevx"}
_STILL_BRANDS = {b"mif1", b"mif2", b"msf1", b"miaf"}  # of any picture in this container
# What people hand over that is no picture for tinct, and what helps
_OTHERS = {
    b"<svg": "a drawing (SVG), not a photograph",
    b"8BPS\0\x02": "a large Photoshop document (PSB), which tinct does not read; save it as TIFF",
    b"II\xbc": "JPEG XR, which tinct does not read",
    b"v/1\x01": "OpenEXR, a picture of a film; use tinct video 'scans/%04d.exr'",
    b"SDPX": "DPX, a picture of a film; use tinct video 'scans/%04d.dpx'",
    b"XPDS": "DPX, a picture of a film; use tinct video 'scans/%04d.dpx'",
    b"AT&TFORM": "DjVu, which tinct does not read",
    b"gimp xcf": "a GIMP project, which tinct does not read; export it as PNG or TIFF",
    b"PK\x03\x04": "an archive (ZIP); unpack it first",
    b"\x1a\x45\xdf\xa3": "a film; use tinct video",
    b"\0\0\x01\xba": "a film; use tinct video",
    b"FLV": "a film; use tinct video",
    b"<!DOCTYPE html": "a web page, not a picture",
    b"<html": "a web page, not a picture",
}


def read_picture(
    source: Source,
    *,
    max_pixels: int = MAX_PIXELS,
    gray: bool = False,
    name: str | None = None,
) -> Picture:
    """Read a photograph, turned upright and converted to sRGB.

    The format is told by the content, not by the name. EXIF, IPTC, XMP, comments and resolution are
    kept, without what describes the picture as it was before: the orientation that was applied, a
    thumbnail, links to further pictures in the file. The color profile is kept where it is sRGB;
    otherwise the pixels are converted and the profile is replaced.

    Args:
        source: A path, the bytes of a file, or an open binary file.
        max_pixels: Larger pictures are refused before they are decoded.
        gray: Only luma is wanted: color JPEGs may then give their Y plane instead of RGB, which
            takes less time.
        name: How to call the picture in messages; by default its path.

    Raises:
        InputError: It cannot be read; one line with the name and the reason.
    """
    name = name or _name_of(source)
    data, kind = _load(source, name)
    try:
        decoded = _decode(data, kind, Limit(max_pixels), gray)
        return _finish(decoded, kind)
    except UnreadableError as error:
        raise InputError(f"{name}: {error}") from error


def _name_of(source: Source) -> str:
    if isinstance(source, str | PathLike):
        return fspath(source)
    stated = getattr(source, "name", None)
    return stated if isinstance(stated, str) else "picture"


def _load(source: Source, name: str) -> tuple[bytes, str]:
    """Read all bytes and tell the format by the first of them."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return data, _kind(data[:_HEAD_BYTES], name)
    if isinstance(source, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", source):
        raise InputError(f"{name}: a web address, and tinct reads files: download it first")
    if isinstance(source, str | PathLike):
        with open_source(fspath(source), name) as file:
            return _load_stream(file, name)
    return _load_stream(source, name)


def _load_stream(file: BinaryIO, name: str) -> tuple[bytes, str]:
    """Look at the head first: a film of 20 GB is turned away without reading it."""
    try:
        head = file.read(_HEAD_BYTES)
        if isinstance(head, str):
            raise InputError(f"{name}: opened as text, and a photograph is binary: open it as 'rb'")
        kind = _kind(head, name)
        return head + file.read(), kind
    except ValueError as error:  # closed, or opened for writing
        raise InputError(f"{name}: the file is closed, or not open for reading") from error
    except OSError as error:
        raise InputError(f"{name}: {reason_of(error)}") from error
    except MemoryError as error:
        raise InputError(f"{name}: not enough memory to read it") from error


def _kind(head: bytes, name: str) -> str:
    if not head:
        raise InputError(f"{name}: the file is empty")
    kind = _sniff(head)
    if kind is None:
        raise InputError(f"{name}: {_describe(head)}")
    return kind


def _sniff(head: bytes) -> str | None:
    """Tell the format by the first ``_HEAD_BYTES`` bytes; None for what tinct does not read."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return _sniff_boxes(head) if head[4:8] == b"ftyp" else None


def _sniff_boxes(head: bytes) -> str | None:
    """Tell what a file of boxes holds by the brands that it names."""
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & (_HEVC_BRANDS | _STILL_BRANDS):
        return "HEIC"
    return "RAW" if head[8:12] == b"crx " else None


def _describe(head: bytes) -> str:
    """Say what a file is that tinct does not read, and what helps."""
    for signature, text in _OTHERS.items():
        if head.lstrip().startswith(signature):
            return text
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head[8:12] == b"AVI ":
        return "a film; use tinct video"
    return "not a picture that tinct can read"


def _decode(data: bytes, kind: str, limit: Limit, gray: bool) -> Decoded:
    """Decode a file of the kind that its first bytes tell.

    Raises:
        UnreadableError: It cannot be decoded, for the reason given.
    """
    try:
        if kind == "JPEG":
            return jpeg.decode_jpeg(data, limit, gray)
        return _decode_other(data, kind, limit)
    except UnreadableError:
        raise
    except MissingExtraError as error:
        raise UnreadableError(str(error)) from error
    except MemoryError as error:
        raise UnreadableError("not enough memory to read it") from error
    except Exception as error:
        # A damaged file can make a decoder fail in any way: out of range, recursion, zero
        # division...
        if kind in ("AVIF", "HEIC") and data[8:12] in _SEQUENCE_BRANDS:
            raise UnreadableError("a sequence of pictures; use tinct video") from error
        raise UnreadableError("damaged beyond reading") from error


def _decode_other(data: bytes, kind: str, limit: Limit) -> Decoded:
    if kind == "TIFF":
        from tinct.photographs import tiff

        if not tiff.is_raw(data):
            return tiff.decode_tiff(data, limit)
        kind = "RAW"
    if kind == "PPM" and data[1:2] in b"56":
        return pnm.decode_pnm(data, limit)
    if kind in _DECODERS:
        module, function = _DECODERS[kind].split(".")
        decode = getattr(import_module(f"tinct.photographs.{module}"), function)
        return cast(Decoded, decode(data, limit))
    from tinct.photographs.pillow_formats import decode_by_pillow

    try:
        return decode_by_pillow(data, kind, limit)
    except (SyntaxError, RuntimeError):
        if kind != "AVIF" or data.count(b"ipma") < 2:
            raise
    # libavif, which Pillow uses, refuses the second box of this kind that early encoders wrote for
    # alpha. libvips takes it, but prints what it thinks of other damage.
    from tinct.photographs.vips import decode_with_metadata

    return decode_with_metadata(data, limit, orientation=1)


def _finish(decoded: Decoded, kind: str) -> Picture:
    """Convert to sRGB, turn upright, and bring the metadata in line with that."""
    converted = to_srgb(decoded)
    stored, warnings = decoded.metadata, list(decoded.warnings)
    orientation = decoded.orientation
    if orientation is None and stored.exif is not None:
        orientation = exif_orientation(stored.exif)
    xmp = stored.xmp
    if xmp is not None:
        from tinct.photographs.xmp import upright_xmp, xmp_orientation  # few photographs have XMP

        orientation = orientation or xmp_orientation(xmp)
        xmp = upright_xmp(xmp, is_upright=orientation is not None)
        if xmp is None:
            warnings.append("its XMP is damaged and was left out")
    pixels = converted.pixels
    was_on_side = orientation is not None and orientation >= 5
    if orientation is not None:
        pixels = turn_upright(pixels, orientation)
    exif, had_thumbnail = stored.exif, False
    if exif is not None:
        exif, had_thumbnail = upright_exif(
            exif,
            pixels.shape[0],
            pixels.shape[1],
            is_upright=orientation is not None,
            was_on_side=was_on_side,
        )
        if exif is None:
            warnings.append("its EXIF is damaged and was left out")
    if converted.warning is not None:
        warnings.append(converted.warning)
    if _has_only_dots(pixels):
        warnings.append(
            "only black and white dots: no color can be seen in it (scan it in gray, or blur it)"
        )
    dpi = stored.dpi
    if dpi is not None and was_on_side:
        dpi = (dpi[1], dpi[0])
    metadata = replace(
        stored, exif=exif, icc=converted.icc, xmp=xmp, dpi=dpi, has_thumbnail=had_thumbnail
    )
    pages = tuple(_finish(page, kind) for page in decoded.pages)
    return Picture(pixels, None, metadata, kind, (*warnings, *_warnings_of(pages)), pages)


def _warnings_of(pages: tuple[Picture, ...]) -> list[str]:
    """Say of further pages what was wrong with them, each fault once."""
    numbers: dict[str, list[str]] = {}
    for number, page in enumerate(pages, 2):
        for text in page.warnings:
            numbers.setdefault(text, []).append(str(number))
    return [
        f"page{'' if len(found) == 1 else 's'} {', '.join(found)}: {text}"
        for text, found in numbers.items()
    ]


def _has_only_dots(pixels: NDArray[Any]) -> bool:
    """Tell a picture of black and white without gray between them, where colors have no room."""
    step = -(-max(pixels.shape[:2]) // _LOOKED_AT)
    # Rows and columns without a common divisor with the pattern of a screen
    sample = pixels[::step, ::step]
    if sample.ndim == 2:
        sample = sample[..., None]
    channels = np.moveaxis(sample, 2, 0)[: 1 if sample.shape[2] <= 2 else 3]  # without alpha
    full = int(np.iinfo(pixels.dtype).max)
    black, white = _NEARLY * full, (1 - _NEARLY) * full
    num_black = np.count_nonzero(np.logical_and.reduce([plane <= black for plane in channels]))
    num_white = np.count_nonzero(np.logical_and.reduce([plane >= white for plane in channels]))
    size = channels[0].size
    least = (1 - _DOTS) * size
    return bool(min(num_black, num_white) > least and num_black + num_white >= _DOTS * size)
