"""HEIC files, made here: an HEVC picture in the boxes of ISO/IEC 23008-12."""

from __future__ import annotations

import gc
import io
import struct
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.photographs import read_picture

UPRIGHT_BOXES = {
    "irot": (b"irot", b"\x01"),  # a quarter turn anticlockwise
    "imir": (b"imir", b"\x01"),  # left and right change sides
}


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def full_box(name: bytes, content: bytes, version: int = 0) -> bytes:
    return box(name, struct.pack(">I", version << 24) + content)


def encode_hevc(gray: NDArray[np.uint8], deep: bool) -> tuple[bytes, bytes]:
    """Encode a picture, and return the ``hvcC`` box and the coded picture."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        stream: Any = file.add_stream("libx265", rate=1)
        stream.height, stream.width = gray.shape
        stream.pix_fmt = "yuv420p10le" if deep else "yuv420p"
        stream.options = {"x265-params": "log-level=none:qp=4"}
        frame = av.VideoFrame.from_ndarray(np.dstack([gray] * 3), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode()):
            packet.pts = packet.dts = 0  # x265 leaves that of a single picture undefined
            file.mux(packet)
    data = target.getvalue()
    at = data.index(b"hvcC") - 4
    (length,) = struct.unpack_from(">I", data, at)
    start = data.index(b"mdat") - 4
    (size,) = struct.unpack_from(">I", data, start)
    return data[at : at + length], data[start + 8 : start + size]


def heic(gray: NDArray[np.uint8], deep: bool = False, turned: str = "") -> bytes:
    """Write a HEIC file of one picture.

    Args:
        gray: (H, W), sides even.
        deep: Whether it has 10 bits.
        turned: A key of ``UPRIGHT_BOXES``: the picture is to be shown turned.
    """
    decoder, coded = encode_hevc(gray, deep)
    height, width = gray.shape
    properties = [decoder, full_box(b"ispe", struct.pack(">II", width, height))]
    properties += [box(*UPRIGHT_BOXES[turned])] if turned else []
    numbers = bytes(number | 0x80 for number in range(1, 1 + len(properties)))  # all essential
    of_item = struct.pack(">IHB", 1, 1, len(properties)) + numbers
    item = full_box(b"infe", struct.pack(">HH4sB", 1, 0, b"hvc1", 0), version=2)
    start = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")

    def meta(coded_at: int) -> bytes:
        place = struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, coded_at, len(coded))
        return full_box(
            b"meta",
            full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full_box(b"pitm", struct.pack(">H", 1))
            + full_box(b"iinf", struct.pack(">H", 1) + item)
            + box(b"iprp", box(b"ipco", b"".join(properties)) + full_box(b"ipma", of_item))
            + full_box(b"iloc", place),
        )

    return start + meta(len(start) + len(meta(0)) + 8) + box(b"mdat", coded)


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    """Rise from left to right, and twice as dark below as above."""
    row = np.linspace(0, 255, width)
    return np.rint(row * np.linspace(1, 0.5, height)[:, None]).astype(np.uint8)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("shape", [(64, 96), (1200, 1600)])
def test_pixels_stay_after_the_file_is_closed(shape: tuple[int, int], deep: bool) -> None:
    gray = ramp(*shape)
    read = read_picture(heic(gray, deep))
    gc.collect()
    other = np.zeros(3 * gray.size * (1 + deep), np.uint8)  # takes what has been freed
    assert not other.any()
    assert read.source_format == "HEIC"
    assert read.pixels.dtype == (np.uint16 if deep else np.uint8)
    luma = read.array.mean(axis=2) / (257 if deep else 1)
    assert np.abs(luma - gray).mean() < 2


@pytest.mark.parametrize(
    ("turned", "upright"), [("irot", lambda gray: np.rot90(gray)), ("imir", lambda g: g[:, ::-1])]
)
def test_turned_as_the_container_says(turned: str, upright: Any) -> None:
    gray = ramp(64, 96)
    read = read_picture(heic(gray, turned=turned))
    assert np.abs(read.array.mean(axis=2) - upright(gray)).mean() < 2


def test_a_container_of_stills_only_by_its_second_brand() -> None:
    gray = ramp(64, 96)
    data = heic(gray)
    assert data[8:12] == b"heic"
    read = read_picture(data.replace(b"heic", b"miaf"))
    assert np.abs(read.array.mean(axis=2) - gray).mean() < 2


def test_a_sequence_without_a_still_picture_is_not_called_damaged() -> None:
    data = heic(ramp(64, 96)).replace(b"ftypheic", b"ftypmsf1").replace(b"pitm", b"free")
    with pytest.raises(InputError, match="a sequence of pictures; use tinct video"):
        read_picture(data)
