"""What travels with the pixels of a photograph: EXIF, color profile, XMP, resolution.

EXIF blocks are patched in place and never written anew, because camera makers' notes hold offsets
that only stay right as long as nothing moves.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

ORIENTATION = 0x0112
EXIF_IFD = 0x8769
THUMBNAIL_OFFSET, THUMBNAIL_LENGTH = 0x0201, 0x0202
PIXEL_X, PIXEL_Y = 0xA002, 0xA003  # inside the EXIF IFD
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
SHORT, LONG, RATIONAL = 3, 4, 5  # field types of TIFF 6.0
CM_PER_INCH = 2.54

_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:>|\s*=\s*[\"']))[2-8]")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a file that are not pixels; None is what the file does not have."""

    exif: bytes | None = None  # a TIFF block, without the "Exif\0\0" in front
    icc: bytes | None = None  # an ICC profile
    xmp: bytes | None = None  # an XMP packet (XML in UTF-8)
    dpi: tuple[float, float] | None = None  # horizontal, vertical; pixels per inch


class _Entry(NamedTuple):
    """One field of an image file directory."""

    tag: int
    kind: int  # field type
    length: int  # how many values
    value_at: int  # offset of the 4 bytes that hold the value or its offset


class _Block:
    """An EXIF block opened for reading and patching; every access may raise struct.error."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self.order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]

    def get(self, code: str, at: int) -> int:
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def put(self, code: str, at: int, value: int) -> None:
        struct.pack_into(self.order + code, self.data, at, value)

    def entries(self, at: int) -> Iterator[_Entry]:
        for start in range(at + 2, at + 2 + 12 * self.get("H", at), 12):
            tag, kind, length = struct.unpack_from(self.order + "HHI", self.data, start)
            yield _Entry(tag, kind, length, start + 8)

    def next_ifd_at(self, at: int) -> int:
        return at + 2 + 12 * self.get("H", at)

    def value(self, entry: _Entry) -> int:
        return self.get("H" if entry.kind == SHORT else "I", entry.value_at)

    def set_value(self, entry: _Entry, value: int) -> None:
        if entry.kind == SHORT and value < 65536:
            self.put("H", entry.value_at, value)
        elif entry.kind == LONG:
            self.put("I", entry.value_at, value)

    def rational(self, entry: _Entry) -> float:
        at = self.get("I", entry.value_at)
        return self.get("I", at) / self.get("I", at + 4)


def strip_exif_prefix(block: bytes | None) -> bytes | None:
    """Remove the mark that some containers put in front; None if no TIFF block follows."""
    if not block:
        return None
    block = block.removeprefix(b"Exif\0\0")
    return block if block[:4] in (b"II*\0", b"MM\0*") and len(block) > 8 else None


def exif_orientation(block: bytes | None) -> int:
    """Read the orientation, 1..8; 1 where the block has none, or a senseless one."""
    try:
        opened = _Block(block or b"II")
        for entry in opened.entries(opened.get("I", 4)):
            if entry.tag == ORIENTATION and entry.kind == SHORT:
                value = opened.value(entry)
                return value if 1 <= value <= 8 else 1
    except (struct.error, KeyError):
        pass  # a damaged block has no orientation that could be trusted
    return 1


def exif_dpi(block: bytes | None) -> tuple[float, float] | None:
    """Read the resolution in pixels per inch, or None where the block states none."""
    try:
        opened = _Block(block or b"II")
        found = {entry.tag: entry for entry in opened.entries(opened.get("I", 4))}
        unit = opened.value(found[RESOLUTION_UNIT]) if RESOLUTION_UNIT in found else 2
        scale = {2: 1.0, 3: CM_PER_INCH}[unit]
        x, y = (opened.rational(found[tag]) * scale for tag in (X_RESOLUTION, Y_RESOLUTION))
    except (struct.error, KeyError, ZeroDivisionError):
        return None
    return sensible_dpi(x, y)


def sensible_dpi(x: float, y: float) -> tuple[float, float] | None:
    """Pass on a resolution that can be meant as one; None for 0, 1 or values beyond any scanner."""
    if not (1 < x <= 100_000 and 1 < y <= 100_000):
        return None
    return round(x, 2), round(y, 2)  # 11811 a meter were 300 an inch


def exif_of_dpi(x: float, y: float) -> bytes:
    """Make an EXIF block that states a resolution, for formats without another place for it."""
    values_at = 8 + 2 + 3 * 12 + 4
    return b"".join(
        [
            b"II*\0" + struct.pack("<IH", 8, 3),
            struct.pack("<HHII", X_RESOLUTION, RATIONAL, 1, values_at),
            struct.pack("<HHII", Y_RESOLUTION, RATIONAL, 1, values_at + 8),
            struct.pack("<HHIHH", RESOLUTION_UNIT, SHORT, 1, 2, 0),
            struct.pack("<IIIII", 0, round(x * 100), 100, round(y * 100), 100),
        ]
    )


def upright_exif(block: bytes | None, height: int, width: int) -> bytes | None:
    """Make an EXIF block describe the picture as tinct holds it.

    The orientation becomes 1, stated pixel sizes become the ones given, and the thumbnail goes: it
    shows the picture as it was before. A block too damaged to be walked through is dropped.

    Args:
        block: A TIFF block, or None.
        height: Rows of the upright picture.
        width: Columns of the upright picture.
    """
    if block is None:
        return None
    try:
        opened = _Block(block)
        first = opened.get("I", 4)
        _patch_fields(opened, first, height, width)
        _drop_thumbnail(opened, first)
    except (struct.error, KeyError):
        return None
    return bytes(opened.data)


def without_orientation(block: bytes) -> bytes:
    """Take the orientation field out of an EXIF block without moving anything it points to."""
    try:
        opened = _Block(block)
        first = opened.get("I", 4)
        for entry in opened.entries(first):
            if entry.tag == ORIENTATION:
                start, end = entry.value_at - 8, opened.next_ifd_at(first) + 4
                opened.data[start:end] = opened.data[start + 12 : end] + bytes(12)
                opened.put("H", first, opened.get("H", first) - 1)
                break
    except (struct.error, KeyError):
        return block
    return bytes(opened.data)


def _patch_fields(opened: _Block, first: int, height: int, width: int) -> None:
    """Set orientation and pixel sizes in the first directory and in the EXIF directory below it."""
    new = {ORIENTATION: 1}
    sizes = {PIXEL_X: width, PIXEL_Y: height}
    for entry in list(opened.entries(first)):
        if entry.tag in new:
            opened.set_value(entry, new[entry.tag])
        if entry.tag == EXIF_IFD:
            for inner in list(opened.entries(opened.value(entry))):
                if inner.tag in sizes:
                    opened.set_value(inner, sizes[inner.tag])


def _drop_thumbnail(opened: _Block, first: int) -> None:
    """Unlink the second directory; cut its picture off where that is the end of the block."""
    link = opened.next_ifd_at(first)
    second = opened.get("I", link) if link + 4 <= len(opened.data) else 0
    if second == 0:
        return
    found = {entry.tag: opened.value(entry) for entry in opened.entries(second)}
    start, length = found.get(THUMBNAIL_OFFSET, 0), found.get(THUMBNAIL_LENGTH, 0)
    opened.put("I", link, 0)
    if start > second and 0 < length <= len(opened.data) - start:
        if start + length >= len(opened.data) - 4:
            del opened.data[start:]
        else:
            opened.data[start : start + length] = bytes(length)


def upright_xmp(packet: bytes | None) -> bytes | None:
    """Set the orientation that an XMP packet may state as well to 1."""
    return None if packet is None else _XMP_ORIENTATION.sub(rb"\g<1>1", packet)
