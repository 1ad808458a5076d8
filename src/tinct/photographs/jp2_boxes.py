"""The boxes of a JPEG 2000 file that hold metadata (ISO/IEC 15444-1, annex I)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from tinct.photographs.metadata import (
    Metadata,
    exif_dpi,
    exif_orientation,
    sensible_dpi,
    strip_exif_prefix,
)

_EXIF_UUID = b"JpgTiffExif->JP2"
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_PROFILE_METHODS = (b"\x02", b"\x03")  # of a color box: it holds an ICC profile
_INCHES_IN_METRE = 1 / 0.0254
_MAX_BOXES = 1000


class _Box(NamedTuple):
    """One box: its name and where its content begins and ends."""

    name: bytes
    start: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
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
        yield _Box(name, start + head, min(start + length, end))
        start += length


def read_metadata(data: bytes) -> tuple[Metadata, int]:
    """Collect metadata and the EXIF orientation of a file; a bare codestream has none."""
    exif = icc = xmp = dpi = None
    if data[4:8] != b"jP  ":
        return Metadata(), 1
    for box in _boxes(data, 0, len(data)):
        if box.name == b"uuid":
            content = data[box.start : box.end]
            if content.startswith(_EXIF_UUID):
                exif = strip_exif_prefix(content[16:])
            elif content.startswith(_XMP_UUID):
                xmp = content[16:]
        elif box.name == b"jp2h":
            icc, dpi = _read_header(data, box)
    return Metadata(exif, icc, xmp, dpi or exif_dpi(exif)), exif_orientation(exif)


def _read_header(data: bytes, header: _Box) -> tuple[bytes | None, tuple[float, float] | None]:
    icc = dpi = None
    for box in _boxes(data, header.start, header.end):
        content = data[box.start : box.end]
        if box.name == b"colr" and content[:1] in _PROFILE_METHODS and len(content) > 131:
            icc = content[3:]
        elif box.name == b"res ":
            dpi = _read_resolution(data, box)
    return icc, dpi


def _read_resolution(data: bytes, parent: _Box) -> tuple[float, float] | None:
    for box in _boxes(data, parent.start, parent.end):
        if box.name in (b"resc", b"resd") and box.end - box.start >= 10:
            y, y_by, x, x_by, y_power, x_power = struct.unpack_from(">HHHHbb", data, box.start)
            if x_by and y_by and abs(x_power) < 20 and abs(y_power) < 20:
                per_meter = x / x_by * 10.0**x_power, y / y_by * 10.0**y_power
                return sensible_dpi(*(value / _INCHES_IN_METRE for value in per_meter))
    return None


def with_metadata(encoded: bytes, metadata: Metadata) -> bytes:
    """Put resolution into the header box, and EXIF and XMP behind everything else."""
    parts: list[bytes] = []
    for box in _boxes(encoded, 0, len(encoded)):
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
    x, y = (_as_fraction(value * _INCHES_IN_METRE) for value in dpi)
    return _box(b"res ", _box(b"resc", struct.pack(">HHHHbb", *y[:2], *x[:2], y[2], x[2])))


def _as_fraction(value: float) -> tuple[int, int, int]:
    """Write a number as numerator, denominator and power of ten, with 16 bits each."""
    power = 0
    while value >= 6553.5:
        value, power = value / 10, power + 1
    return round(value * 10), 10, power
