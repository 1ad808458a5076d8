"""ICC profiles that consist of curves and a matrix, computed in floats.

Little CMS, as Pillow offers it, works on 8 bits. Photographs of 16 bits nearly always carry one of
these simple profiles (Adobe RGB, ProPhoto, Display P3, gray gamma 2.2), so tinct evaluates them
itself and loses nothing. The formats are those of ICC.1:2022, sections 10.6 (curv), 10.18 (para)
and 10.31 (XYZ).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NUM_CODES = 65536
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}  # how many numbers a parametric curve of each type has


@dataclass(frozen=True, slots=True)
class MatrixProfile:
    """From 16-bit codes to linear light under D50."""

    curves: NDArray[np.float32]  # (1 or 3, 65536), linear light 0..1 of each code
    xyz_from_rgb: NDArray[np.float64]  # (3, 3); the identity for a gray profile


def parse_matrix_profile(profile: bytes) -> MatrixProfile | None:
    """Read a profile of curves and a matrix; None where it is of another kind or damaged."""
    try:
        tags = _tags(profile)
        if profile[16:20] == b"GRAY" and b"A2B0" not in tags:
            return MatrixProfile(_curve(tags[b"kTRC"])[None], np.eye(3))
        if profile[16:20] != b"RGB " or profile[20:24] != b"XYZ " or b"A2B0" in tags:
            return None
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (struct.error, KeyError, ValueError, IndexError):
        return None
    return MatrixProfile(curves, np.stack(columns, axis=1))


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for index in range(min(count, 200)):
        name, start, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        found[name] = profile[start : start + length]
    return found


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


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
