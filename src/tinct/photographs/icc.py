"""Color profiles: everything that comes in leaves this module as sRGB, or says why it could not.

Profiles of curves and a matrix (Adobe RGB, ProPhoto, Display P3, gray gamma 2.2: nearly all that
photographs carry) are computed here in floats where the samples have 16 bits: errors of at most 1
of 65535. libvips and Little CMS in 16 bits are off by up to 5,219; Little CMS in floats, by
imagecodecs, is as exact, takes four times as long and 79 MB of disk. Everything else goes through
libvips (relative colorimetric, black point compensation). Formats are those of ICC.1:2022, sections
10.6 (curv), 10.18 (para) and 10.31 (XYZ).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import linear_to_srgb
from tinct.photographs.picture import Decoded

# Pillow and pyvips are imported where they are used: they take time to load, and few photographs
# need them here.

_STRIP = 1 << 20  # pixels converted at once: bounds the memory of the copies in floats
_NUM_CODES = 65536
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # how many numbers a parametric curve of each type has
_SPACES_OF_LIBVIPS = {"GRAY": "b-w", "RGB ": "srgb", "CMYK": "cmyk"}
_SAME = 1 / 255  # by which a profile may differ from sRGB and still count as sRGB
_LEAST_WHITE = 0.92  # share of white that white must keep in a profile that makes sense
_MOST_BLACK = 0.35  # share of white that black may become
_D50 = np.array([0.9642, 1.0, 0.8249])
# Cone responses of the Bradford adaptation, as ICC.1 annex E has them
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D65 = (0.3127, 0.3290)
# Chromaticities of red, green and blue by their code points (ITU-T H.273, table 2)
_PRIMARIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06),  # BT.709, sRGB
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06),  # BT.601, 625 lines
    6: (0.63, 0.34, 0.31, 0.595, 0.155, 0.07),  # BT.601, 525 lines
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
_SRGB_CURVE = (3, (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
_BT709_CURVE = (3, (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081))
# Curves from code to light by their code points (H.273, table 3): type and numbers of "para"
_TRANSFERS: dict[int, tuple[int, tuple[float, ...]]] = {
    1: _BT709_CURVE,
    4: (0, (2.2,)),
    5: (0, (2.8,)),
    6: _BT709_CURVE,
    8: (0, (1.0,)),
    13: _SRGB_CURVE,
    14: _BT709_CURVE,
    15: _BT709_CURVE,
}
_USUAL_GAMMA = 0.45455  # of gAMA; within a few per cent it means sRGB
_NEAR = 0.05


@dataclass(frozen=True, slots=True)
class Converted:
    """Pixels in sRGB."""

    pixels: NDArray[Any]  # as Decoded.pixels, never CMYK
    icc: bytes | None  # the profile that describes the pixels now; None where none came with them
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """From 16-bit codes to linear light under D50."""

    curves: NDArray[np.float32]  # (1 or 3, 65536), linear light 0..1 of each code
    xyz_from_rgb: NDArray[np.float64]  # (3, 3); the identity for a gray profile


@cache
def srgb_profile() -> bytes:
    """Return the sRGB profile that pictures carry after a conversion: the one inside libvips."""
    import pyvips

    return bytes(pyvips.Image.profile_load("srgb"))


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
    steps = np.linspace(0, 65535, 9).round().astype(np.uint16)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(27, 27, 3)
    profile = parse_matrix_profile(icc)
    if profile is not None:
        converted = _rgb_by_matrix(grid, profile)
    elif _is_usable(icc):
        converted = _by_libvips(grid, icc)
    else:
        return False
    return bool(np.abs(converted.astype(np.int32) - grid).max() <= _SAME * 65535)


def to_srgb(picture: Decoded) -> Converted:
    """Convert a decoded picture to sRGB by its profile.

    A profile that is damaged, made for other pixels, or that does not keep white white and black
    dark, is dropped with a warning: the colors are then taken for sRGB.
    """
    pixels, icc = picture.pixels, picture.metadata.icc
    if picture.space == "cmyk":
        return _cmyk_to_srgb(pixels, icc)
    if icc is None or is_srgb(icc):
        return Converted(pixels, icc)
    space = profile_space(icc)
    if space == "GRAY" and picture.space == "rgb":
        return Converted(pixels, None, "its color profile is for gray pictures and was ignored")
    if space not in ("GRAY", "RGB ") or not _keeps_neutrals(icc):
        return Converted(pixels, None, "its color profile cannot be used and was ignored")
    profile = parse_matrix_profile(icc)
    if picture.space == "gray":
        return Converted(_gray_to_srgb(pixels, icc, profile), srgb_profile())
    result = pixels.copy()
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows, :, :3]
        if profile is not None and pixels.dtype == np.uint16:
            result[top : top + rows, :, :3] = _rgb_by_matrix(strip, profile)
        else:
            result[top : top + rows, :, :3] = _by_libvips(strip, icc)
    return Converted(result, srgb_profile())


@lru_cache(maxsize=16)
def _is_usable(icc: bytes) -> bool:
    """Ask Little CMS, through Pillow: libvips takes sRGB for a profile that it cannot use."""
    from PIL import ImageCms

    try:
        ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}[profile_space(icc)],
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return False
    return True


@lru_cache(maxsize=16)
def _keeps_neutrals(icc: bytes) -> bool:
    """Tell whether white stays white, black dark, and grays between them rise.

    A profile whose colorants do not add up to white would make noise of a photograph.
    """
    profile = parse_matrix_profile(icc)
    if profile is None and not _is_usable(icc):
        return False
    steps = np.linspace(0, 65535, 33).round().astype(np.uint16)
    space = profile_space(icc)
    if profile is not None and space == "GRAY":
        ramp = np.repeat(_gray_by_matrix(steps[None], profile)[..., None], 3, axis=2)
    elif profile is not None:
        # The tolerances are those of Firefox, which calls other profiles bogus
        if (np.abs(profile.xyz_from_rgb.sum(axis=1) - _D50) > (0.02, 0.02, 0.04)).any():
            return False
        ramp = _rgb_by_matrix(np.repeat(steps[None, :, None], 3, axis=2), profile)
    elif space == "CMYK":  # the black ink alone
        ink = (255 - (steps[None] >> 8)).astype(np.uint8)
        ramp = _by_libvips(np.dstack([ink * 0, ink * 0, ink * 0, ink]), icc).astype(np.uint16) * 257
    else:
        ramp = _by_libvips(
            np.repeat(steps[None, :, None], 1 if space == "GRAY" else 3, axis=2), icc
        )
    shares = ramp[0].astype(np.float64) / 65535
    luma = shares.mean(axis=1)
    rises = np.diff(luma).min() > -_SAME
    return bool(shares[-1].min() >= _LEAST_WHITE and luma[0] <= _MOST_BLACK and rises)


def _by_libvips(pixels: NDArray[Any], icc: bytes) -> NDArray[Any]:
    """Convert (H, W, C) samples of 8 or 16 bits to (H, W, 3) sRGB of as many bits."""
    import pyvips

    height, width, bands = pixels.shape
    kind = "uchar" if pixels.dtype == np.uint8 else "ushort"
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(pixels).data, width, height, bands, kind
    )
    image = image.copy(interpretation=_SPACES_OF_LIBVIPS[profile_space(icc)])
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    converted = image.icc_transform(
        "srgb",
        embedded=True,
        intent="relative",
        black_point_compensation=True,
        depth=8 * pixels.itemsize,
    )
    return np.asarray(converted.numpy())


def _gray_to_srgb(pixels: NDArray[Any], icc: bytes, profile: MatrixProfile | None) -> NDArray[Any]:
    """Send gray, with alpha or without, through the curve that the profile gives to neutrals."""
    num_codes = int(np.iinfo(pixels.dtype).max) + 1
    codes = np.linspace(0, 65535, num_codes).round().astype(np.uint16)[None]
    if profile is not None:
        table = _gray_by_matrix(codes, profile)
    else:
        bands = 1 if profile_space(icc) == "GRAY" else 3
        table = _by_libvips(np.repeat(codes[..., None], bands, axis=2), icc)[..., 1]
    table = np.rint(table[0] / (65535 / (num_codes - 1))).astype(pixels.dtype)
    gray = pixels if pixels.ndim == 2 else pixels[..., 0]
    converted = cv2.LUT(gray, table) if num_codes == 256 else table[gray]
    if pixels.ndim == 2:
        return np.asarray(converted)
    return np.ascontiguousarray(np.dstack([converted, pixels[..., 1]]))


def _cmyk_to_srgb(pixels: NDArray[np.uint8], icc: bytes | None) -> Converted:
    """Convert (H, W, 4) CMYK, 255 being full ink; without a usable profile by subtraction."""
    usable = icc is not None and profile_space(icc) == "CMYK" and _keeps_neutrals(icc)
    result = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        strip = pixels[top : top + rows]
        if icc is not None and usable:
            result[top : top + rows] = _by_libvips(strip, icc)
        else:
            paper = 255 - strip.astype(np.uint16)
            result[top : top + rows] = (paper[..., :3] * paper[..., 3:] + 127) // 255
    if usable:
        return Converted(result, srgb_profile())
    return Converted(result, None, None if icc is None else "its color profile was ignored")


def lab_to_srgb(lab: NDArray[np.float32], dtype: Any) -> NDArray[Any]:
    """Convert (H, W, 3) L*, a*, b* under D50 to (H, W, 3) sRGB, uint8 or uint16."""
    import pyvips

    height, width = lab.shape[:2]
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(lab).data, width, height, 3, "float"
    ).copy(interpretation="lab")
    depth = 8 * np.dtype(dtype).itemsize
    return np.asarray(
        image.icc_export(output_profile="srgb", intent="relative", depth=depth).numpy()
    )


def _rgb_by_matrix(pixels: NDArray[np.uint16], profile: MatrixProfile) -> NDArray[np.uint16]:
    """(H, W, 3) codes -> linear light -> D50 XYZ -> linear sRGB -> codes."""
    matrix = np.linalg.solve(_xyz_from_srgb(), profile.xyz_from_rgb).astype(np.float32)
    linear = np.stack([profile.curves[c][pixels[..., c]] for c in range(3)], axis=-1)
    return _encode(linear @ matrix.T)


def _gray_by_matrix(pixels: NDArray[np.uint16], profile: MatrixProfile) -> NDArray[np.uint16]:
    """Codes -> luminance -> codes; neutrals of an RGB profile have the luminance of all three."""
    if len(profile.curves) == 1:
        return _encode(profile.curves[0][pixels])
    weights = profile.xyz_from_rgb[1] / profile.xyz_from_rgb[1].sum()
    curve = (weights.astype(np.float32) @ profile.curves).astype(np.float32)
    return _encode(curve[pixels])


def _encode(linear: NDArray[np.float32]) -> NDArray[np.uint16]:
    encoded = linear_to_srgb(np.clip(linear, 0, 1))
    return np.asarray(np.rint(encoded * 65535), np.uint16)


@cache
def _xyz_from_srgb() -> NDArray[np.float64]:
    return _adapted_matrix((*_D65, *_PRIMARIES[1]))


def parse_matrix_profile(icc: bytes) -> MatrixProfile | None:
    """Read a profile of curves and a matrix; None where it is of another kind or damaged."""
    try:
        tags = _tags(icc)
        if b"A2B0" in tags or b"A2B1" in tags:
            return None
        if icc[16:20] == b"GRAY":
            curve = _curve(tags[b"kTRC"])
            if icc[20:24] == b"Lab ":  # then the curve gives L*, not luminance
                curve = _luminance(curve)
            return MatrixProfile(curve[None], np.eye(3))
        if icc[16:20] != b"RGB " or icc[20:24] != b"XYZ ":
            return None
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        columns = [
            np.array(struct.unpack_from(">3i", tags[name], 8)) / 65536
            for name in (b"rXYZ", b"gXYZ", b"bXYZ")
        ]
    except (struct.error, KeyError, ValueError, IndexError):
        return None
    return MatrixProfile(curves, np.stack(columns, axis=1))


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    found = {}
    for index in range(min(count, 200)):
        name, start, length = struct.unpack_from(">4sII", icc, 132 + 12 * index)
        found[name] = icc[start : start + length]
    return found


def _luminance(lightness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert L* / 100 to luminance, both 0..1 (CIE 15)."""
    f = (lightness * 100 + 16) / 116
    return np.where(f > 6 / 29, f**3, (f - 4 / 29) * (3 * (6 / 29) ** 2)).astype(np.float32)


def _curve(tag: bytes) -> NDArray[np.float32]:
    """Evaluate a tone curve at all 16-bit codes."""
    x = np.linspace(0, 1, _NUM_CODES)
    if tag[:4] == b"para":
        y = _parametric(x, tag)
    elif tag[:4] == b"curv":
        y = _sampled(x, tag)
    else:
        raise ValueError("unknown kind of curve")
    if not np.isfinite(y).all():
        raise ValueError("the curve leaves the numbers")
    return np.clip(y, 0, 1).astype(np.float32)


def _sampled(x: NDArray[np.float64], tag: bytes) -> NDArray[np.float64]:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return x
    values = np.frombuffer(tag, ">u2", count, 12)
    if count == 1:
        return np.asarray(x ** (values[0] / 256), np.float64)  # u8Fixed8: a plain gamma
    return np.interp(x, np.linspace(0, 1, count), values / 65535)


def _parametric(x: NDArray[np.float64], tag: bytes) -> NDArray[np.float64]:
    (kind,) = struct.unpack_from(">H", tag, 8)
    numbers = np.array(struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)) / 65536
    gamma, a, b, c, d, e, f = _seven_parameters(kind, numbers)
    curved = np.maximum(a * x + b, 0) ** gamma + e
    return np.where(x >= d, curved, c * x + f)


def _seven_parameters(kind: int, n: NDArray[np.float64]) -> tuple[float, ...]:
    """Bring all five types to (a x + b)^gamma + e from d on, and c x + f below it."""
    gamma = n[0]
    if kind == 0:
        return gamma, 1, 0, 0, 0, 0, 0
    a, b = n[1], n[2]
    if kind in (1, 2):
        offset = n[3] if kind == 2 else 0
        start = -b / a if a else 0
        return gamma, a, b, 0, start, offset, offset
    if kind == 3:
        return gamma, a, b, n[3], n[4], 0, 0
    return gamma, a, b, n[3], n[4], n[5], n[6]


def profile_of_gamma(gamma: float | None, chromaticities: tuple[float, ...] | None) -> bytes | None:
    """Make the profile that a PNG states by gAMA and cHRM; None where they mean sRGB.

    Args:
        gamma: Samples are light to this power; None, and what is near 1/2.2, means sRGB's curve.
        chromaticities: x and y of white, red, green and blue; None means those of sRGB, or gray.
    """
    usual = gamma is None or abs(gamma / _USUAL_GAMMA - 1) <= _NEAR
    curve = _SRGB_CURVE if usual or gamma is None else (0, (1 / gamma,))
    srgb = (*_D65, *_PRIMARIES[1])
    stated = srgb if chromaticities is None else chromaticities
    if np.abs(np.subtract(stated, srgb)).max() < 0.005:
        stated = srgb
    return None if usual and stated is srgb else _make_profile(curve, stated)


def knows_code_points(primaries: int, transfer: int) -> bool:
    """Tell whether colors stated by these code points (ITU-T H.273) can be converted."""
    return primaries in _PRIMARIES and transfer in _TRANSFERS


def profile_of_code_points(primaries: int, transfer: int) -> bytes | None:
    """Make the profile of code points that are known here; None where they mean sRGB.

    Args:
        primaries: Code of the colors of red, green and blue; white is D65.
        transfer: Code of the curve.
    """
    if (primaries, transfer) == (1, 13):
        return None
    return _make_profile(_TRANSFERS[transfer], (*_D65, *_PRIMARIES[primaries]))


def _adapted_matrix(chromaticities: tuple[float, ...]) -> NDArray[np.float64]:
    """Compute XYZ under D50 from linear RGB, of x and y of white, red, green and blue."""
    x, y = np.array(chromaticities, np.float64).reshape(4, 2).T
    white, *colors = np.stack([x / y, np.ones(4), (1 - x - y) / y], axis=1)
    columns = np.stack(colors, axis=1)
    xyz_from_rgb = columns * np.linalg.solve(columns, white)
    cones = _BRADFORD @ np.stack([_D50, white], axis=1)
    adapt = np.linalg.solve(_BRADFORD, (cones[:, 0] / cones[:, 1])[:, None] * _BRADFORD)
    return np.asarray(adapt @ xyz_from_rgb)


def _make_profile(
    curve: tuple[int, tuple[float, ...]], chromaticities: tuple[float, ...]
) -> bytes | None:
    """Write a profile of one curve and a matrix; None where the chromaticities make none."""
    if min(chromaticities[1::2]) <= 0:
        return None
    try:
        matrix = _adapted_matrix(chromaticities)
        kind, numbers = curve
        trc = b"para\0\0\0\0" + struct.pack(">Hxx", kind) + _fixed(*numbers)
        tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*_D50)}
        for letter, column in zip((b"r", b"g", b"b"), matrix.T, strict=True):
            tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*column)
            tags[letter + b"TRC"] = trc
    except (np.linalg.LinAlgError, struct.error, ZeroDivisionError, ValueError, OverflowError):
        return None
    table, body = b"", b""
    for name, content in tags.items():
        start = 128 + 4 + 12 * len(tags) + len(body)
        table += name + struct.pack(">II", start, len(content))
        body += content + bytes(-len(content) % 4)
    size = 128 + 4 + len(table) + len(body)
    header = struct.pack(">III", size, 0, 0x02400000) + b"mntr"
    header = (header + b"RGB XYZ ").ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + _fixed(*_D50)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(float(value) * 65536) for value in values))
