"""Color arithmetic: sRGB, linear light, CIE L*a*b*, and the luma and chroma of film and JPEG.

Every function is pure, takes arrays of float32 or float64 of any number of dimensions and returns
the same dtype; colors lie on the last axis. Integers are refused (TypeError), because 128 could
mean 0.5 or 128, and so is a last axis of the wrong length (ValueError).

The white point is D65 for the 2-degree observer throughout. A neutral color comes out neutral,
exactly: the matrices are applied as differences from one channel, so that equal channels give equal
tristimulus ratios whatever the rounding.

References:
    IEC 61966-2-1:1999, sRGB: transfer curve and primaries.
    CIE 15:2004, Colorimetry: L*a*b* and the 2-degree D65 white point (as in ASTM E308).
    ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance): luma, chroma and their codes;
    ITU-T T.871 (JFIF): full range.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Float = TypeVar("Float", bound=np.floating[Any])
Plane = NDArray[np.float32]
"""One channel of a picture, (H, W) float32."""
Planes = NDArray[np.float32]
"""Channels of a picture, or of several, as planes: (C, H, W) or (N, C, H, W) float32."""
Gray = NDArray[np.uint8]
"""A gray picture, (H, W) uint8, full range."""
Standard = Literal["bt601", "bt709", "bt2020"]
Range = Literal["full", "limited"]

# Tristimulus values of D65, 2 degrees, at Y = 1; the chromaticity rounds to the 0.3127, 0.3290 of
# IEC 61966-2-1.
WHITE_XYZ: NDArray[np.float64] = np.array([0.95047, 1.0, 1.08883])
# x, y, z of the red, green and blue primaries (columns), IEC 61966-2-1.
PRIMARIES_XYZ: NDArray[np.float64] = np.array(
    [[0.64, 0.30, 0.15], [0.33, 0.60, 0.06], [0.03, 0.10, 0.79]]
)

XYZ_FROM_LINEAR_RGB = np.asarray(
    PRIMARIES_XYZ * np.linalg.solve(PRIMARIES_XYZ, WHITE_XYZ), dtype=np.float64
)
# "Relative" means divided by the white point: these rows sum to 1.
RELATIVE_FROM_LINEAR_RGB = XYZ_FROM_LINEAR_RGB / WHITE_XYZ[:, None]
LINEAR_RGB_FROM_RELATIVE = np.linalg.inv(RELATIVE_FROM_LINEAR_RGB)

# IEC 61966-2-1: the straight part of the transfer curve and where it ends, encoded and linear.
SRGB_SLOPE = 12.92
SRGB_OFFSET = 0.055
SRGB_POWER = 2.4
SRGB_KNEE_ENCODED = 0.04045
SRGB_KNEE_LINEAR = 0.0031308

# CIE 15: below DELTA ** 3 the cube root goes on as its tangent.
DELTA = 6 / 29

# Weights of R' and B' in luma; G' has the rest.
LUMA_WEIGHTS: dict[Standard, tuple[float, float, float]] = {
    "bt601": (0.299, 0.587, 0.114),
    "bt709": (0.2126, 0.7152, 0.0722),
    "bt2020": (0.2627, 0.6780, 0.0593),
}


def srgb_to_linear(encoded: NDArray[Float]) -> NDArray[Float]:
    """Undo the sRGB transfer curve.

    Args:
        encoded: Any shape, float; sRGB-encoded, nominally 0..1. Above 1 the curve goes on, below 0
            it is mirrored about the origin.

    Returns:
        Linear light of the same shape and dtype, 0..1 where the input is.
    """
    encoded = _floats(encoded)
    size = np.abs(encoded)
    base = (np.maximum(size, SRGB_KNEE_ENCODED) + SRGB_OFFSET) / (1 + SRGB_OFFSET)
    curved = base * base * _power(base, SRGB_POWER - 2)
    straight = size / SRGB_SLOPE
    mirrored = np.copysign(np.where(size > SRGB_KNEE_ENCODED, curved, straight), encoded)
    return _like(encoded, mirrored)


def linear_to_srgb(linear: NDArray[Float]) -> NDArray[Float]:
    """Apply the sRGB transfer curve.

    Args:
        linear: Any shape, float; linear light, nominally 0..1. Above 1 the curve goes on, below 0
            it is mirrored about the origin.

    Returns:
        Encoded values of the same shape and dtype, 0..1 where the input is.
    """
    linear = _floats(linear)
    size = np.abs(linear)
    root = _power(np.maximum(size, SRGB_KNEE_LINEAR), 1 / SRGB_POWER)
    curved = (1 + SRGB_OFFSET) * (root - 1) + 1  # = 1.055 root - 0.055, and 1 exactly at 1
    straight = size * SRGB_SLOPE
    mirrored = np.copysign(np.where(size > SRGB_KNEE_LINEAR, curved, straight), linear)
    return _like(linear, mirrored)


def rgb_to_lab(rgb: NDArray[Float]) -> NDArray[Float]:
    """Convert sRGB to CIE L*a*b*.

    Args:
        rgb: (..., 3), float, sRGB-encoded, 0..1.

    Returns:
        (..., 3) of the same dtype: L 0..100, a within -87..99 and b within -108..95 CIE units.
        Neutral colors have a = b = 0 exactly and white has L = 100 exactly.
    """
    return _relative_to_lab(_to_relative(srgb_to_linear(_triples(rgb))))


def lab_to_rgb(lab: NDArray[Float]) -> NDArray[Float]:
    """Convert CIE L*a*b* to sRGB.

    Args:
        lab: (..., 3), float, L 0..100, a and b in CIE units.

    Returns:
        (..., 3) of the same dtype, sRGB-encoded; it leaves 0..1 where sRGB cannot show the color,
        which is the caller's to decide about (``tinct.gamut.map_to_gamut``).
    """
    return linear_to_srgb(lab_to_linear_rgb(lab))


def lab_to_linear_rgb(lab: NDArray[Float]) -> NDArray[Float]:
    """Convert CIE L*a*b*, (..., 3) float, to linear sRGB, which leaves 0..1 when out of gamut."""
    return _from_relative(_lab_to_relative(_triples(lab)))


def rgb_to_luma(rgb: NDArray[Float], standard: Standard = "bt601") -> NDArray[Float]:
    """Compute luma Y', the weighted sum of encoded R'G'B'.

    Args:
        rgb: (..., 3), float, sRGB-encoded.
        standard: Whose weights: "bt601" (photographs, JPEG, SD film), "bt709" (HD film) or
            "bt2020" (UHD film, its primaries taken to be those of sRGB).

    Returns:
        (...) of the same dtype, 0..1 where rgb is; exactly v for (v, v, v).
    """
    red, green, blue = _channels(_triples(rgb))
    weight_red, _, weight_blue = LUMA_WEIGHTS[standard]
    return _like(rgb, green + weight_red * (red - green) + weight_blue * (blue - green))


def rgb_to_chroma(rgb: NDArray[Float], standard: Standard = "bt601") -> NDArray[Float]:
    """Compute Cb and Cr, the scaled differences B' - Y' and R' - Y'.

    Args:
        rgb: (..., 3), float, sRGB-encoded, 0..1.
        standard: Whose luma: "bt601", "bt709" or "bt2020".

    Returns:
        (..., 2) of the same dtype: Cb, Cr in -0.5..0.5, both exactly 0 for neutral colors.
    """
    luma = rgb_to_luma(rgb, standard)
    weight_red, _, weight_blue = LUMA_WEIGHTS[standard]
    chroma = np.empty((*luma.shape, 2), luma.dtype)
    chroma[..., 0] = (rgb[..., 2] - luma) * (0.5 / (1 - weight_blue))
    chroma[..., 1] = (rgb[..., 0] - luma) * (0.5 / (1 - weight_red))
    return chroma


def luma_chroma_to_rgb(
    luma: NDArray[Float], chroma: NDArray[Float], standard: Standard = "bt601"
) -> NDArray[Float]:
    """Put R'G'B' together again.

    Args:
        luma: (...), float, 0..1.
        chroma: (..., 2), float: Cb, Cr in -0.5..0.5.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".

    Returns:
        (..., 3) of the same dtype, sRGB-encoded; it leaves 0..1 where there is no such color
        (``tinct.gamut.limit_chroma``).
    """
    luma, chroma = _floats(luma), _floats(chroma)
    weight_red, weight_green, weight_blue = LUMA_WEIGHTS[standard]
    blue_less = chroma[..., 0] * (2 * (1 - weight_blue))
    red_less = chroma[..., 1] * (2 * (1 - weight_red))
    rgb = np.empty((*luma.shape, 3), luma.dtype)
    rgb[..., 0] = luma + red_less
    rgb[..., 1] = luma - (weight_red * red_less + weight_blue * blue_less) * (1 / weight_green)
    rgb[..., 2] = luma + blue_less
    return rgb


def luma_to_lightness(luma: NDArray[Float]) -> NDArray[Float]:
    """Return the L*, 0..100, of neutral colors (v, v, v): any shape, float 0..1, dtype kept."""
    return _like(luma, 116 * _lab_curve(srgb_to_linear(luma)) - 16)


def lightness_to_luma(lightness: NDArray[Float]) -> NDArray[Float]:
    """Undo luma_to_lightness: any shape, float 0..100, to 0..1 of the same shape and dtype."""
    return linear_to_srgb(_like(lightness, _lab_uncurve((_floats(lightness) + 16) / 116)))


def quantize_luma(luma: NDArray[Float], bits: int = 8, range_: Range = "full") -> NDArray[Any]:
    """Round luma to the codes of a digital picture.

    Args:
        luma: Any shape, float; what lies outside 0..1 is clipped.
        bits: 8 or 10 (any of 8..16 works the same way).
        range_: "full" (JPEG: 0..255 in 8 bits) or "limited" (film: 16..235 in 8 bits, 64..940 in
            10).

    Returns:
        Codes of the same shape, uint8 for 8 bits, else uint16; rounded to the nearest.
    """
    low, high = luma_codes(bits, range_)
    return _round_to_codes(_floats(luma) * (high - low) + low, low, high, bits)


def quantize_chroma(chroma: NDArray[Float], bits: int = 8, range_: Range = "full") -> NDArray[Any]:
    """Round chroma (Cb, Cr or both) to the codes of a digital picture.

    Args:
        chroma: Any shape, float; what lies outside -0.5..0.5 is clipped.
        bits: 8 or 10 (any of 8..16 works the same way).
        range_: "full" (JPEG: 128 +- 127.5 in 8 bits) or "limited" (film: 16..240 in 8 bits, 64..960
            in 10).

    Returns:
        Codes of the same shape, uint8 for 8 bits, else uint16; rounded to the nearest. No chroma is
        the code 2 ** (bits - 1).
    """
    zero, span = chroma_codes(bits, range_)
    low, high = zero - span / 2, min(zero + span / 2, 2**bits - 1)
    return _round_to_codes(_floats(chroma) * span + zero, low, high, bits)


def dequantize_chroma(
    codes: NDArray[np.integer[Any]], bits: int = 8, range_: Range = "full"
) -> NDArray[np.float32]:
    """Undo quantize_chroma, to float32, nominally -0.5..0.5."""
    zero, span = chroma_codes(bits, range_)
    return (np.asarray(codes, dtype=np.float32) - np.float32(zero)) * np.float32(1 / span)


def luma_codes(bits: int, range_: Range) -> tuple[int, int]:
    """Return the codes of black and white, see :func:`quantize_luma`."""
    if range_ == "full":
        return 0, 2**bits - 1
    return 16 << (bits - 8), 235 << (bits - 8)


def chroma_codes(bits: int, range_: Range) -> tuple[int, int]:
    """Return the code of zero chroma and the number of codes from -0.5 to 0.5.

    See :func:`quantize_chroma`.
    """
    return 1 << (bits - 1), 2**bits - 1 if range_ == "full" else 224 << (bits - 8)


def _round_to_codes(values: NDArray[Any], low: float, high: float, bits: int) -> NDArray[Any]:
    """Clip to the code range and round to the nearest code."""
    codes = np.rint(np.clip(values, low, high))
    return np.asarray(codes, dtype=np.uint8 if bits == 8 else np.uint16)


def _floats(values: NDArray[Float]) -> NDArray[Float]:
    """Return the values as an array, or raise TypeError when they are not floating-point."""
    array = np.asarray(values)
    if array.dtype.kind != "f":
        raise TypeError(f"color arithmetic needs floating-point values, not {array.dtype}")
    return array


def _triples(values: NDArray[Float]) -> NDArray[Float]:
    """Return the values as an array, or raise ValueError when they are not (..., 3)."""
    array = _floats(values)
    if array.ndim == 0 or array.shape[-1] != 3:
        raise ValueError(f"the last axis must hold 3 channels, but the shape is {array.shape}")
    return array


def _like(model: NDArray[Float], values: Any) -> NDArray[Float]:
    """Return values as an array of the dtype of model (no copy where they already are)."""
    return np.asarray(values, dtype=np.asarray(model).dtype)


def _channels(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Split (..., 3) into three arrays (...)."""
    return values[..., 0], values[..., 1], values[..., 2]


def _power(base: NDArray[Any], exponent: float) -> NDArray[Any]:
    """Raise positive numbers to a power, through exp and log: faster in NumPy than pow and cbrt."""
    result = np.log(base)
    result *= exponent
    return np.asarray(np.exp(result))


def _to_relative(linear_rgb: NDArray[Float]) -> NDArray[Float]:
    """Turn linear sRGB into XYZ over the white point, (..., 3); equal channels stay equal."""
    red, green, blue = _channels(linear_rgb)
    red_less, blue_less = red - green, blue - green
    relative = np.empty_like(linear_rgb)
    for index, row in enumerate(RELATIVE_FROM_LINEAR_RGB.tolist()):
        relative[..., index] = green + row[0] * red_less + row[2] * blue_less
    return relative


def _from_relative(relative: NDArray[Float]) -> NDArray[Float]:
    """Turn XYZ over the white point into linear sRGB, (..., 3); equal values stay equal."""
    x, y, z = _channels(relative)
    x_less, z_less = x - y, z - y
    linear_rgb = np.empty_like(relative)
    for index, row in enumerate(LINEAR_RGB_FROM_RELATIVE.tolist()):
        linear_rgb[..., index] = y + row[0] * x_less + row[2] * z_less
    return linear_rgb


def _lab_curve(ratio: NDArray[Any]) -> NDArray[Any]:
    """Apply the f of CIE 15: the cube root, and its tangent below DELTA ** 3."""
    knee = DELTA**3
    tangent = (ratio - knee) * (1 / (3 * DELTA**2)) + DELTA
    return np.where(ratio > knee, _power(np.maximum(ratio, knee), 1 / 3), tangent)


def _lab_uncurve(value: NDArray[Any]) -> NDArray[Any]:
    """Undo _lab_curve."""
    return np.where(value > DELTA, value * value * value, (value - 4 / 29) * (3 * DELTA**2))


def _relative_to_lab(relative: NDArray[Float]) -> NDArray[Float]:
    """Turn XYZ over the white point into L*a*b*, (..., 3)."""
    x, y, z = _channels(_lab_curve(relative))
    lab = np.empty_like(relative)
    lab[..., 0] = 116 * y - 16
    lab[..., 1] = 500 * (x - y)
    lab[..., 2] = 200 * (y - z)
    return lab


def _lab_to_relative(lab: NDArray[Float]) -> NDArray[Float]:
    """Turn L*a*b* into XYZ over the white point, (..., 3)."""
    lightness, a, b = _channels(lab)
    values = np.empty_like(lab)
    y = (lightness + 16) / 116
    values[..., 0] = y + a / 500
    values[..., 1] = y
    values[..., 2] = y - b / 200
    return _like(lab, _lab_uncurve(values))
