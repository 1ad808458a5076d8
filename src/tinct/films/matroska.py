"""The shape of pixels in a Matroska or WebM file.

FFmpeg's muxer takes it from a field of the stream that PyAV cannot set, so it is written into the
finished header: the track is given a placeholder for a name, whose room the two elements take.
Layout: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACEHOLDER = "shape of the pixels: ......"
"""What the name of the track must end in; it is taken out again."""

_SEGMENT, _TRACKS, _ENTRY, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
_NAME, _CRC, _VOID = 0x536E, 0xBF, 0xEC
_DISPLAY = {0x54B0: "width", 0x54BA: "height", 0x54B2: "unit"}
_HEADER_BYTES = 1 << 20
"""Tracks stand before the first cluster, near the beginning."""


def set_display_size(path: Path, width: int, height: int) -> bool:
    """Say in which size the pictures are shown, by which players know the shape of a pixel.

    Args:
        path: A file whose track of pictures has a name that ends in ``PLACEHOLDER``.
        width: Of a picture as shown, in square pixels.
        height: The same.

    Returns:
        Whether the place was found. The file is left as it is otherwise.
    """
    with open(path, "r+b") as file:
        head = bytearray(file.read(_HEADER_BYTES))
        for kind, begin, end in _elements(head, *_inside(head, 0, len(head), _SEGMENT)):
            if kind == _TRACKS and _rewrite(head, begin, end, width, height):
                file.seek(0)
                file.write(head)
                return True
    return False


def _rewrite(head: bytearray, begin: int, end: int, width: int, height: int) -> bool:
    """Rewrite the entry with the placeholder, in place; its length and all others stay."""
    for kind, first, last in _elements(head, begin, end):
        entry = bytes(head[first:last])
        if kind == _ENTRY and PLACEHOLDER.encode() in entry:
            made = _with_display_size(entry, width, height)
            spare = len(entry) - len(made)  # little more than the placeholder has
            head[first:last] = made + _element(_VOID, bytes(spare - 2))
            if head[begin] == _CRC:  # always first, over all that follows, lowest byte first
                head[begin + 2 : begin + 6] = zlib.crc32(head[begin + 6 : end]).to_bytes(
                    4, "little"
                )
            return True
    return False


def _with_display_size(entry: bytes, width: int, height: int) -> bytes:
    made = b""
    for kind, first, last in _elements(entry, 0, len(entry)):
        data = entry[first:last]
        if kind == _NAME:
            data = data.removesuffix(PLACEHOLDER.encode())
            made += _element(kind, data) if data else b""
        elif kind == _VIDEO:
            kept = (e for e in _elements(data, 0, len(data)) if e[0] not in _DISPLAY)
            inner = b"".join(_element(kind, data[one:other]) for kind, one, other in kept)
            inner += _element(0x54B0, width.to_bytes(4)) + _element(0x54BA, height.to_bytes(4))
            made += _element(kind, inner)
        else:
            made += _element(kind, data)
    return made


def _element(kind: int, data: bytes) -> bytes:
    size = len(data)
    length = next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    number = kind.to_bytes((kind.bit_length() + 7) // 8)
    return number + (size | 1 << 7 * length).to_bytes(length) + data


def _inside(data: bytes | bytearray, begin: int, end: int, wanted: int) -> tuple[int, int]:
    """Return where the content of an element begins and ends."""
    found = ((first, last) for kind, first, last in _elements(data, begin, end) if kind == wanted)
    return next(found, (0, 0))


def _elements(data: bytes | bytearray, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield number of each element, and where its content begins and ends."""
    while begin < end:
        length = 9 - data[begin].bit_length()
        kind = int.from_bytes(data[begin : begin + length])
        begin += length
        length = 9 - data[begin].bit_length()
        size = int.from_bytes(data[begin : begin + length]) & (1 << 7 * length) - 1
        begin += length
        last = end if size == (1 << 7 * length) - 1 else min(begin + size, end)  # unknown: the rest
        yield kind, begin, last
        begin = last
