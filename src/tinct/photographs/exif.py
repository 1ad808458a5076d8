"""EXIF blocks: read, patched in place, taken apart into fields and put together again.

They are patched rather than written anew, because camera makers' notes hold offsets that only stay
right as long as nothing moves; no library that was tried (piexif, pyexiv2, libvips) leaves them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from tinct.photographs.metadata import CM_PER_INCH, sensible_dpi

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH, _COMPRESSION = 0x0201, 0x0202, 0x0103
_WIDTH, _LENGTH = 0x0100, 0x0101  # inside the first directory
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003  # inside the EXIF IFD
_INTEROPERABILITY_IFD = 0xA005  # inside the EXIF IFD; tells nothing about the photograph
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_SHORT, _LONG, _RATIONAL = 3, 4, 5  # field types of TIFF 6.0
_BIG = 43  # version of a BigTIFF, whose directories have longer numbers
_INTEGERS = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    13: "I",
}  # TIFF 6.0, page 16: any will do
_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_JPEG_COMPRESSION = 6  # of a thumbnail


class Field(NamedTuple):
    """One field of an image file directory, its values as bytes in the order of the file."""

    tag: int
    kind: int  # field type
    number: int  # how many values
    raw: bytes


class _Entry(NamedTuple):
    """Where a field of a directory stands."""

    tag: int
    kind: int  # field type
    number: int  # how many values
    value_at: int  # offset of the 4 bytes that hold the value or its offset


class _ExifBlock:
    """An EXIF block opened for reading and patching; every access may raise struct.error."""

    def __init__(self, block: bytes) -> None:
        self.data = bytearray(block)
        self.order = order_of(block)

    def get(self, code: str, at: int) -> int:
        return int(struct.unpack_from(self.order + code, self.data, at)[0])

    def put(self, code: str, at: int, value: int) -> None:
        struct.pack_into(self.order + code, self.data, at, value)

    def entries(self, at: int) -> Iterator[_Entry]:
        for start in range(at + 2, at + 2 + 12 * self.get("H", at), 12):
            tag, kind, count = struct.unpack_from(self.order + "HHI", self.data, start)
            yield _Entry(tag, kind, count, start + 8)

    def next_ifd_at(self, at: int) -> int:
        return at + 2 + 12 * self.get("H", at)

    def value(self, entry: _Entry) -> int:
        return self.get(_INTEGERS[entry.kind], entry.value_at)

    def set_value(self, entry: _Entry, value: int) -> None:
        with suppress(KeyError, struct.error):  # no integer, or one too small for the value
            self.put(_INTEGERS[entry.kind], entry.value_at, value)

    def rational(self, entry: _Entry) -> float:
        at = self.get("I", entry.value_at)
        return self.get("I", at) / self.get("I", at + 4)


def order_of(block: bytes) -> str:
    """Read the byte order of a block as ``struct`` writes it, "<" or ">"; else a KeyError."""
    return {b"II": "<", b"MM": ">"}[bytes(block[:2])]


def strip_exif_prefix(block: bytes | None) -> bytes | None:
    """Remove the mark that some containers put in front; None if no TIFF block follows."""
    if not block:
        return None
    block = block.removeprefix(b"Exif\0\0")
    return block if block[:4] in (b"II*\0", b"MM\0*") and len(block) > 8 else None


def exif_orientation(block: bytes | None) -> int | None:
    """Read the orientation, 1..8; None where the block has none, or a senseless one."""
    try:
        opened = _ExifBlock(block or b"II")
        for entry in opened.entries(opened.get("I", 4)):
            if entry.tag == ORIENTATION:
                value = opened.value(entry)
                return value if 1 <= value <= 8 else None
    except (struct.error, KeyError):
        pass  # a damaged block has no orientation that could be trusted
    return None


def exif_dpi(block: bytes | None) -> tuple[float, float] | None:
    """Read the resolution in pixels per inch, or None where the block states none."""
    try:
        opened = _ExifBlock(block or b"II")
        found = {entry.tag: entry for entry in opened.entries(opened.get("I", 4))}
        unit = opened.value(found[_RESOLUTION_UNIT]) if _RESOLUTION_UNIT in found else 2
        scale = {2: 1.0, 3: CM_PER_INCH}[unit]
        x, y = (opened.rational(found[tag]) * scale for tag in (_X_RESOLUTION, _Y_RESOLUTION))
    except (struct.error, KeyError, ZeroDivisionError):
        return None
    return sensible_dpi(x, y)


def with_dpi(block: bytes | None, x: float, y: float) -> bytes:
    """State a resolution in an EXIF block, or in a new one, for formats without another place.

    The first directory is written anew behind everything else, so that nothing in the block moves.
    """
    try:
        opened = _ExifBlock(block or b"II*\0\x08\0\0\0\0\0\0\0\0\0")
        first = opened.get("I", 4)
        entries = {
            entry.tag: bytes(opened.data[entry.value_at - 8 : entry.value_at + 4])
            for entry in opened.entries(first)
        }
        link = opened.get("I", opened.next_ifd_at(first))
    except (struct.error, KeyError):
        return block or b""
    order, data = opened.order, opened.data + bytes(len(opened.data) % 2)
    for number, tag in enumerate((_X_RESOLUTION, _Y_RESOLUTION)):
        entries[tag] = struct.pack(order + "HHII", tag, _RATIONAL, 1, len(data) + 8 * number)
    data += struct.pack(order + "IIII", round(x * 100), 100, round(y * 100), 100)
    entries[_RESOLUTION_UNIT] = struct.pack(order + "HHIHH", _RESOLUTION_UNIT, _SHORT, 1, 2, 0)
    struct.pack_into(order + "I", data, 4, len(data))
    directory = [struct.pack(order + "H", len(entries)), *(entries[tag] for tag in sorted(entries))]
    return bytes(data) + b"".join(directory) + struct.pack(order + "I", link)


def upright_exif(
    block: bytes, height: int, width: int, is_upright: bool, was_on_side: bool = False
) -> tuple[bytes | None, bool]:
    """Make an EXIF block describe the picture as tinct holds it.

    Stated pixel sizes become the ones given, and the thumbnail goes: it shows the picture as it was
    before. A link to a thumbnail that leads nowhere is cut.

    Args:
        block: A TIFF block.
        height: Rows of the upright picture.
        width: Columns of the upright picture.
        is_upright: Whether an orientation was known and applied: the stated one then becomes 1.
        was_on_side: Whether rows became columns: the two resolutions then change places.

    Returns:
        The block, None where it is too damaged to be walked through; whether it had a thumbnail.
    """
    try:
        opened = _ExifBlock(block)
        first = opened.get("I", 4)
        entries = list(opened.entries(first))
    except (struct.error, KeyError):
        return None, False
    stated = {_WIDTH: width, _LENGTH: height} | ({ORIENTATION: 1} if is_upright else {})
    for entry in entries:
        if entry.tag in stated:
            opened.set_value(entry, stated[entry.tag])
        elif entry.tag == EXIF_IFD:
            _patch_sizes(opened, entry, {_PIXEL_X: width, _PIXEL_Y: height})
    if was_on_side:
        _exchange_resolutions(opened, entries)
    had_thumbnail = _drop_thumbnail(opened, first)
    return bytes(opened.data), had_thumbnail


def _exchange_resolutions(opened: _ExifBlock, entries: Iterable[_Entry]) -> None:
    """Let each of the two resolutions point to the value of the other one."""
    found = {entry.tag: entry for entry in entries if entry.kind == _RATIONAL}
    if _X_RESOLUTION in found and _Y_RESOLUTION in found:
        x_at, y_at = found[_X_RESOLUTION].value_at, found[_Y_RESOLUTION].value_at
        x, y = opened.get("I", x_at), opened.get("I", y_at)
        opened.put("I", x_at, y)
        opened.put("I", y_at, x)


def _patch_sizes(opened: _ExifBlock, pointer: _Entry, sizes: Mapping[int, int]) -> None:
    try:
        for entry in list(opened.entries(opened.value(pointer))):
            if entry.tag in sizes:
                opened.set_value(entry, sizes[entry.tag])
    except (struct.error, KeyError):
        pass  # the rest of the block is still worth keeping


def _drop_thumbnail(opened: _ExifBlock, first: int) -> bool:
    """Unlink the second directory; cut its picture off where that is the end of the block."""
    link = opened.next_ifd_at(first)
    if link + 4 > len(opened.data):
        return False
    second = opened.get("I", link)
    if second == 0:
        return False
    opened.put("I", link, 0)
    try:
        found = {
            entry.tag: opened.value(entry)
            for entry in opened.entries(second)
            if entry.tag in (_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH)
        }
    except (struct.error, KeyError):
        return False  # a link to nowhere
    start, length = found.get(_THUMBNAIL_OFFSET, 0), found.get(_THUMBNAIL_LENGTH, 0)
    if start <= second or not 0 < length <= len(opened.data) - start:
        return False
    if start + length >= len(opened.data) - 4:
        del opened.data[start:]
    else:
        opened.data[start : start + length] = bytes(length)
    return True


def with_thumbnail(block: bytes, jpeg: bytes) -> bytes:
    """Append a thumbnail, a JPEG, to an EXIF block without moving anything."""
    try:
        opened = _ExifBlock(block)
        link = opened.next_ifd_at(opened.get("I", 4))
        opened.data += bytes(len(opened.data) % 2)
        second = len(opened.data)
        opened.put("I", link, second)
    except (struct.error, KeyError):
        return block
    fields = (
        (_COMPRESSION, _SHORT, 1, struct.pack(opened.order + "HH", _JPEG_COMPRESSION, 0)),
        (_THUMBNAIL_OFFSET, _LONG, 1, struct.pack(opened.order + "I", second + 2 + 3 * 12 + 4)),
        (_THUMBNAIL_LENGTH, _LONG, 1, struct.pack(opened.order + "I", len(jpeg))),
    )
    parts = [struct.pack(opened.order + "HHI", *field[:3]) + field[3] for field in fields]
    return b"".join(
        [opened.data, struct.pack(opened.order + "H", len(parts)), *parts, bytes(4), jpeg]
    )


def without_orientation(block: bytes) -> bytes:
    """Take the orientation field out of an EXIF block without moving anything it points to."""
    try:
        opened = _ExifBlock(block)
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


def pointer_in(block: bytes, tag: int) -> int:
    """Read the offset that a pointer of the first directory holds; 0 where there is none."""
    try:
        opened = _ExifBlock(block)
        entries = opened.entries(opened.get("I", 4))
        return next((opened.value(entry) for entry in entries if entry.tag == tag), 0)
    except (struct.error, KeyError):
        return 0


def read_fields(block: bytes, at: int | None = None) -> list[Field]:
    """Read the directory at an offset, by default the first; what cannot be read is left out.

    Args:
        block: An EXIF block, or a whole TIFF, which may be a BigTIFF.
        at: Where the directory begins.
    """
    found: list[Field] = []
    try:
        order = order_of(block)
        is_big = struct.unpack_from(order + "H", block, 2) == (_BIG,)
        # Codes of the number of entries and of the values of each, or where they are
        of_number, of_values = ("Q", "Q") if is_big else ("H", "I")
        head, size = struct.calcsize(of_number), struct.calcsize(of_values)
        if at is None:
            (at,) = struct.unpack_from(order + of_values, block, 8 if is_big else 4)
        (number,) = struct.unpack_from(order + of_number, block, at)
        for index in range(min(number, 0xFFFF)):
            start = at + head + index * (4 + 2 * size)
            tag, kind, count, where = struct.unpack_from(
                f"{order}HH{of_values}{of_values}", block, start
            )
            length = _BYTES_OF_TYPE.get(kind, 0) * count
            where = start + 4 + size if length <= size else where
            if 0 < length <= len(block) - where:
                found.append(Field(tag, kind, count, bytes(block[where : where + length])))
    except (struct.error, KeyError):
        pass  # what could be read is better than nothing
    return found


def has_directories(block: bytes | None) -> bool:
    """Tell whether a block holds more than its first directory: EXIF or GPS."""
    return bool(block and (pointer_in(block, EXIF_IFD) or pointer_in(block, GPS_IFD)))


def build_exif(order: str, first: Iterable[Field], inner: Mapping[int, Iterable[Field]]) -> bytes:
    """Put a block together.

    Args:
        order: "<" or ">", the byte order of the fields.
        first: Fields of the first directory.
        inner: Fields of the directories that it points to: EXIF_IFD, GPS_IFD.
    """
    kept = {tag: list(fields) for tag, fields in inner.items()}
    kept = {tag: fields for tag, fields in kept.items() if fields}
    place = {tag: Field(tag, _LONG, 1, bytes(4)) for tag in kept}
    fields = sorted([*first, *place.values()])
    at = 8 + len(_directory(order, fields, 0))
    parts = []
    for tag, content in kept.items():
        directory = _directory(
            order, sorted(f for f in content if f.tag != _INTEROPERABILITY_IFD), at
        )
        fields[fields.index(place[tag])] = Field(tag, _LONG, 1, struct.pack(order + "I", at))
        parts.append(directory)
        at += len(directory)
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return b"".join([mark, struct.pack(order + "I", 8), _directory(order, fields, 8), *parts])


def _directory(order: str, fields: list[Field], at: int) -> bytes:
    """Write a directory that begins at an offset, its longer values behind it."""
    entries, values = b"", b""
    values_at = at + 2 + 12 * len(fields) + 4
    for tag, kind, count, raw in fields:
        entries += struct.pack(order + "HHI", tag, kind, count)
        if len(raw) <= 4:
            entries += raw.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", values_at + len(values))
            values += raw + bytes(len(raw) % 2)
    return struct.pack(order + "H", len(fields)) + entries + bytes(4) + values
