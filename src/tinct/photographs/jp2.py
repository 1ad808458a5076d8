"""JPEG 2000: 8 bits and fewer through Pillow, more through OpenCV, which keeps them, or FFmpeg.

libvips' wheel has no JPEG 2000, and no library hands over the metadata: the boxes (ISO/IEC 15444-1,
annex I) are read and written here.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, Jpeg2KImagePlugin

from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.metadata import (
    IPTC_RESOURCE,
    METERS_PER_INCH,
    Metadata,
    iptc_of,
    photoshop_of,
    photoshop_of_iptc,
    sensible_dpi,
)
from tinct.photographs.picture import Decoded, Limit, UnreadableError, space_of
from tinct.photographs.pillow_formats import picture_from_pillow

_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_PHOTOSHOP_UUID = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")
_UUIDS = (_EXIF_UUID, _XMP_UUID, _IPTC_UUID, _PHOTOSHOP_UUID)
_XMP_MARK = b"adobe:ns:meta"
_PROFILE_METHODS = (b"\x02", b"\x03")  # of a color box: it holds an ICC profile
_MAX_BOXES = 1000
_SMALLEST = 32  # pixels
_OPENCV_LOG = threading.Lock()  # its level is a setting of the process
_SIZE_MARKER = b"\xff\x4f\xff\x51"  # start of codestream, then the segment with the sizes


def decode_jp2(data: bytes, limit: Limit) -> Decoded:
    """Decode a JPEG 2000 file or bare codestream.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    picture = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
    limit.check(picture.height, picture.width)
    metadata, lost = read_metadata(data), _lost_boxes(data)
    height, width, num_components, depth = _codestream_size(data)
    if (height, width) != (picture.height, picture.width):
        raise UnreadableError("damaged: two different sizes are stated")
    if depth <= 8:
        has_palette = picture.mode == "P"
        pixels, space = picture_from_pillow(picture)
        if depth < 8 and not has_palette:
            pixels = _scaled(pixels >> (8 - depth), depth, 8)  # Pillow shifts samples to the left
        return Decoded(pixels, space, metadata, warnings=lost)
    if depth > 16:
        raise UnreadableError(f"{depth}-bit samples, which tinct does not read")
    if num_components == 2:
        pixels = _scaled(_decode_gray_with_alpha(data), depth, 16)
    else:
        pixels = _scaled(_decode_deep(data), depth, 16)
    return Decoded(pixels, space_of(pixels), metadata, warnings=lost)


def _scaled(pixels: NDArray[Any], depth: int, wanted: int) -> NDArray[Any]:
    """Bring samples of so many bits to 8 or 16, white being white."""
    if depth == wanted:
        return pixels
    full, white = (1 << depth) - 1, (1 << wanted) - 1
    scaled = np.minimum(pixels, full).astype(np.uint32) * white + full // 2
    return np.asarray(scaled // full, pixels.dtype)


def _decode_gray_with_alpha(data: bytes) -> NDArray[np.uint16]:
    """Decode two components of more than 8 bits through FFmpeg; OpenCV does not."""
    import av

    with av.open(io.BytesIO(data), mode="r", format="j2k_pipe") as file:
        frame = next(file.decode(file.streams.video[0]))
    pixels = frame.to_ndarray(format="rgba64le")[..., [0, 3]]
    return np.ascontiguousarray(pixels, np.uint16)


def _decode_deep(data: bytes) -> NDArray[np.uint16]:
    log = cv2.utils.logging
    with _OPENCV_LOG:  # OpenCV tells the terminal what an InputError tells the caller
        level = log.setLogLevel(log.LOG_LEVEL_SILENT)
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        finally:
            log.setLogLevel(level)
    if pixels is None or pixels.dtype != np.uint16:
        raise UnreadableError("damaged beyond reading")
    if pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, code)
    return np.asarray(pixels, np.uint16)


def _codestream_size(data: bytes) -> tuple[int, int, int, int]:
    """Read height, width, number of components and bits of the first out of the SIZ segment."""
    at = data.find(_SIZE_MARKER)
    if at < 0 or at + 45 > len(data):
        raise UnreadableError("damaged: it ends before the picture begins")
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    (num_components,) = struct.unpack_from(">H", data, at + 40)
    return bottom - top, right - left, num_components, (data[at + 42] & 0x7F) + 1


def encode_jp2(pixels: NDArray[Any], quality: int, metadata: Metadata) -> bytes:
    """Encode (H, W), (H, W, 3) or (H, W, 4) pixels, 8 or 16 bits.

    Args:
        pixels: The pixels.
        quality: 100 keeps all that the format can; 50 is a tenth of the plain size, 1 about a
            hundredth.
        metadata: Written, but for the color profile: the file states sRGB by a number.
    """
    if min(pixels.shape[:2]) < _SMALLEST:
        return with_metadata(_encode_small(pixels), metadata)
    if pixels.ndim == 3:
        code = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        pixels = cv2.cvtColor(pixels, code)
    thousandths = round(10 ** (1 + quality / 50))
    _, encoded = cv2.imencode(".jp2", pixels, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, thousandths])
    return with_metadata(encoded.tobytes(), metadata)


def _encode_small(pixels: NDArray[Any]) -> bytes:
    """Encode what is too small for the six resolutions that OpenCV always asks for."""
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        raise ValueError(f"16-bit color needs at least {_SMALLEST} pixels in rows and columns")
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG2000", num_resolutions=1)
    return target.getvalue()


class Box(NamedTuple):
    """One box: its name and where its content begins and ends."""

    name: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Walk the boxes between two places of a file; damage ends it."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        length, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1 and start + 16 <= end:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        length = length or end - start  # zero: the rest of the file
        if length < head:
            return
        yield Box(name, start + head, min(start + length, end))
        start += length


def read_metadata(data: bytes) -> Metadata:
    """Collect the metadata of a file of boxes (JPEG 2000, JPEG XL); a bare codestream has none."""
    icc = dpi = None
    held: dict[bytes, bytes] = {}  # by UUID
    if data[4:8] not in (b"jP  ", b"JXL "):
        return Metadata()
    for box in boxes(data, 0, len(data)):
        content = data[box.start : box.end]
        if box.name == b"uuid":
            held[content[:16]] = content[16:]
        elif box.name == b"jp2h":
            icc, dpi = _read_header(data, box)
        elif box.name == b"Exif":  # of JPEG XL; four bytes say how many more come before the block
            held[_EXIF_UUID] = content[4 + int.from_bytes(content[:4]) :]
        elif box.name == b"xml " and _XMP_MARK in content:
            held.setdefault(_XMP_UUID, content)
    exif = strip_exif_prefix(held.get(_EXIF_UUID))
    resources = held.get(_PHOTOSHOP_UUID, b"")
    if _IPTC_UUID in held:
        resources = photoshop_of_iptc(held[_IPTC_UUID]) + resources
    return Metadata(exif, icc, held.get(_XMP_UUID), dpi or exif_dpi(exif), photoshop_of(resources))


def _lost_boxes(data: bytes) -> tuple[str, ...]:
    """Say of boxes with descriptions that tinct does not know that they are left out."""
    lost = []
    for box in boxes(data, 0, len(data)) if data[4:8] == b"jP  " else ():
        content = data[box.start : box.end]
        if box.name == b"xml " and _XMP_MARK not in content:
            lost.append("a box of XML that is no XMP was left out")
        elif box.name == b"uuid" and not content.startswith(_UUIDS):
            lost.append(f"a box of a kind of its own was left out (UUID {content[:16].hex()})")
    return tuple(lost)


def _read_header(data: bytes, header: Box) -> tuple[bytes | None, tuple[float, float] | None]:
    icc = dpi = None
    for box in boxes(data, header.start, header.end):
        content = data[box.start : box.end]
        if box.name == b"colr" and content[:1] in _PROFILE_METHODS and len(content) > 131:
            icc = content[3:]
        elif box.name == b"res ":
            dpi = _read_resolution(data, box)
    return icc, dpi


def _read_resolution(data: bytes, parent: Box) -> tuple[float, float] | None:
    for box in boxes(data, parent.start, parent.end):
        if box.name in (b"resc", b"resd") and box.end - box.start >= 10:
            y, y_by, x, x_by, y_power, x_power = struct.unpack_from(">HHHHbb", data, box.start)
            if x_by and y_by and abs(x_power) < 20 and abs(y_power) < 20:
                per_meter = x / x_by * 10.0**x_power, y / y_by * 10.0**y_power
                return sensible_dpi(*(value * METERS_PER_INCH for value in per_meter))
    return None


def with_metadata(encoded: bytes, metadata: Metadata) -> bytes:
    """Put resolution into the header box, and everything else behind the picture."""
    parts: list[bytes] = []
    for box in boxes(encoded, 0, len(encoded)):
        content = encoded[box.start : box.end]
        if box.name == b"jp2h" and metadata.dpi:
            content += _resolution(metadata.dpi)
        parts.append(_box(box.name, content))
    iptc, others = iptc_of(metadata.photoshop), photoshop_of(metadata.photoshop, {IPTC_RESOURCE})
    for uuid, part in zip(_UUIDS, (metadata.exif, metadata.xmp, iptc, others), strict=True):
        if part:
            parts.append(_box(b"uuid", uuid + part))
    return b"".join(parts)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _resolution(dpi: tuple[float, float]) -> bytes:
    x, y = (_as_fraction(value / METERS_PER_INCH) for value in dpi)
    return _box(b"res ", _box(b"resc", struct.pack(">HHHHbb", *y[:2], *x[:2], y[2], x[2])))


def _as_fraction(value: float) -> tuple[int, int, int]:
    """Write a number as numerator, denominator and power of ten, with 16 bits each."""
    power = 0
    while value >= 6553.5:
        value, power = value / 10, power + 1
    return round(value * 10), 10, power
