"""JPEG: luma untouched, planes, damage, segments."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import InputError
from tinct.photographs import Metadata, Picture, encode_picture, read_picture
from tinct.photographs.icc import srgb_profile


def half(pixels: NDArray[Any], value: int) -> NDArray[np.uint8]:
    shape = tuple((length + 1) // 2 for length in pixels.shape[:2])
    return np.full(shape, value, np.uint8)


@pytest.mark.parametrize("quality", [60, 92, 100])
def test_gray_reading_is_the_luma_plane(photo: NDArray[np.uint8], save: Any, quality: int) -> None:
    data = save(photo, "JPEG", quality=quality)
    read = read_picture(data, gray=True)
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", None)
    assert read.pixels.flags.c_contiguous
    assert np.array_equal(read.pixels, np.asarray(image)[..., 0])


def test_color_reading(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(photo, "JPEG", quality=90)
    read = read_picture(data)
    assert np.array_equal(read.pixels, np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (7, 9), (16, 16), (33, 17), (64, 1)])
def test_planes(shape: tuple[int, int]) -> None:
    luma = np.random.default_rng(3).integers(60, 200, shape).astype(np.uint8)
    picture = Picture(luma, (half(luma, 90), half(luma, 170)))
    data = encode_picture(picture, "jpeg", 100)
    height, width, space, sampling = simplejpeg.decode_jpeg_header(data)
    assert (height, width, space) == (*shape, "YCbCr")
    assert sampling == "420"
    again = read_picture(data, gray=True).pixels
    assert np.abs(again.astype(int) - luma).max() <= 1
    ycc = Image.open(io.BytesIO(data))
    ycc.draft("YCbCr", None)
    chroma = np.asarray(ycc)[..., 1:].astype(int)
    assert np.abs(chroma - [90, 170]).max() <= 1


def test_planes_to_rgb(photo: NDArray[np.uint8]) -> None:
    """Equal, but for rounding, to what a JPEG decoder makes of the same planes."""
    image = Image.fromarray(photo).convert("YCbCr")
    luma, cb, cr = (np.asarray(band).copy() for band in image.split())
    small = [
        np.asarray(Image.fromarray(p).resize((49, 38), Image.Resampling.BOX)) for p in (cb, cr)
    ]
    picture = Picture(luma, (small[0], small[1]))
    rgb = picture.to_rgb()
    assert picture.pixels is luma
    assert rgb.pixels.shape == photo.shape
    decoded = simplejpeg.decode_jpeg(encode_picture(picture, "jpeg", 100), "RGB")
    error = np.abs(rgb.pixels.astype(int) - decoded)
    assert error.mean() < 1
    assert error.max() <= 6


def test_planes_to_rgb_exactly() -> None:
    """Flat colors, against the formulas of JFIF in floats."""
    for y, cb, cr in [(0, 128, 128), (255, 128, 128), (100, 90, 180), (30, 140, 120)]:
        luma = np.full((600, 3), y, np.uint8)
        rgb = Picture(luma, (half(luma, cb), half(luma, cr))).to_rgb().pixels
        exact = [
            y + 1.402 * (cr - 128),
            y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128),
            y + 1.772 * (cb - 128),
        ]
        assert (rgb == rgb[0, 0]).all()
        assert np.abs(rgb[0, 0] - exact).max() <= 0.52


@pytest.mark.parametrize("planes", [(30, 255, 0), (200, 10, 250), (0, 100, 90), (255, 128, 200)])
def test_what_would_be_clipped_loses_chroma_and_keeps_its_luma(planes: tuple[int, ...]) -> None:
    y, cb, cr = planes
    luma = np.full((600, 3), y, np.uint8)
    rgb = Picture(luma, (half(luma, cb), half(luma, cr))).to_rgb().pixels
    assert np.abs(rgb @ [0.299, 0.587, 0.114] - y).max() <= 0.52
    if 0 < y < 255:  # of the hue that it had, at the limit
        assert rgb[0, 0].min() == 0 or rgb[0, 0].max() == 255
        assert (rgb[0, 0, 2] > rgb[0, 0, 0]) == (cb > cr)


def test_strips_of_planes_do_not_show() -> None:
    """Chroma that changes from row to row, over more rows than are converted at once."""
    luma = np.full((1030, 5), 128, np.uint8)
    cb = np.repeat((np.arange(515) // 3).astype(np.uint8)[:, None], 3, axis=1)
    blue = Picture(luma, (cb, half(luma, 128))).to_rgb().pixels[..., 2].astype(int)
    steps = np.diff(blue, axis=0)[300:, 0]
    assert steps.min() >= 0
    assert steps.max() <= 2


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("only_luma", [True, False])
def test_truncated(photo: NDArray[np.uint8], save: Any, cut: float, only_luma: bool) -> None:
    data = save(np.tile(photo, (4, 4, 1)), "JPEG", quality=90)
    whole = read_picture(data, gray=only_luma)
    part = read_picture(data[: int(len(data) * cut)], gray=only_luma)
    assert part.size == whole.size
    assert part.warnings == ("damaged, read as far as possible (Premature end of JPEG file)",)
    rows = int(part.pixels.shape[0] * cut * 0.5)
    assert np.array_equal(part.pixels[:rows], whole.pixels[:rows])


def test_no_picture_left(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(photo, "JPEG")
    with pytest.raises(InputError, match=r"^a\.jpg: damaged: it ends before the picture begins$"):
        read_picture(data[:100], name="a.jpg")


def test_cmyk(photo: NDArray[np.uint8], save: Any) -> None:
    ink = Image.fromarray(photo).convert("CMYK")
    for data in (save(ink, "JPEG", quality=98), save(ink, "JPEG", quality=98)[:-200]):
        read = read_picture(data, gray=True)
        assert read.pixels.shape == photo.shape
        assert np.abs(read.pixels.astype(int) - photo)[:30].mean() < 1.5


def test_rare_subsampling(photo: NDArray[np.uint8], save: Any) -> None:
    """Luma sampled 3 by 1: TurboJPEG turns it down, libjpeg does not."""
    data = bytearray(save(photo[:64, :96], "JPEG", subsampling=0, quality=95))
    frame = data.index(b"\xff\xc0")
    assert data[frame + 11] == 0x11
    data[frame + 11] = 0x31  # the scan then means other blocks, which still are a picture
    for only_luma in (True, False):
        read = read_picture(bytes(data), gray=only_luma)
        assert read.size == (96, 64)
        assert read.is_gray == only_luma


def test_resolution_in_centimeters(photo: NDArray[np.uint8], save: Any) -> None:
    data = bytearray(save(photo, "JPEG", dpi=(100, 100)))
    unit = data.index(b"JFIF\0") + 7
    assert data[unit] == 1
    data[unit] = 2
    assert read_picture(bytes(data)).metadata.dpi == (254, 254)


def test_resolution_from_exif(photo: NDArray[np.uint8], save: Any, exif_block: Any) -> None:
    data = save(photo, "JPEG", exif=b"Exif\0\0" + exif_block(1))
    assert read_picture(data).metadata.dpi == (300, 200)


def test_long_profile(photo: NDArray[np.uint8]) -> None:
    """A profile that needs several segments, and comes back in one piece."""
    icc = srgb_profile() + bytes(200_000)
    icc = struct.pack(">I", len(icc)) + icc[4:]
    data = encode_picture(Picture(photo, metadata=Metadata(icc=icc)), "jpeg")
    assert Image.open(io.BytesIO(data)).info["icc_profile"] == icc
    assert read_picture(data).metadata.icc == icc


def test_pillow_reads_our_segments(photo: NDArray[np.uint8], exif_block: Any) -> None:
    metadata = Metadata(exif_block(1), srgb_profile(), b"<x/>", (300, 200))
    image = Image.open(io.BytesIO(encode_picture(Picture(photo, metadata=metadata), "jpeg")))
    assert image.info["dpi"] == (300, 200)
    assert image.info["exif"] == b"Exif\0\0" + exif_block(1)
    assert image.info["xmp"] == b"<x/>"
    assert image.info["icc_profile"] == srgb_profile()


def test_endless_scans_are_refused(photo: NDArray[np.uint8], save: Any) -> None:
    data = save(photo, "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(InputError, match="scans, which no photograph has"):
        read_picture(data[:-2] + scan * 200 + data[-2:])


def test_quality_is_exact_enough_for_luma(gray: NDArray[np.uint8]) -> None:
    """The Y plane must not change because chroma is added."""
    picture = Picture(gray, (half(gray, 100), half(gray, 150)))
    colored = read_picture(encode_picture(picture, "jpeg", 92), gray=True)
    plain = read_picture(encode_picture(Picture(gray), "jpeg", 92), gray=True)
    assert np.array_equal(colored.pixels, plain.pixels)
