"""The EXIF orientation is applied once, in every format, and the kept EXIF then says 1."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tinct.photographs import Picture, encode_picture, read_picture
from tinct.photographs.exif import exif_dpi, exif_orientation
from tinct.photographs.pixels import turn_upright

VALUES = range(1, 9)


def oriented_exif(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def by_pillow(pixels: NDArray[Any], value: int) -> NDArray[Any]:
    """Turn with Pillow, as an outside authority."""
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = value
    return np.asarray(ImageOps.exif_transpose(image))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("channels", [None, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_turning(deep: NDArray[np.uint16], value: int, channels: int | None, dtype: Any) -> None:
    pixels = deep[..., 0] if channels is None else deep[..., :channels]
    pixels = np.ascontiguousarray(pixels.astype(dtype))
    turned = turn_upright(pixels, value)
    index = np.arange(pixels.shape[0] * pixels.shape[1], dtype=np.int32)
    where = by_pillow(index.reshape(pixels.shape[:2]), value)
    assert turned.flags.c_contiguous
    assert turned.dtype == dtype
    assert np.array_equal(turned, pixels.reshape(-1, *pixels.shape[2:])[where])


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "TIFF", "TIFF lzw", "JPEG", "JPEG gray"])
def test_reading(photo: NDArray[np.uint8], save: Any, value: int, kind: str) -> None:
    options: dict[str, Any] = {"exif": oriented_exif(value)}
    if kind == "JPEG":
        options |= {"quality": 95, "subsampling": 0}
    name, _, detail = kind.partition(" ")
    if name in ("WEBP", "AVIF"):
        options["quality"] = 100
    if detail == "lzw":
        options["compression"] = "tiff_lzw"
    data = save(photo, name, **options)
    read = read_picture(data, gray=detail == "gray")
    wanted = by_pillow(photo, value)
    if detail == "gray":
        wanted = turn_upright(simplejpeg.decode_jpeg(data, "GRAY")[..., 0], value)
    assert read.pixels.shape == wanted.shape
    assert np.abs(read.pixels.astype(int) - wanted).mean() < (4 if name != "PNG" else 0.001)
    assert exif_orientation(read.metadata.exif) in (None, 1)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("compression", ["none", "zlib", "lzw"])
def test_reading_deep_tiff(deep: NDArray[np.uint16], value: int, compression: str) -> None:
    if compression == "lzw":
        done, encoded = cv2.imencode(".tiff", cv2.cvtColor(deep[..., :3], cv2.COLOR_RGB2BGR))
        assert done
        data = bytearray(encoded.tobytes())
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            spare = file.pages[0].tags["SampleFormat"]  # its default is what it says anyway
            struct.pack_into("<HHIHH", data, spare.offset, 274, 3, 1, value, 0)
    else:
        target = io.BytesIO()
        tag = (274, 3, 1, value, True)
        packed = None if compression == "none" else compression
        tifffile.imwrite(target, deep[..., :3], extratags=[tag], compression=packed)
        data = bytearray(target.getvalue())
    read = read_picture(bytes(data))
    assert np.array_equal(read.pixels, turn_upright(deep[..., :3].copy(), value))


@pytest.mark.parametrize("value", VALUES)
def test_planes_written_after_turning(gray: NDArray[np.uint8], save: Any, value: int) -> None:
    """What a colored JPEG goes through: gray in, turned, planes out, and never turned again."""
    data = save(gray, "JPEG", quality=100, exif=oriented_exif(value))
    source = read_picture(data, gray=True)
    half = tuple((length + 1) // 2 for length in source.pixels.shape)
    chroma = (np.full(half, 120, np.uint8), np.full(half, 140, np.uint8))
    written = encode_picture(
        Picture(source.pixels, chroma, source.metadata, "JPEG"), "JPEG", quality=100
    )
    again = read_picture(written, gray=True)
    assert np.abs(again.pixels.astype(int) - by_pillow(gray, value)).max() <= 4


def test_resolution_turns_with_the_picture(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(photo, "JPEG", dpi=(300, 200), exif=oriented_exif(6))
    assert read_picture(data).metadata.dpi == (200, 300)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_resolution_in_exif_turns_with_the_picture(
    photo: NDArray[np.uint8], save: Any, exif_block: Any, orientation: int, order: str
) -> None:
    data = save(photo, "JPEG", exif=b"Exif\0\0" + exif_block(orientation, order))
    read = read_picture(data)
    wanted = (200, 300) if orientation >= 5 else (300, 200)
    assert exif_dpi(read.metadata.exif) == wanted
    for kind in ("jpeg", "png", "tiff", "webp", "jp2"):
        again = read_picture(encode_picture(read, kind)).metadata
        assert again.dpi == wanted
        assert kind == "tiff" or exif_dpi(again.exif) == wanted


def test_a_second_reading_changes_nothing(photo: NDArray[np.uint8], save: Any) -> None:
    first = read_picture(save(photo, "PNG", exif=oriented_exif(6)))
    second = read_picture(encode_picture(first, "png"))
    assert np.array_equal(first.pixels, second.pixels)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9, 16])
def test_orientation_of_a_tiff_of_any_integer_type(kind: int, order: Any) -> None:
    """TIFF asks for type 3; what writes others means the same."""
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    file = io.BytesIO()
    tag = (274, kind, 1, 6, False)
    tifffile.imwrite(file, pixels, byteorder=order, bigtiff=kind == 16, extratags=[tag])
    np.testing.assert_array_equal(read_picture(file.getvalue()).pixels, np.rot90(pixels, -1))


@pytest.mark.parametrize("value", [0, 9])
def test_a_senseless_orientation_of_a_tiff_is_none(value: int) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, extratags=[(274, 3, 1, value, False)])
    np.testing.assert_array_equal(read_picture(file.getvalue()).pixels, pixels)
