"""AVIF files as early encoders wrote them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.photographs import read_picture

_ADDED = 16  # bytes of a second box: its head, version and flags, number of entries


def grow(data: bytearray, name: bytes) -> None:
    """Add to the length that a box states."""
    at = data.index(name) - 4
    struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + _ADDED)


def with_two_property_maps(avif: bytes) -> bytes:
    """Split the ``ipma`` box of a file of several items, and move what lies behind it."""
    data = bytearray(avif)
    at = data.index(b"ipma") - 4
    length, version, number = struct.unpack_from(">I4xII", data, at)
    assert version >> 24 == 0
    assert number > 1
    middle = at + 16 + 3 + data[at + 18]
    first = struct.pack(">I4sII", middle - at, b"ipma", version, 1) + data[at + 16 : middle]
    rest = bytes(data[middle : at + length])
    second = struct.pack(">I4sII", 16 + len(rest), b"ipma", version, number - 1) + rest
    data[at : at + length] = first + second
    for name in (b"iprp", b"meta"):
        grow(data, name)
    place = data.index(b"iloc") + 4
    assert data[place] == 0
    assert data[place + 4 : place + 6] == b"\x44\x00"  # offsets and lengths of four bytes
    (items,) = struct.unpack_from(">H", data, place + 6)
    for start in range(place + 8, place + 8 + 14 * items, 14):
        (offset,) = struct.unpack_from(">I", data, start + 6)
        struct.pack_into(">I", data, start + 6, offset + _ADDED)
    return bytes(data)


def test_alpha_described_in_a_box_of_its_own(deep: NDArray[np.uint16], save: Any) -> None:
    pixels = (deep >> 8).astype(np.uint8)
    plain = save(pixels, "AVIF", quality=95)
    wanted = read_picture(plain).pixels
    read = read_picture(with_two_property_maps(plain))
    assert read.source_format == "AVIF"
    assert read.warnings == ()
    assert read.pixels.shape == wanted.shape == pixels.shape
    assert np.abs(read.pixels.astype(int) - wanted).mean() < 2
