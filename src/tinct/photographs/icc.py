"""Color profiles: everything that comes in leaves this module as sRGB, or says why it could not.

8-bit pixels go through Little CMS (relative colorimetric, black point compensation). 16-bit pixels
go through ``matrix_profile``; where their profile is a table instead, pixels and profile are kept
as they are.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import linear_to_srgb
from tinct.photographs.decoded import Decoded
from tinct.photographs.matrix_profile import MatrixProfile, parse_matrix_profile

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsTransform

# Pillow is imported where it is used: it takes time to load, and few photographs need it here

_STRIP = 1 << 20  # pixels converted at once: bounds the memory of the copies that Pillow needs
_MODES = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}
_SAME = 1  # 8-bit codes by which a profile may differ from sRGB and still count as sRGB


@dataclass(frozen=True, slots=True)
class Converted:
    """Pixels in sRGB (or untouched, when ``icc`` is another profile)."""

    pixels: NDArray[Any]  # as Decoded.pixels, never CMYK
    icc: bytes | None  # the profile that describes the pixels now; None where none came with them
    warning: str | None = None


@cache
def srgb_profile() -> bytes:
    """Make the sRGB profile that pictures carry after a conversion."""
    from PIL import ImageCms

    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Little CMS writes the time of day into the header; equal pictures shall give equal files
    return made[:24] + b"\x07\xd0\0\x01\0\x01\0\0\0\0\0\0" + made[36:]


def profile_space(icc: bytes) -> str:
    """Read which kind of pixels a profile is for: "RGB ", "GRAY", "CMYK" and others."""
    return icc[16:20].decode("latin-1")


@lru_cache(maxsize=16)
def is_srgb(icc: bytes | None) -> bool:
    """Tell whether pixels with this profile need no conversion: none is taken for sRGB."""
    if icc is None:
        return True
    if profile_space(icc) != "RGB ":
        return False
    transform = _transform(icc)
    if transform is None:
        return False
    steps = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    change = np.abs(_apply(transform, grid, "RGB").astype(np.int16) - grid)
    return int(change.max()) <= _SAME


def to_srgb(picture: Decoded) -> Converted:
    """Convert a decoded picture to sRGB by its profile.

    A profile that is damaged or made for other pixels is dropped with a warning: the colors are
    then taken for sRGB.
    """
    pixels, icc = picture.pixels, picture.metadata.icc
    if picture.space == "cmyk":
        return _cmyk_to_srgb(pixels, icc)
    if icc is None or is_srgb(icc):
        return Converted(pixels, icc)
    space = profile_space(icc)
    if space == "Lab ":
        return Converted(pixels, None)  # decoding has made RGB of them
    if space == "GRAY" and picture.space == "rgb":
        return Converted(pixels, None, "its color profile is for gray pictures and was ignored")
    if space not in ("GRAY", "RGB ") or _transform(icc) is None:
        return Converted(pixels, None, "its color profile cannot be used and was ignored")
    if pixels.dtype == np.uint16:
        return _deep_to_srgb(picture, icc)
    convert = _gray_to_srgb if picture.space == "gray" else _rgb_to_srgb
    return Converted(convert(pixels, icc), srgb_profile())


@lru_cache(maxsize=16)
def _transform(icc: bytes) -> ImageCmsTransform | None:
    """Build the 8-bit way from a profile to sRGB; None for a profile that cannot be used."""
    from PIL import ImageCms

    try:
        return ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
            _MODES[profile_space(icc)],
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return None


def _apply(transform: ImageCmsTransform, pixels: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """Transform (H, W) or (H, W, C) 8-bit pixels to (H, W, 3) sRGB."""
    from PIL import Image

    height, width = pixels.shape[:2]
    source = Image.frombytes(mode, (width, height), np.ascontiguousarray(pixels).tobytes())
    return np.asarray(transform.apply(source))


def _rows_at_once(width: int) -> int:
    return max(1, _STRIP // width)


def _gray_to_srgb(pixels: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8]:
    """Send gray through the tone curve that the profile gives to neutral colors."""
    profile = parse_matrix_profile(icc)
    if profile is not None:  # exact, where Little CMS rounds the dark tones of steep curves
        codes = _deep_gray(np.arange(256, dtype=np.uint16) * 257, profile)
        return _look_up(pixels, np.rint(codes / 257).astype(np.uint8))
    transform = _transform(icc)
    assert transform is not None
    mode = _MODES[profile_space(icc)]
    ramp = np.arange(256, dtype=np.uint8)[None]
    table = _apply(transform, ramp if mode == "L" else np.dstack([ramp] * 3), mode)[0, :, 1].copy()
    return _look_up(pixels, table)


def _look_up(pixels: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Send (H, W) gray or (H, W, 2) gray and alpha through a table of 256 codes."""
    if pixels.ndim == 2:
        return np.asarray(cv2.LUT(pixels, table), np.uint8)
    return np.ascontiguousarray(np.dstack([cv2.LUT(pixels[..., 0].copy(), table), pixels[..., 1]]))


def _rgb_to_srgb(pixels: NDArray[np.uint8], icc: bytes) -> NDArray[np.uint8]:
    transform = _transform(icc)
    assert transform is not None
    result = pixels.copy()
    rows = _rows_at_once(pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows, :, :3]
        result[top : top + rows, :, :3] = _apply(transform, strip, "RGB")
    return result


def _cmyk_to_srgb(pixels: NDArray[np.uint8], icc: bytes | None) -> Converted:
    """Convert (H, W, 4) CMYK, 255 being full ink; without a usable profile by subtraction."""
    transform = _transform(icc) if icc is not None and profile_space(icc) == "CMYK" else None
    result = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = _rows_at_once(pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows]
        if transform is not None:
            result[top : top + rows] = _apply(transform, strip, "CMYK")
        else:
            paper = 255 - strip.astype(np.uint16)
            result[top : top + rows] = (paper[..., :3] * paper[..., 3:] + 127) // 255
    if transform is not None:
        return Converted(result, srgb_profile())
    return Converted(result, None, None if icc is None else "its color profile was ignored")


def _deep_to_srgb(picture: Decoded, icc: bytes) -> Converted:
    """Convert 16-bit pixels by curves and matrix, or keep them with their profile."""
    pixels = picture.pixels
    profile = parse_matrix_profile(icc)
    if profile is None:
        kept = "its color profile is a table: 16-bit pixels keep it and are not converted to sRGB"
        return Converted(pixels, icc, kept)
    result = pixels.copy()
    rows = _rows_at_once(pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows]
        if picture.space == "rgb":
            result[top : top + rows, :, :3] = _deep_rgb(strip[..., :3], profile)
        elif pixels.ndim == 2:
            result[top : top + rows] = _deep_gray(strip, profile)
        else:
            result[top : top + rows, :, 0] = _deep_gray(strip[..., 0], profile)
    return Converted(result, srgb_profile())


def _deep_rgb(pixels: NDArray[Any], profile: MatrixProfile) -> NDArray[np.uint16]:
    """(H, W, 3) codes -> linear light -> D50 XYZ -> linear sRGB -> codes."""
    srgb = parse_matrix_profile(srgb_profile())
    assert srgb is not None
    matrix = np.linalg.solve(srgb.xyz_from_rgb, profile.xyz_from_rgb).astype(np.float32)
    linear = np.stack([profile.curves[c][pixels[..., c]] for c in range(3)], axis=-1)
    return _encode(linear @ matrix.T)


def _deep_gray(pixels: NDArray[Any], profile: MatrixProfile) -> NDArray[np.uint16]:
    """(H, W) codes -> linear light -> codes; neutrals of an RGB profile follow its green curve."""
    return _encode(profile.curves[len(profile.curves) // 2][pixels])


def _encode(linear: NDArray[np.float32]) -> NDArray[np.uint16]:
    encoded = linear_to_srgb(np.clip(linear, 0, 1))
    return np.asarray(np.rint(encoded * 65535), np.uint16)
