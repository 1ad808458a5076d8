"""JPEG: pixels through libjpeg-turbo, metadata from and to the APP segments.

The Y plane is taken and given as it is stored, which only the planar interface of TurboJPEG offers;
libvips and Pillow go through RGB.
"""

from __future__ import annotations

import codecs
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.icc import is_srgb
from tinct.photographs.metadata import (
    CM_PER_INCH,
    Comment,
    Metadata,
    bytes_of,
    photoshop_of,
    sensible_dpi,
    text_of,
)
from tinct.photographs.picture import Decoded, Limit, Space, UnreadableError

_EXIF = b"Exif\0\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0"
_JFIF = b"JFIF\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_SEGMENT_MAX = 65533  # the length field counts itself
EXIF_MAX, XMP_MAX = _SEGMENT_MAX - len(_EXIF), _SEGMENT_MAX - len(_XMP)  # bytes
_APP0, _APP1, _APP2, _APP13, _COMMENT = 0xE0, 0xE1, 0xE2, 0xED, 0xFE
_START_OF_FRAME = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_LS_FRAME = 0xF7
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
# A scan can cost the time of a whole picture and only a few bytes of file. Encoders write about 10.
_MAX_SCANS = 150
_SPACES: dict[str, Space] = {"GRAY": "gray", "RGB": "rgb", "CMYK": "cmyk"}
_EXTENDED_XMP_LOST = "the part of its XMP that stands outside the packet was left out"
_FINE_QUALITY = 90  # from here on RGB is stored without chroma subsampling


@dataclass(slots=True)
class _Header:
    """What the segments before the first scan say."""

    height: int = 0
    width: int = 0
    num_components: int = 0
    depth: int = 8  # bits of a sample
    progressive: bool = False
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    photoshop: bytes = b""
    comments: list[Comment] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def metadata(self) -> Metadata:
        icc = b"".join(part for _, part in sorted(self.icc_parts.items())) or None
        return Metadata(
            self.exif,
            icc,
            self.xmp,
            self.dpi or (exif_dpi(self.exif) if self.exif else None),
            photoshop_of(self.photoshop) if self.photoshop else None,
            tuple(self.comments),
        )


def decode_jpeg(data: bytes, limit: Limit, gray: bool) -> Decoded:
    """Decode a JPEG.

    Args:
        data: The whole file.
        limit: Largest picture allowed.
        gray: Only luma is wanted: a color JPEG then gives its Y plane, unless its color profile
            makes a conversion necessary that only RGB can go through.

    Raises:
        UnreadableError: Nothing can be decoded. Damage that leaves a part is a warning instead.
    """
    header = _read_header(data)
    limit.check(header.height, header.width)
    if header.progressive and data.count(b"\xff\xda") > _MAX_SCANS:
        raise UnreadableError(f"more than {_MAX_SCANS} scans, which no photograph has")
    if header.depth != 8:
        raise UnreadableError(f"{header.depth}-bit JPEG, which tinct does not read")
    metadata = header.metadata()
    colorspace = _colorspace(header, gray and (metadata.icc is None or is_srgb(metadata.icc)))
    pixels, damage = _decode_pixels(data, header, colorspace)
    if colorspace == "CMYK":
        pixels = 255 - pixels  # files hold paper, not ink, with Adobe's mark and without it
    return Decoded(
        pixels.reshape(pixels.shape[:2]) if pixels.shape[2] == 1 else pixels,
        _SPACES[colorspace],
        metadata,
        warnings=(*header.warnings, *damage),
    )


def _colorspace(header: _Header, only_luma: bool) -> str:
    if header.num_components == 4:
        return "CMYK"
    return "GRAY" if header.num_components == 1 or only_luma else "RGB"


def _decode_pixels(
    data: bytes, header: _Header, colorspace: str
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Decode strictly first, then as far as possible; (H, W, C) and what was wrong."""
    try:
        stated = simplejpeg.decode_jpeg_header(data, strict=False)[:2]
    except ValueError:
        return _decode_rare(data, colorspace), ()
    if stated != (header.height, header.width):
        raise UnreadableError("damaged: two different sizes are stated")
    try:
        return simplejpeg.decode_jpeg(data, colorspace, strict=True), ()
    except ValueError as error:
        fault = str(error).strip().rstrip(".")
    try:
        pixels = simplejpeg.decode_jpeg(data, colorspace, strict=False)
    except ValueError:
        return _decode_rare(data, colorspace), ()
    return pixels, (f"damaged, read as far as possible ({fault})",)


def _decode_rare(data: bytes, colorspace: str) -> NDArray[np.uint8]:
    """Decode what the TurboJPEG interface turns down, such as unusual chroma subsampling."""
    from PIL import JpegImagePlugin  # rarely needed, and slow to load

    try:
        picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        try:
            picture.draft("L" if colorspace == "GRAY" else None, None)
            picture.load()
        except OSError:  # a lossless JPEG has no luma that could be had alone
            picture = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        wanted = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}[colorspace]
        pixels = np.asarray(picture if picture.mode == wanted else picture.convert(wanted))
    except Exception as error:  # the plugin lets anything out when the file is damaged
        raise UnreadableError("damaged beyond reading") from error
    return np.atleast_3d(pixels if colorspace != "CMYK" else 255 - pixels)


def _segments(data: bytes | bytearray) -> Iterator[tuple[int, int, int]]:
    """Walk the segments up to the first scan: marker, start and end of the content."""
    at = 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 4 > len(data):
            return
        marker = data[at + 1]
        if marker in (0x00, 0xFF) or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (_START_OF_SCAN, _END_OF_IMAGE):
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + max(length, 2)
        yield marker, at + 4, min(end, len(data))
        at = end


def _read_header(data: bytes) -> _Header:
    header = _Header()
    for marker, start, end in _segments(data):
        if marker in _START_OF_FRAME and end - start >= 6:
            header.height, header.width = struct.unpack_from(">HH", data, start + 1)
            header.depth, header.num_components = data[start], data[start + 5]
            header.progressive = marker in _PROGRESSIVE
        elif marker == _JPEG_LS_FRAME:
            raise UnreadableError("JPEG-LS, which tinct does not read")
        elif marker == _APP0 and data.startswith(_JFIF, start) and end - start >= 12:
            header.dpi = _jfif_dpi(data, start)
        elif marker == _APP1:
            _take_app1(header, data[start:end])
        elif marker == _APP2 and data.startswith(_ICC, start) and end - start > 14:
            header.icc_parts[data[start + 12]] = data[start + 14 : end]
        elif marker == _APP13 and data.startswith(_PHOTOSHOP, start):
            header.photoshop += data[start + len(_PHOTOSHOP) : end]
        elif marker == _COMMENT:
            header.comments.append(Comment("Comment", text_of(data[start:end])))
    if not header.num_components:
        raise UnreadableError("damaged: it ends before the picture begins")
    return header


def _jfif_dpi(data: bytes, start: int) -> tuple[float, float] | None:
    unit, x, y = struct.unpack_from(">BHH", data, start + 7)
    scale = {1: 1.0, 2: CM_PER_INCH}.get(unit, 0.0)
    return sensible_dpi(x * scale, y * scale)


def _take_app1(header: _Header, content: bytes) -> None:
    if content.startswith(_EXIF) and header.exif is None:
        header.exif = strip_exif_prefix(content)
    elif content.startswith(_XMP) and header.xmp is None:
        header.xmp = content[len(_XMP) :]
    elif content.startswith(_EXTENDED_XMP) and _EXTENDED_XMP_LOST not in header.warnings:
        header.warnings.append(_EXTENDED_XMP_LOST)


def encode_jpeg(
    pixels: NDArray[np.uint8],
    chroma: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
    quality: int,
    metadata: Metadata,
) -> bytes:
    """Encode a JPEG.

    Args:
        pixels: (H, W) gray or the Y plane, or (H, W, 3) RGB.
        chroma: Cb and Cr of half the size, or None.
        quality: 1..100.
        metadata: Written as APP segments; EXIF and XMP no longer than ``EXIF_MAX`` and ``XMP_MAX``.
    """
    if pixels.ndim == 2:
        encoded: Any = _encode_planes(pixels, chroma, quality)
    else:
        subsampling = "444" if quality >= _FINE_QUALITY else "420"
        encoded = simplejpeg.encode_jpeg(pixels, quality, "RGB", subsampling)
    return _with_segments(bytes(encoded), metadata)


def _encode_planes(
    luma: NDArray[np.uint8],
    chroma: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None,
    quality: int,
) -> bytearray:
    """Encode a Y plane, with Cb and Cr of half the size or alone.

    TurboJPEG reads a Y plane of even size whatever the size of the picture, so that odd ones get a
    row and a column more; the frame header is then told the true size.
    """
    if chroma is None:
        return bytearray(simplejpeg.encode_jpeg_yuv_planes(luma, None, None, quality))
    height, width = luma.shape
    if height % 2 or width % 2:
        luma = np.pad(luma, ((0, height % 2), (0, width % 2)), "edge")
    planes = (np.ascontiguousarray(plane) for plane in chroma)
    encoded = bytearray(simplejpeg.encode_jpeg_yuv_planes(luma, *planes, quality))
    for marker, start, _ in _segments(encoded):
        if marker in _START_OF_FRAME:
            struct.pack_into(">HH", encoded, start + 1, height, width)
    return encoded


def _with_segments(encoded: bytes, metadata: Metadata) -> bytes:
    """Replace the JFIF header by one with the resolution, and put the other segments behind it."""
    (length,) = struct.unpack_from(">H", encoded, 4)  # the encoder always begins with SOI and JFIF
    x, y = metadata.dpi or (1, 1)
    unit = 0 if metadata.dpi is None else 1
    density = [min(max(round(value), 1), 65535) for value in (x, y)]
    parts = [
        encoded[:2],
        _segment(_APP0, _JFIF + struct.pack(">HBHHBB", 0x102, unit, *density, 0, 0)),
    ]
    if metadata.exif:
        parts.append(_segment(_APP1, _EXIF + metadata.exif))
    if metadata.xmp:
        parts.append(_segment(_APP1, _XMP + metadata.xmp))
    parts.extend(_icc_segments(metadata.icc or b""))
    size = _SEGMENT_MAX - len(_PHOTOSHOP)
    resources = metadata.photoshop or b""
    parts.extend(
        _segment(_APP13, _PHOTOSHOP + resources[at : at + size])
        for at in range(0, len(resources), size)
    )
    parts.extend(_segment(_COMMENT, _within_segment(comment)) for comment in metadata.comments)
    return b"".join([*parts, encoded[4 + length :]])


def _comment_bytes(comment: Comment) -> bytes:
    """Write a comment, which has no keyword in a JPEG."""
    prefix = "" if comment.keyword == "Comment" else f"{comment.keyword}: "
    return bytes_of(prefix + comment.text)


def _within_segment(comment: Comment) -> bytes:
    """Write as much of a comment as a segment holds, without half a character at its end."""
    written = _comment_bytes(comment)
    if len(written) <= _SEGMENT_MAX:
        return written
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # waits for other halves
    return bytes_of(decoder.decode(written[:_SEGMENT_MAX]))


def cut_comments(metadata: Metadata) -> list[str]:
    """Name the comments that are longer than a segment; readers put no segments together."""
    return [
        comment.keyword
        for comment in metadata.comments
        if len(_comment_bytes(comment)) > _SEGMENT_MAX
    ]


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _icc_segments(icc: bytes) -> list[bytes]:
    size = _SEGMENT_MAX - len(_ICC) - 2
    chunks = [icc[at : at + size] for at in range(0, len(icc), size)]
    if len(chunks) > 255:
        return []
    return [
        _segment(_APP2, _ICC + bytes([number, len(chunks)]) + chunk)
        for number, chunk in enumerate(chunks, 1)
    ]
