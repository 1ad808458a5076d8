"""What is written can be read again, in every format, with everything the format holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from tinct.errors import OptionError
from tinct.photographs import (
    FORMATS,
    Metadata,
    Picture,
    encode_picture,
    format_named,
    losses,
    read_picture,
)
from tinct.photographs.icc import srgb_profile

CHANNELS = {"gray": 0, "gray alpha": [0, 3], "rgb": [0, 1, 2], "rgba": [0, 1, 2, 3]}
LOSSLESS = ("PNG", "TIFF", "BMP", "PPM", "JPEG2000")
# mean difference in 8-bit codes that the default quality may cause on the test picture
MEAN_ERROR = {"JPEG": 1.3, "WEBP": 2.5, "AVIF": 2.5}
WRITABLE = sorted({known.name for known in FORMATS.values() if not known.written_as})


def pixels_of(deep: NDArray[np.uint16], kind: str, dtype: Any) -> NDArray[Any]:
    selected = np.ascontiguousarray(deep[..., CHANNELS[kind]])
    return selected if dtype == np.uint16 else (selected >> 8).astype(np.uint8)


def expected(pixels: NDArray[Any], name: str) -> NDArray[Any]:
    """Say by plain arithmetic what a format should give back, but for its own loss."""
    known = format_named(name)
    values = pixels.astype(np.float64)
    full = np.iinfo(pixels.dtype).max
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not known.alpha:
        alpha = values[..., -1:] / full
        values = values[..., :-1] * alpha + full * (1 - alpha)
        values = values[..., 0] if values.shape[2] == 1 else values
    if pixels.dtype == np.uint16 and not known.deep:
        values = values / 257
    return values


def same_channels(pixels: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    """Compare formats without gray (or without gray and alpha) by their first channel and alpha."""
    if pixels.ndim == like.ndim and pixels.shape == like.shape:
        return pixels
    chosen = pixels[..., 0] if like.ndim == 2 else pixels[..., [0, 3]]
    assert (pixels[..., :3] == pixels[..., :1]).all() or pixels.dtype == np.uint8
    return chosen


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", CHANNELS)
@pytest.mark.parametrize("name", WRITABLE)
def test_pixels(deep: NDArray[np.uint16], name: str, kind: str, dtype: Any) -> None:
    pixels = pixels_of(deep, kind, dtype)
    read = read_picture(encode_picture(Picture(pixels), name))
    wanted = expected(pixels, name)
    assert read.source_format == name
    assert read.warnings == ()
    assert read.pixels.flags.c_contiguous
    assert read.pixels.dtype == (dtype if format_named(name).deep else np.uint8)
    error = np.abs(same_channels(read.pixels, wanted) - wanted)
    if name in LOSSLESS:
        assert error.max() <= (0.51 if wanted.shape != pixels.shape or dtype == np.uint16 else 0)
    else:
        assert error.mean() < MEAN_ERROR[name]


@pytest.mark.parametrize("name", WRITABLE)
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (64, 3)])
def test_small_sizes(name: str, shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    pixels = np.full((*shape, *channels), 90, np.uint8)
    read = read_picture(encode_picture(Picture(pixels), name))
    assert read.warnings == ()
    assert read.pixels.shape[:2] == shape
    assert np.abs(read.pixels.astype(int) - 90).max() <= 2


@pytest.mark.parametrize("name", [n for n in WRITABLE if format_named(n).metadata])
def test_metadata_survives(photo: NDArray[np.uint8], exif_block: Any, name: str) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>\xc3\xa9</a></x:xmpmeta>'
    given = Metadata(exif_block(1), srgb_profile(), xmp, (300.0, 200.0))
    read = read_picture(encode_picture(Picture(photo, metadata=given), name)).metadata
    held = format_named(name).metadata
    assert read.dpi == pytest.approx((300, 200), abs=0.02)
    assert read.icc == (given.icc if "icc" in held else None)
    assert read.xmp == (xmp if "xmp" in held else None)
    if "exif" not in held:
        assert read.exif is None
    elif name != "TIFF":  # where the block is taken apart into directories
        assert read.exif is not None
        assert b"maker's note 123" in read.exif
        assert read.exif.index(b"maker's") == 162


def test_exif_survives_in_tiff(photo: NDArray[np.uint8], save: Any) -> None:
    exif = Image.Exif()
    exif[271], exif[33432] = "Zeiss", "tinct authors é"
    exif.get_ifd(0x8769)[0x9003] = "1936:05:01 10:00:00"
    exif.get_ifd(0x8769)[0x829A] = IFDRational(1, 125)
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 0.0)
    source = read_picture(save(photo, "JPEG", exif=exif.tobytes()))
    for pixels in (photo, photo.astype(np.uint16) * 257):
        picture = Picture(pixels, metadata=source.metadata)
        block = read_picture(encode_picture(picture, "tiff")).metadata.exif
        found = Image.Exif()
        found.load(block)
        assert found[271] == "Zeiss"
        assert "tinct authors" in found[33432]
        assert found.get_ifd(0x8769)[0x9003] == "1936:05:01 10:00:00"
        assert float(found.get_ifd(0x8769)[0x829A]) == pytest.approx(1 / 125)
        assert [float(part) for part in found.get_ifd(0x8825)[2]] == [51, 30, 0]


def test_losses(deep: NDArray[np.uint16]) -> None:
    picture = Picture(deep, metadata=Metadata(xmp=b"x", icc=srgb_profile()))
    assert losses(picture, "png") == ()
    assert losses(picture, "jp2") == ()
    assert losses(picture, "bmp") == (
        "BMP has no transparency: composed over white",
        "BMP is written with 8 bits: 16-bit samples were rounded",
        "BMP is written without XMP",
    )
    too_much = Picture(deep[..., 0].copy(), metadata=Metadata(exif=bytes(70_000)))
    assert "JPEG is written without EXIF" in losses(too_much, "jpeg")


def test_equal_pictures_give_equal_files(photo: NDArray[np.uint8]) -> None:
    picture = Picture(photo, metadata=Metadata(icc=srgb_profile(), dpi=(300, 300)))
    for name in WRITABLE:
        assert encode_picture(picture, name) == encode_picture(picture, name)


@pytest.mark.parametrize("name", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_quality_matters(photo: NDArray[np.uint8], name: str) -> None:
    sizes = [len(encode_picture(Picture(photo), name, quality)) for quality in (10, 50, 95)]
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize(
    ("given", "name"), [("jpg", "JPEG"), (".TIF", "TIFF"), ("jp2", "JPEG2000")]
)
def test_format_names(given: str, name: str) -> None:
    assert format_named(given).name == name


@pytest.mark.parametrize("given", ["gif", "docx", "", "."])
def test_unknown_formats(photo: NDArray[np.uint8], given: str) -> None:
    with pytest.raises(OptionError, match="choose one of jpeg, png") as raised:
        encode_picture(Picture(photo), given)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("quality", [0, 101, -3])
def test_quality_out_of_range(photo: NDArray[np.uint8], quality: int) -> None:
    with pytest.raises(OptionError, match="not between 1 and 100"):
        encode_picture(Picture(photo), "jpeg", quality)


def test_suffix_chooses_the_format(photo: NDArray[np.uint8], tmp_path: Path) -> None:
    for suffix, known in FORMATS.items():
        target = tmp_path / f"a{suffix.upper()}"
        if known.written_as:
            with pytest.raises(OptionError, match="tells no format"):
                Picture(photo).save(target)
            continue
        Picture(photo).save(target)
        assert read_picture(target).source_format == known.name
    with pytest.raises(OptionError, match=r"without a suffix tells no format"):
        Picture(photo).save(tmp_path / "name")
