"""Pictures and small builders that the tests of the media layer share."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="session")
def deep() -> NDArray[np.uint16]:
    """A smooth RGBA picture of 16 bits, of odd size and without any symmetry."""
    noise = np.random.default_rng(7).integers(0, 65536, (5, 7, 4)).astype(np.uint16)
    return cv2.resize(noise, (97, 75), interpolation=cv2.INTER_LINEAR)


@pytest.fixture(scope="session")
def photo(deep: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The same in RGB of 8 bits."""
    return np.ascontiguousarray((deep[..., :3] >> 8).astype(np.uint8))


@pytest.fixture(scope="session")
def gray(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """One channel of it."""
    return np.ascontiguousarray(photo[..., 1])


@pytest.fixture(scope="session")
def save() -> Callable[..., bytes]:
    """Encode with Pillow, an independent writer: save(array or image, format, **options)."""

    def encode(picture: Any, kind: str, **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        target = io.BytesIO()
        image.save(target, kind, **options)
        return target.getvalue()

    return encode


@pytest.fixture(scope="session")
def exif_block() -> Callable[..., bytes]:
    """Build an EXIF block by hand, with maker's note, pixel sizes and thumbnail."""

    def build(orientation: int, order: str = "<", thumbnail: bytes = b"\xff\xd8thumb") -> bytes:
        # 0: header, 8: IFD0 (5 entries), 74: EXIF IFD (3 entries), 116: IFD1 (2 entries),
        # 146: two rationals, 162: maker's note, 178: thumbnail
        def entry(tag: int, kind: int, count: int, value: int) -> bytes:
            short = kind == 3
            packed = struct.pack(
                order + ("HH" if short else "I"), *((value, 0) if short else (value,))
            )
            return struct.pack(order + "HHI", tag, kind, count) + packed

        first = b"".join(
            [
                entry(0x0112, 3, 1, orientation),
                entry(0x011A, 5, 1, 146),
                entry(0x011B, 5, 1, 154),
                entry(0x0128, 3, 1, 2),
                entry(0x8769, 4, 1, 74),
            ]
        )
        inner = entry(0x927C, 7, 16, 162) + entry(0xA002, 4, 1, 97) + entry(0xA003, 3, 1, 75)
        second = entry(0x0201, 4, 1, 178) + entry(0x0202, 4, 1, len(thumbnail))
        mark = b"II*\0" if order == "<" else b"MM\0*"
        block = b"".join(
            [
                mark + struct.pack(order + "I", 8),
                struct.pack(order + "H", 5) + first + struct.pack(order + "I", 116),
                struct.pack(order + "H", 3) + inner + struct.pack(order + "I", 0),
                struct.pack(order + "H", 2) + second + struct.pack(order + "I", 0),
                struct.pack(order + "IIII", 300, 1, 200, 1),
                b"maker's note 123",
                thumbnail,
            ]
        )
        assert block.index(b"maker's") == 162
        return block

    return build


@pytest.fixture(scope="session")
def rgb_profile() -> Callable[..., bytes]:
    """Build an ICC profile of curves and a matrix; by default that of Adobe RGB (1998)."""
    columns = (
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
    )

    def build(gamma: float = 563 / 256, columns: Any = columns) -> bytes:
        xyz = [b"XYZ \0\0\0\0" + _fixed(*column) for column in columns]
        curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
        tags = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), xyz, strict=True))
        return _profile(b"RGB ", tags | dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve))

    return build


@pytest.fixture(scope="session")
def gray_profile() -> Callable[[float], bytes]:
    """Build a gray ICC profile with a gamma."""

    def build(gamma: float) -> bytes:
        curve = b"para\0\0\0\0" + struct.pack(">Hxx", 0) + _fixed(gamma)
        return _profile(b"GRAY", {b"kTRC": curve})

    return build


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    text = b"made for a test\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    white = b"XYZ \0\0\0\0" + _fixed(0.9642, 1.0, 0.82491)
    tags = tags | {b"wtpt": white, b"desc": description, b"cprt": b"text\0\0\0\0free\0"}
    table, body = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(content))
        body += content
    header = b"".join(
        [
            struct.pack(">I4sI", start + len(body), b"test", 0x02400000),
            b"mntr" + space + b"XYZ ",
            struct.pack(">6H", 2000, 1, 1, 0, 0, 0),
            b"acsp" + bytes(28),
            _fixed(0.9642, 1.0, 0.82491),
            bytes(48),
        ]
    )
    assert len(header) == 128
    return header + struct.pack(">I", len(tags)) + table + body
