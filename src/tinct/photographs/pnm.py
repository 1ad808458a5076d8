"""PGM and PPM with binary samples (P5, P6), at any depth up to 16 bits."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.photographs.picture import Decoded, Limit, UnreadableError

_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([56])" + _GAP + _GAP.join([rb"(\d{1,9})"] * 3) + rb"\s")
_HEADER_MAX = 4096  # bytes, comments included


def decode_pnm(data: bytes, limit: Limit) -> Decoded:
    """Decode a P5 or P6 file; samples are scaled so that the file's own maximum becomes white.

    Raises:
        UnreadableError: The header makes no sense. Missing rows at the end are black, with a
            warning.
    """
    found = _HEADER.match(data[:_HEADER_MAX])
    if not found:
        raise UnreadableError("damaged: its header makes no sense")
    kind, width, height, maximum = (int(number) for number in found.groups())
    limit.check(height, width)
    if not 0 < maximum < 65536:
        raise UnreadableError("damaged: its header makes no sense")
    shape = (height, width) if kind == 5 else (height, width, 3)
    stored = np.dtype(">u2") if maximum > 255 else np.dtype(np.uint8)
    wanted = int(np.prod(shape, dtype=np.int64))
    available = (len(data) - found.end()) // stored.itemsize
    if available == 0:
        raise UnreadableError("damaged: it ends before the picture begins")
    samples = np.frombuffer(data, stored, min(available, wanted), found.end())
    warnings: tuple[str, ...] = ()
    if available < wanted:
        samples = np.concatenate([samples, np.zeros(wanted - available, stored)])
        warnings = ("damaged, read as far as possible (it ends early)",)
    pixels = _scale(samples.reshape(shape), maximum)
    return Decoded(pixels, "gray" if kind == 5 else "rgb", warnings=warnings)


def _scale(samples: NDArray[Any], maximum: int) -> NDArray[Any]:
    """Bring samples of 0..maximum to the full range of 8 or 16 bits."""
    target = 255 if maximum <= 255 else 65535
    dtype = np.uint8 if maximum <= 255 else np.uint16
    if maximum == target:
        return samples.astype(dtype)
    codes = np.minimum(np.arange(target + 1), maximum)
    table: NDArray[Any] = ((codes * target + maximum // 2) // maximum).astype(dtype)
    return np.take(table, samples)


def encode_pnm(pixels: NDArray[Any]) -> bytes:
    """Encode (H, W) as PGM or (H, W, 3) as PPM, 8 or 16 bits."""
    height, width = pixels.shape[:2]
    kind = 5 if pixels.ndim == 2 else 6
    header = f"P{kind}\n{width} {height}\n{np.iinfo(pixels.dtype).max}\n".encode()
    return header + pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).tobytes()
