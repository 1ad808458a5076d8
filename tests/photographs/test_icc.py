"""Color profiles: conversions against the formulas, worked out here a second time."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tinct.photographs import Metadata, Picture, encode_picture, read_picture
from tinct.photographs.icc import is_srgb, parse_matrix_profile, srgb_profile

GAMMA = 563 / 256  # of Adobe RGB (1998)
# Both under D50, as profiles have them: Adobe RGB (1998), and sRGB by IEC 61966-2-1
XYZ_FROM_ADOBE = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
XYZ_FROM_SRGB = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)


def encode_srgb(linear: NDArray[Any]) -> NDArray[Any]:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def adobe_to_srgb(encoded: NDArray[Any]) -> NDArray[Any]:
    """Convert colors in 0..1 by the definitions."""
    matrix = np.linalg.inv(XYZ_FROM_SRGB) @ XYZ_FROM_ADOBE
    return encode_srgb(encoded**GAMMA @ matrix.T)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_eight_bits(photo: NDArray[np.uint8], save: Any, rgb_profile: Any, kind: str) -> None:
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    data = save(photo, kind, icc_profile=rgb_profile(), **options)
    read = read_picture(data)
    stored = np.asarray(Image.open(io.BytesIO(data))) / 255
    error = np.abs(read.pixels - adobe_to_srgb(stored) * 255)
    assert error.max() <= 1.6
    assert read.metadata.icc == srgb_profile()
    assert read.warnings == ()


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits(deep: NDArray[np.uint16], rgb_profile: Any, kind: str, channels: int) -> None:
    pixels = np.ascontiguousarray(deep[..., :channels])
    data = encode_picture(Picture(pixels, metadata=Metadata(icc=rgb_profile())), kind)
    read = read_picture(data)
    exact = adobe_to_srgb(pixels[..., :3] / 65535) * 65535
    assert read.pixels.dtype == np.uint16
    assert np.abs(read.pixels[..., :3] - exact).max() < 100  # of 65535; profiles round, too
    if channels == 4:
        assert np.array_equal(read.pixels[..., 3], pixels[..., 3])
    assert read.metadata.icc == srgb_profile()


def test_alpha_is_not_converted(deep: NDArray[np.uint16], save: Any, rgb_profile: Any) -> None:
    pixels = (deep >> 8).astype(np.uint8)
    read = read_picture(save(pixels, "PNG", icc_profile=rgb_profile()))
    assert np.array_equal(read.pixels[..., 3], pixels[..., 3])
    error = np.abs(read.pixels[..., :3] - adobe_to_srgb(pixels[..., :3] / 255) * 255)
    assert error.max() <= 1.6


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.2])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "PNG alpha", "PNG deep", "TIFF deep alpha"])
def test_gray_profiles(
    gray: NDArray[np.uint8], save: Any, gray_profile: Any, kind: str, gamma: float
) -> None:
    name, *details = kind.split()
    pixels: NDArray[Any] = gray.astype(np.uint16) * 257 if "deep" in details else gray
    full = np.iinfo(pixels.dtype).max
    if "alpha" in details:
        pixels = np.dstack([pixels, np.full_like(pixels, full // 3)])
    if name == "TIFF":
        metadata = Metadata(icc=gray_profile(gamma))
        data = encode_picture(Picture(pixels, metadata=metadata), "tiff")
    else:
        options = {"quality": 100} if name == "JPEG" else {}
        data = save(pixels, name, icc_profile=gray_profile(gamma), **options)
    read = read_picture(data, gray=True)
    assert read.is_gray
    luma = read.pixels[..., 0] if "alpha" in details else read.pixels
    error = np.abs(luma / full - encode_srgb((gray / 255) ** gamma)).max()
    assert error < (0.001 if "deep" in details else 0.06 if name == "JPEG" else 0.5 / 255 + 1e-4)
    if "alpha" in details:
        assert (read.pixels[..., 1] == full // 3).all()
    assert read.metadata.icc == srgb_profile()


def test_gray_pixels_with_a_color_profile(
    gray: NDArray[np.uint8], save: Any, rgb_profile: Any
) -> None:
    read = read_picture(save(gray, "JPEG", quality=100, icc_profile=rgb_profile()), gray=True)
    assert read.pixels.shape == gray.shape
    assert np.abs(read.pixels / 255 - encode_srgb((gray / 255) ** GAMMA)).max() < 0.02


def test_luma_of_a_color_jpeg_waits_for_the_conversion(
    photo: NDArray[np.uint8], save: Any, rgb_profile: Any
) -> None:
    data = save(photo, "JPEG", icc_profile=rgb_profile())
    assert np.array_equal(read_picture(data, gray=True).pixels, read_picture(data).pixels)


def test_srgb_is_kept_as_it_is(photo: NDArray[np.uint8], save: Any) -> None:
    other = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = other[:24] + b"\x07\xc6" + other[26:]
    read = read_picture(save(photo, "PNG", icc_profile=other))
    assert read.metadata.icc == other
    assert np.array_equal(read.pixels, photo)


def test_none_stays_none(photo: NDArray[np.uint8], save: Any) -> None:
    assert read_picture(save(photo, "PNG")).metadata.icc is None
    assert is_srgb(None)


@pytest.mark.parametrize("change", ["cut", "zeros", "space"])
def test_damaged_profiles(
    photo: NDArray[np.uint8], save: Any, rgb_profile: Any, change: str
) -> None:
    icc = rgb_profile()
    damaged = {"cut": icc[:150], "zeros": bytes(300), "space": icc[:16] + b"XCLR" + icc[20:]}
    read = read_picture(save(photo, "PNG", icc_profile=damaged[change]))
    assert np.array_equal(read.pixels, photo)
    assert read.metadata.icc is None
    assert read.warnings == ("its color profile cannot be used and was ignored",)


def test_gray_profile_on_color(photo: NDArray[np.uint8], save: Any, gray_profile: Any) -> None:
    read = read_picture(save(photo, "PNG", icc_profile=gray_profile(1.8)))
    assert np.array_equal(read.pixels, photo)
    assert read.warnings == ("its color profile is for gray pictures and was ignored",)


def test_table_profile_at_sixteen_bits(deep: NDArray[np.uint16], rgb_profile: Any) -> None:
    """Kept, and said so: a tag A2B0 makes it a profile of another kind."""
    icc = rgb_profile().replace(b"desc", b"A2B0", 1)
    pixels = deep[..., :3].copy()
    data = encode_picture(Picture(pixels, metadata=Metadata(icc=icc)), "tiff")
    read = read_picture(data)
    assert np.array_equal(read.pixels, pixels)
    assert read.metadata.icc in (icc, None)  # None where Little CMS finds the table senseless
    assert len(read.warnings) == 1


@pytest.mark.parametrize(
    ("curve", "formula"),
    [
        (b"curv\0\0\0\0" + struct.pack(">I", 0), lambda x: x),
        (b"curv\0\0\0\0" + struct.pack(">IHHH", 3, 0, 16384, 65535), None),
        (b"para\0\0\0\0" + struct.pack(">Hxxi", 0, 2 << 16), lambda x: x**2),
        (
            b"para\0\0\0\0"
            + struct.pack(
                ">Hxx5i",
                3,
                *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)),
            ),
            lambda x: np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4),
        ),
        (
            b"para\0\0\0\0" + struct.pack(">Hxx4i", 2, 2 << 16, 1 << 16, -(1 << 14), 1 << 13),
            lambda x: np.where(x >= 0.25, (x - 0.25) ** 2 + 0.125, 0.125),
        ),
        (
            b"para\0\0\0\0"
            + struct.pack(
                ">Hxx7i", 4, *(round(v * 65536) for v in (2, 0.5, 0.25, 0.5, 0.25, 0.125, 0.0625))
            ),
            lambda x: np.where(x >= 0.25, (0.5 * x + 0.25) ** 2 + 0.125, 0.5 * x + 0.0625),
        ),
    ],
    ids=["identity", "samples", "gamma", "type 3", "type 2", "type 4"],
)
def test_curves(gray_profile: Any, curve: bytes, formula: Any) -> None:
    icc = gray_profile(1.0)
    start = icc.index(b"para\0\0\0\0")
    entry = icc.index(b"kTRC")
    icc = icc[: entry + 4] + struct.pack(">II", len(icc), len(curve)) + icc[entry + 12 :] + curve
    assert icc[start : start + 4] == b"para"
    parsed = parse_matrix_profile(icc)
    assert parsed is not None
    x = np.linspace(0, 1, 65536)
    wanted = np.interp(x, [0, 0.5, 1], [0, 16384 / 65535, 1]) if formula is None else formula(x)
    assert np.abs(parsed.curves[0] - wanted).max() < 1e-4


def test_primaries_are_taken_to_the_bit(rgb_profile: Any) -> None:
    """They are stored in steps of 1/65536 (ICC.1, 4.6)."""
    profile = parse_matrix_profile(rgb_profile())
    assert profile is not None
    np.testing.assert_allclose(profile.xyz_from_rgb, XYZ_FROM_ADOBE, atol=2e-5)
    np.testing.assert_allclose(np.round(profile.xyz_from_rgb * 65536, 6) % 1, 0, atol=1e-9)


def test_our_profile_has_no_time_in_it() -> None:
    """Equal pictures give equal files: it is the one inside libvips, with a date of its own."""
    assert struct.unpack_from(">H", srgb_profile(), 24)[0] < 2024
    assert is_srgb(srgb_profile())
    ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())))
