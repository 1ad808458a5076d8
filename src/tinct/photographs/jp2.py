"""JPEG 2000: 8 bits and fewer through Pillow, more through OpenCV, which keeps them.

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
from tinct.photographs.metadata import METERS_PER_INCH, Metadata, sensible_dpi
from tinct.photographs.picture import Decoded, Limit, UnreadableError, space_of
from tinct.photographs.pillow_formats import picture_from_pillow

_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
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
    metadata = read_metadata(data)
    height, width, depth = _codestream_size(data)
    if (height, width) != (picture.height, picture.width):
        raise UnreadableError("damaged: two different sizes are stated")
    if depth <= 8:
        pixels, space = picture_from_pillow(picture)
        return Decoded(pixels, space, metadata)
    if depth > 16:
        raise UnreadableError(f"{depth}-bit samples, which tinct does not read")
    pixels = _decode_deep(data, depth)
    return Decoded(pixels, space_of(pixels), metadata)


def _decode_deep(data: bytes, depth: int) -> NDArray[np.uint16]:
    log = cv2.utils.logging
    with _OPENCV_LOG:  # OpenCV tells the terminal what an InputError tells the caller
        level = log.setLogLevel(log.LOG_LEVEL_SILENT)
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        finally:
            log.setLogLevel(level)
    if pixels is None or pixels.dtype != np.uint16:
        raise UnreadableError("damaged beyond reading")
    if depth < 16:
        full = (1 << depth) - 1
        scaled = np.minimum(pixels, full).astype(np.uint32) * 65535 + full // 2
        pixels = (scaled // full).astype(np.uint16)
    if pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, code)
    return np.asarray(pixels, np.uint16)


def _codestream_size(data: bytes) -> tuple[int, int, int]:
    """Read height, width and bits of the first component out of the SIZ segment."""
    at = data.find(_SIZE_MARKER)
    if at < 0 or at + 45 > len(data):
        raise UnreadableError("damaged: it ends before the picture begins")
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    return bottom - top, right - left, (data[at + 42] & 0x7F) + 1


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
    exif = icc = xmp = dpi = None
    if data[4:8] not in (b"jP  ", b"JXL "):
        return Metadata()
    for box in boxes(data, 0, len(data)):
        if box.name == b"uuid":
            content = data[box.start : box.end]
            if content.startswith(_EXIF_UUID):
                exif = strip_exif_prefix(content[16:])
            elif content.startswith(_XMP_UUID):
                xmp = content[16:]
        elif box.name == b"jp2h":
            icc, dpi = _read_header(data, box)
        elif box.name == b"Exif":  # of JPEG XL; four bytes say how many more come before the block
            skipped = int.from_bytes(data[box.start : box.start + 4])
            exif = strip_exif_prefix(data[box.start + 4 + skipped : box.end])
        elif box.name == b"xml " and xmp is None and b"adobe:ns:meta" in data[box.start : box.end]:
            xmp = data[box.start : box.end]
    return Metadata(exif, icc, xmp, dpi or exif_dpi(exif))


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
    """Put resolution into the header box, and EXIF and XMP behind everything else."""
    parts: list[bytes] = []
    for box in boxes(encoded, 0, len(encoded)):
        content = encoded[box.start : box.end]
        if box.name == b"jp2h" and metadata.dpi:
            content += _resolution(metadata.dpi)
        parts.append(_box(box.name, content))
    for uuid, part in ((_EXIF_UUID, metadata.exif), (_XMP_UUID, metadata.xmp)):
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
