"""TIFF strips packed with Deflate, which is what tinct itself writes.

OpenCV multiplies colors with alpha on the way and Pillow has no 16-bit color, so these are
unpacked here; in return damage is noticed, and what is left of a damaged file can be used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tinct.photographs.decoded import UnreadableError
from tinct.photographs.deflate import unpack_exactly

_DEFLATE = (8, 32946)
_NO_PREDICTOR, _HORIZONTAL = 1, 2
_CHUNKY = 1


def unpack_deflated(page: tifffile.TiffPage, data: bytes) -> tuple[NDArray[Any], bool] | None:
    """Unpack a page of 8- or 16-bit samples in strips.

    Returns:
        (H, W) or (H, W, C) samples as stored, and whether all was well; missing rows are zero.
        None where the page is stored in another way.

    Raises:
        UnreadableError: Nothing can be unpacked.
    """
    if not _is_for_us(page):
        return None
    height, width, channels = page.imagelength, page.imagewidth, page.samplesperpixel
    stored = np.dtype(f"{page.parent.byteorder}u{page.bitspersample // 8}")
    num_planes = channels if page.planarconfig != _CHUNKY else 1
    planes = np.zeros((num_planes, height, width, channels // num_planes), f"u{stored.itemsize}")
    rows = min(page.rowsperstrip, height)
    num_complete, per_plane = 0, -(-height // rows)
    for index in range(num_planes * per_plane):
        top = index % per_plane * rows
        strip = planes[index // per_plane, top : top + rows]
        num_complete += _unpack_strip(page, data, index, strip, stored)
    if num_complete == 0 and not planes.any():
        raise UnreadableError("damaged beyond reading")
    pixels = (
        planes[0] if num_planes == 1 else np.ascontiguousarray(np.moveaxis(planes[..., 0], 0, 2))
    )
    complete = num_complete == num_planes * per_plane
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels, complete


def _is_for_us(page: tifffile.TiffPage) -> bool:
    return (
        page.compression in _DEFLATE
        and page.predictor in (_NO_PREDICTOR, _HORIZONTAL)
        and page.bitspersample in (8, 16)
        and not page.is_tiled
        and page.rowsperstrip > 0
    )


def _unpack_strip(
    page: tifffile.TiffPage, data: bytes, index: int, strip: NDArray[Any], stored: np.dtype[Any]
) -> bool:
    """Fill the rows of one strip as far as possible; tell whether all was well."""
    if index >= min(len(page.dataoffsets), len(page.databytecounts)):
        return False
    start, length = page.dataoffsets[index], page.databytecounts[index]
    row_bytes = strip[0].nbytes
    raw, complete = unpack_exactly(data[start : start + length], strip.nbytes)
    num_rows = len(raw) // row_bytes
    samples = np.frombuffer(raw, stored, num_rows * row_bytes // stored.itemsize)
    samples = samples.reshape(num_rows, *strip.shape[1:])
    if page.predictor == _HORIZONTAL:
        np.add.accumulate(samples, axis=1, dtype=strip.dtype, out=strip[:num_rows])
    else:
        strip[:num_rows] = samples
    return complete
